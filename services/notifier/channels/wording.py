"""What messages to people say, in each language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.schemas.endpoints import EventType
from shared.schemas.events import UsageResource
from shared.schemas.jobs import ReportLanguage


@dataclass(frozen=True, kw_only=True)
class Phrase:
    """What is said about one type of message."""

    subject: str
    """`{title}` is the recording's, or the batch's; of usage, `{threshold}` is in percent and `{resource}` what is used."""
    heading: str
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Wording:
    """All texts in one language. Braces are filled in."""

    locale: str
    """For `lang` and `Content-Language`."""
    phrases: Mapping[EventType, Phrase]
    reasons: Mapping[str, str]
    """What failures mean, by code. What the API says of them is English and more exact, and stands beside it."""
    untitled: str
    untitled_batch: str
    recording: str
    batch: str
    duration: str
    report: str
    reason: str
    progress: str
    job: str
    endpoint: str
    files: str
    not_made: str
    """Beside a file that could not be made."""
    open_job: str
    open_batch: str
    attached: str
    needs_access: str
    confirm: str
    confirm_note: str
    colon: str
    hours: str
    minutes: str
    seconds: str
    recordings: str
    completed: str
    failed: str
    cancelled: str
    refused: str
    deleted: str
    resources: Mapping[UsageResource, str]
    month: str
    resets: str
    why: str
    why_user: str
    organisation: str
    join: str
    join_note: str
    reset: str
    reset_note: str
    unsubscribe: str
    unsubscribe_sentence: str


ENGLISH = Wording(
    locale="en",
    phrases={
        EventType.JOB_COMPLETED: Phrase(
            subject="Ready: {title}", heading="Your recording is transcribed", sentence="The files below are ready."
        ),
        EventType.JOB_FAILED: Phrase(
            subject="Failed: {title}",
            heading="Your recording could not be transcribed",
            sentence="Below is why, and what to do.",
        ),
        EventType.JOB_CANCELLED: Phrase(
            subject="Cancelled: {title}", heading="The job was cancelled", sentence="No more work is done on it."
        ),
        EventType.JOB_PROGRESSED: Phrase(
            subject="In progress: {title}",
            heading="Your recording is being worked on",
            sentence="You will hear again when it is done.",
        ),
        EventType.BATCH_COMPLETED: Phrase(
            subject="All done: {title}",
            heading="The batch is done",
            sentence="No recording of the batch is being worked on any more. This is how they ended.",
        ),
        EventType.USAGE_THRESHOLD: Phrase(
            subject="{threshold} % used: {resource}",
            heading="{threshold} % of this month's limit is used",
            sentence="When all of it is used, what needs more is refused. The operator can give you another plan.",
        ),
        EventType.ENDPOINT_TEST: Phrase(
            subject="Test message from Audio2txt",
            heading="This works",
            sentence="Somebody asked for a test message. What happens to recordings will be told here.",
        ),
        EventType.ENDPOINT_CONFIRMATION: Phrase(
            subject="Please confirm your e-mail address",
            heading="Do you want e-mails about recordings?",
            sentence="Somebody wants to have this address told what happens to recordings: when one is transcribed, or why it "
            "could not be. Nothing more is sent unless you say yes.",
        ),
        EventType.ENDPOINT_FAILING: Phrase(
            subject="An endpoint does not take its messages",
            heading="An endpoint of yours takes nothing",
            sentence="Its messages are kept and tried again. If it takes nothing for five days, it is switched off.",
        ),
        EventType.ENDPOINT_DISABLED: Phrase(
            subject="An endpoint was switched off",
            heading="An endpoint of yours was switched off",
            sentence="Nothing more is sent to it. When it works again, switch it on and have what it missed sent again.",
        ),
        EventType.USER_INVITATION: Phrase(
            subject="You are invited to Audio2txt",
            heading="You are invited to Audio2txt",
            sentence="Somebody wants to work with you on transcripts of recordings. Choose a password, and you can sign in "
            "with this address.",
        ),
        EventType.USER_PASSWORD_RESET: Phrase(
            subject="Your new password for Audio2txt",
            heading="Choose a new password",
            sentence="Somebody asked for a new password for your account. The old one stays as it is unless you choose "
            "another; that signs you out everywhere.",
        ),
    },
    reasons={},
    untitled="Untitled recording",
    untitled_batch="Untitled batch",
    recording="Recording",
    batch="Batch",
    duration="Length",
    report="Report",
    reason="Reason",
    progress="Progress",
    job="Job",
    endpoint="Endpoint",
    files="Files",
    not_made="could not be made",
    open_job="Open the job",
    open_batch="Open the batch",
    attached="attached",
    needs_access="The links ask for your access to Audio2txt.",
    confirm="Yes, send them",
    confirm_note="If you know nothing of this, do nothing.",
    colon=": ",
    hours="{hours} h {minutes:02} min",
    minutes="{minutes} min {seconds:02} s",
    seconds="{seconds} s",
    recordings="Recordings",
    completed="Transcribed",
    failed="Failed",
    cancelled="Cancelled",
    refused="Not accepted",
    deleted="Deleted",
    resources={
        UsageResource.MINUTES: "Minutes of audio",
        UsageResource.STORAGE_BYTES: "Storage, bytes",
        UsageResource.LLM_TOKENS: "Tokens of language models",
        UsageResource.LLM_USD: "Cost of language models, USD",
    },
    month="Month",
    resets="All there again on",
    why="You get this message because {address} was set up to be told about recordings.",
    why_user="You get this message because somebody gave {address} as their, or your, address.",
    organisation="Organisation",
    join="Choose a password",
    join_note="The link works once, for seven days. If you know nothing of this, do nothing.",
    reset="Choose a new password",
    reset_note="The link works once, for an hour. If it was not you, do nothing.",
    unsubscribe="Unsubscribe",
    unsubscribe_sentence="To get no more of them",
)

CHINESE = Wording(
    locale="zh-Hant",
    phrases={
        EventType.JOB_COMPLETED: Phrase(subject="已完成：{title}", heading="錄音已轉成文字", sentence="以下檔案已經準備好。"),
        EventType.JOB_FAILED: Phrase(
            subject="未能完成：{title}",
            heading="這段錄音無法轉成文字",
            sentence="原因與處理方式如下。",
        ),
        EventType.JOB_CANCELLED: Phrase(subject="已取消：{title}", heading="工作已取消", sentence="這項工作不會再繼續。"),
        EventType.JOB_PROGRESSED: Phrase(subject="處理中：{title}", heading="正在處理您的錄音", sentence="完成後會再通知您。"),
        EventType.BATCH_COMPLETED: Phrase(
            subject="全部處理完畢：{title}",
            heading="整批錄音已處理完畢",
            sentence="這一批錄音都已處理完畢，結果如下。",
        ),
        EventType.USAGE_THRESHOLD: Phrase(
            subject="已使用 {threshold} %：{resource}",
            heading="本月額度已使用 {threshold} %",
            sentence="用完之後，需要更多額度的要求會被拒絕。可請系統管理者調整方案。",
        ),
        EventType.ENDPOINT_TEST: Phrase(
            subject="Audio2txt 測試訊息",
            heading="設定成功",
            sentence="有人要求傳送這則測試訊息。之後錄音的處理情形會通知到這裡。",
        ),
        EventType.ENDPOINT_CONFIRMATION: Phrase(
            subject="請確認您的電子郵件地址",
            heading="要接收錄音處理通知嗎？",
            sentence="有人想讓這個地址收到錄音的處理情形，例如錄音已轉成文字，或無法處理的原因。除非您同意，不會再寄信給您。",
        ),
        EventType.ENDPOINT_FAILING: Phrase(
            subject="有一個接收端收不到訊息",
            heading="您的一個接收端收不到訊息",
            sentence="訊息會保留並再次嘗試傳送。若連續五天都收不到，就會停用。",
        ),
        EventType.ENDPOINT_DISABLED: Phrase(
            subject="有一個接收端已停用",
            heading="您的一個接收端已停用",
            sentence="不會再傳送任何訊息給它。恢復正常後，請重新啟用，並補送遺漏的訊息。",
        ),
        EventType.USER_INVITATION: Phrase(
            subject="邀請您使用 Audio2txt",
            heading="邀請您使用 Audio2txt",
            sentence="有人邀請您一起處理錄音的文字稿。設定密碼後，就能用這個地址登入。",
        ),
        EventType.USER_PASSWORD_RESET: Phrase(
            subject="重設您的 Audio2txt 密碼",
            heading="設定新密碼",
            sentence="有人要求重設您帳號的密碼。除非您設定新密碼，原密碼不會改變；設定後，所有裝置都會登出。",
        ),
    },
    reasons={
        "no_speech": "錄音裡沒有聽到說話聲。",
        "unsupported_audio": "這個檔案不是可以處理的錄音。",
        "damaged_audio": "錄音檔已損壞。",
        "file_too_large": "檔案太大。",
        "download_failed": "無法下載錄音。",
        "source_missing": "錄音已不再保存。",
        "audio_too_long": "錄音太長。",
        "address_refused": "不允許從這個網址下載錄音。",
        "language_not_supported": "不支援這種語言。",
        "feature_not_supported": "所選的語音引擎不支援要求的功能。",
        "redaction_not_supported": "所選的語音引擎無法依要求遮蔽內容。",
        "engine_failed": "語音引擎發生錯誤。",
        "key_refused": "語音引擎拒絕了金鑰。",
        "deadline_exceeded": "未能在期限內完成。",
        "report_failed": "無法產生報告。",
        "internal_error": "系統內部發生錯誤。",
    },
    untitled="未命名的錄音",
    untitled_batch="未命名的批次",
    recording="錄音",
    batch="批次",
    duration="長度",
    report="報告",
    reason="原因",
    progress="進度",
    job="工作編號",
    endpoint="接收端",
    files="檔案",
    not_made="無法產生",
    open_job="開啟工作",
    open_batch="開啟批次",
    attached="已附上",
    needs_access="開啟連結時需要您的 Audio2txt 存取權限。",
    confirm="是，請寄給我",
    confirm_note="若您不清楚這件事，不必理會。",
    colon="：",
    hours="{hours} 小時 {minutes:02} 分",
    minutes="{minutes} 分 {seconds:02} 秒",
    seconds="{seconds} 秒",
    recordings="錄音總數",
    completed="已完成",
    failed="未能完成",
    cancelled="已取消",
    refused="未受理",
    deleted="已刪除",
    resources={
        UsageResource.MINUTES: "錄音分鐘數",
        UsageResource.STORAGE_BYTES: "儲存空間（位元組）",
        UsageResource.LLM_TOKENS: "語言模型 Token 數",
        UsageResource.LLM_USD: "語言模型費用（美元）",
    },
    month="月份",
    resets="重新計算日期",
    why="您會收到這則訊息，是因為 {address} 已設定為接收錄音處理通知。",
    why_user="您會收到這則訊息，是因為有人填寫了 {address} 這個地址。",
    organisation="單位",
    join="設定密碼",
    join_note="連結七天內有效，只能使用一次。若您不清楚這件事，不必理會。",
    reset="設定新密碼",
    reset_note="連結一小時內有效，只能使用一次。若不是您本人要求，不必理會。",
    unsubscribe="取消訂閱",
    unsubscribe_sentence="若不想再收到這類訊息",
)

WORDINGS: Mapping[ReportLanguage, Wording] = {"en": ENGLISH, "zh-Hant": CHINESE}
