# ruff: noqa: E501 -- sentences
"""A document with every sort of block, in either language: what renderers are tried and looked at with."""

from __future__ import annotations

import msgspec

from services.reporter.blocks import (
    Block,
    Break,
    Bullets,
    Citation,
    Dialogue,
    Document,
    EvidenceEntry,
    EvidenceList,
    FactCards,
    Fields,
    Heading,
    Mark,
    Notice,
    Prose,
    Questions,
    Quotes,
    Statement,
    Table,
    TableCell,
    TableRow,
    TalkTime,
    Terms,
    Timeline,
)
from tests.speech import conversation, document, transcript

_CHINESE = (
    (
        "A",
        "大家早，今天主要確認 Audio2txt v2.0 的上線時程，還有 GPU 預算。先請 David 說明目前的進度，再請美玲報告 benchmark 的結果。",
    ),
    (
        "B",
        "Thanks. The transcription gateway is feature-complete: streaming, diarization and word-level timestamps all pass CI. "
        "What's left is the PDF reporter — right now an 8-hour meeting takes 3.6 seconds, and I'd like that under half a second.",
    ),
    (
        "C",
        "我補充一下，這禮拜我們用 240 小時的內部錄音測試，中文的 CER 從 7.8% 降到 5.1%，英文 WER 是 4.3%。主要的改善來自新的 VAD "
        "以及 hotwords。不過「中英夾雜」的句子還是比較弱，例如：「這個 feature 要不要 rollback？」這類句子，模型常常把英文單字聽成中文諧音。",
    ),
    ("A", "了解。那 code-switching 的部分，我們需要多少資料、多久可以看到改善？"),
    ("C", "保守估計要 60 小時的標註資料，大概四週。我建議先上線，然後在 v2.1 再把 fine-tune 的模型換上去 👍。"),
    (
        "D",
        "日本のお客様からは、議事録のPDFで「話者ごとの色分け」と「タイムスタンプのリンク」がとても好評です。ただし、敬称（〜さん、〜様）の"
        "表記ゆれについては、辞書で統一できると助かります。",
    ),
    (
        "B",
        "Good point, Sato-san. On cost: two H100 nodes come to about US$4,900 a month, or roughly NT$158,000 — 31% below what we pay "
        "today (see https://internal.example.com/finance/2026/gpu-cost-comparison-q4-final-v3.xlsx).",
    ),
    ("A", "好，那就先核准兩台，為期三個月；如果使用率低於 40%，我們就退回一台。David，請你在下週三以前把採購單送出。"),
    (
        "E",
        "مرحبا بالجميع، التقرير العربي جاهز للاختبار مع Audio2txt في الأسبوع القادم (12.5% أسرع). The right-to-left layout still needs review.",
    ),
    (
        "F",
        "שלום לכולם, הדוח בעברית מוכן (version 2.1) לבדיקה. ขอบคุณครับ เราจะส่งรายงานภาษาไทยในสัปดาห์หน้า धन्यवाद, हिन्दी रिपोर्ट तैयार है।",
    ),
    ("C", "另外提醒一下隱私：錄音檔預設保留 30 天，逐字稿保留 1 年；法務希望「刪除」要能在 24 小時之內真正生效，包含備份。"),
    ("A", "同意。最後，請大家在星期五下班以前，把各自模組的 release note 補齊。謝謝大家！🎉👩🏽‍💻🇹🇼✅☕️"),
)
_NAMES = {"A": "陳怡君", "B": "David Lin", "C": "王美玲", "D": "佐藤 健", "E": "Omar حداد", "F": "Noa כהן"}


def every_block(language: str) -> Document:
    """A meeting's report with every block: `zh-Hant` or `en`."""
    source = transcript(conversation(*_CHINESE, seconds=31.0), names=_NAMES, language=language)
    base = document(
        source, title=_say(language, "Audio2txt v2.0 上線時程與 GPU 預算會議", "Launch of Audio2txt v2.0 and the GPU budget")
    )
    voices = base.voices

    def cited(*numbers: int) -> tuple[Citation, ...]:
        return tuple(
            Citation(number=number, segment_id=source.segments[number - 1].id, start_ms=source.segments[number - 1].start_ms)
            for number in numbers
        )

    def say(chinese: str, english: str) -> str:
        return _say(language, chinese, english)

    labels = base.labels
    chart = next(block for block in base.blocks if isinstance(block, TalkTime))
    words = next(block for block in base.blocks if isinstance(block, Dialogue))
    cards = next(block for block in base.blocks if isinstance(block, FactCards))
    anna, david, mei = (voices[f"spk_{label}"] for label in "ABC")
    numbers = range(1, len(source.segments) + 1)
    blocks: list[Block] = [
        cards,
        Fields(
            statements=(
                Statement(label=say("客戶", "Client"), text=say("範例科技股份有限公司", "Example Technology Ltd.")),
                Statement(label=say("地點", "Place"), text="Google Meet"),
                Statement(label=say("主席", "Chair"), text="陳怡君"),
            )
        ),
        Notice(text=labels.written_by_model.format(model="example-model-1")),
        Notice(text=labels.covers_all.format(start="0:00", through="6:12", duration="6:12")),
        Notice(text=labels.notes["word_times_approximate"], warning=True),
        Heading(text=say("摘要", "Summary")),
        Prose(
            statements=(
                Statement(
                    text=say(
                        "團隊確認 v2.0 如期於 11 月 30 日上線。",
                        "The team confirmed that v2.0 launches on 30 November as planned.",
                    ),
                    citations=cited(1),
                ),
                Statement(
                    text=say(
                        "語音辨識品質明顯提升（中文 CER 7.8% → 5.1%），但中英夾雜語句仍需以 60 小時標註資料微調，預計在 v2.1 釋出。",
                        "Recognition has improved markedly (Chinese CER from 7.8% to 5.1%), but sentences that mix languages still need 60 hours of labelled data and come with v2.1.",
                    ),
                    citations=cited(3, 5),
                ),
                Statement(
                    text=say(
                        "GPU 預算核准兩台 H100，為期三個月，月費約 NT$158,000，較目前的託管 API 節省 31%。",
                        "Two H100 nodes were approved for three months at about NT$158,000 a month, 31% less than the hosted API costs today.",
                    ),
                    citations=cited(7, 8),
                ),
            )
        ),
        Bullets(
            statements=(
                Statement(
                    text=say(
                        "轉錄閘道功能已完成：串流、語者分離與字詞時間戳皆通過 CI；剩下 PDF 報告的效能，目標是 8 小時會議在 0.5 秒內完成。",
                        "The gateway is feature-complete: streaming, diarization and word-level timestamps pass CI; what is left is the speed of the PDF report, which should take half a second for eight hours.",
                    ),
                    citations=cited(2),
                    voice=david,
                ),
                Statement(
                    text=say(
                        "內部 240 小時錄音測試：中文 CER 5.1%、英文 WER 4.3%，改善來自新的 VAD 與 hotwords。",
                        "Tests with 240 hours of internal recordings: CER 5.1% in Chinese, WER 4.3% in English.",
                    ),
                    citations=cited(3),
                ),
                Statement(
                    text=say(
                        "日本客戶對「話者色分け」與時間戳連結評價很高，希望以詞彙表統一敬稱。",
                        "Customers in Japan like colours by speaker and linked timestamps, and want a glossary for honorifics.",
                    ),
                    citations=cited(6, 7),
                    label=say("客戶回饋", "Feedback"),
                ),
            )
        ),
        Heading(text=say("決議", "Decisions")),
        Bullets(
            statements=(
                Statement(
                    text=say(
                        "v2.0 於 11 月 30 日上線；code-switching 微調模型延到 v2.1。",
                        "v2.0 launches on 30 November; the model for code-switching waits for v2.1.",
                    ),
                    mark=Mark.DECISION,
                    citations=cited(5),
                ),
                Statement(
                    text=say(
                        "核准兩台 H100 三個月；使用率低於 40% 則退回一台。",
                        "Two H100 nodes for three months; below 40% use one goes back.",
                    ),
                    mark=Mark.DECISION,
                    citations=cited(8),
                ),
                Statement(
                    text=say(
                        "錄音檔保留 30 天、逐字稿保留 1 年；刪除須於 24 小時內（含備份）生效。",
                        "Recordings are kept for 30 days, transcripts for a year; deletion takes effect within 24 hours, backups included.",
                    ),
                    mark=Mark.DECISION,
                    citations=cited(11),
                ),
            )
        ),
        Heading(text=labels.unverified, level=2),
        Notice(text=labels.unverified_note, warning=True),
        Bullets(
            statements=(
                Statement(
                    text=say(
                        "董事會已批准 2027 年全年的 GPU 採購預算 500 萬元。",
                        "The board has approved a GPU budget of 5 million for all of 2027.",
                    ),
                    mark=Mark.DOUBTED,
                    doubt=labels.doubts["money_not_said"],
                    citations=cited(8),
                ),
                Statement(
                    text=say("林經理將在週一前更新合約。", "Manager Lin will renew the contract by Monday."),
                    mark=Mark.DOUBTED,
                    doubt=labels.doubts["unknown_speaker"],
                ),
            )
        ),
        Heading(text=say("待辦事項", "Action items")),
        Table(
            columns=(say("事項", "Task"), say("負責人", "Owner"), say("期限", "Due")),
            rows=(
                TableRow(
                    cells=(
                        TableCell(text=say("送出兩台 H100 的採購單", "Send the purchase order for two H100 nodes")),
                        TableCell(text=david.name, voice=david),
                        TableCell(text=say("11 月 25 日（三）", "Wed, 25 November")),
                    ),
                    citations=cited(8),
                ),
                TableRow(
                    cells=(
                        TableCell(
                            text="Add a per-workspace glossary for honorifics and product names, so that they are written the same way in all reports, and tell the customers in Japan about it"
                        ),
                        TableCell(text=david.name, voice=david),
                        TableCell(text="v2.1"),
                    ),
                    citations=cited(6, 7),
                ),
                TableRow(
                    cells=(
                        TableCell(
                            text=say(
                                "開立「24 小時內刪除（含備份）」追蹤 ticket，並與 infra 團隊確認",
                                "Open a ticket for deletion within 24 hours and settle it with the infrastructure team",
                            )
                        ),
                        TableCell(text=mei.name, voice=mei),
                        TableCell(text=""),
                    ),
                    citations=cited(11),
                    doubt=labels.doubts["date_not_said"],
                ),
                TableRow(
                    cells=(
                        TableCell(text=say("各模組補齊 release note", "Complete the release notes of every module")),
                        TableCell(text=anna.name, voice=anna),
                        TableCell(text=say("11 月 27 日（五）", "Fri, 27 November")),
                    ),
                    citations=cited(12),
                ),
            ),
        ),
        Bullets(
            statements=(
                Statement(
                    text=say("David 送出採購單。", "David sends the purchase order."), mark=Mark.ACTION, citations=cited(8)
                ),
                Statement(
                    text=say("美玲跟 infra 團隊開 ticket。", "Mei-ling opens the ticket."),
                    mark=Mark.ACTION,
                    citations=cited(11),
                ),
            )
        ),
        Heading(text=say("值得引用", "Worth quoting")),
        Quotes(
            statements=(
                Statement(
                    text=say("如果使用率低於 40%，我們就退回一台。", "I'd like that under half a second."),
                    voice=david,
                    citations=cited(2),
                ),
                Statement(text=source.segments[2].text, voice=mei, citations=cited(3)),
                Statement(text=source.segments[8].text, voice=voices["spk_E"], citations=cited(9)),
            )
        ),
        Heading(text=say("經過", "Course")),
        Timeline(
            statements=(
                Statement(
                    label=say("進度與品質", "Progress and quality"),
                    text=say(
                        "閘道功能完成，辨識率改善；中英夾雜仍弱。",
                        "The gateway is complete and recognition better; mixed sentences remain weak.",
                    ),
                    citations=cited(1, 3),
                ),
                Statement(
                    label=say("客戶回饋與成本", "Feedback and cost"),
                    text=say(
                        "日本客戶的要求、兩台 H100 的費用。", "What customers in Japan ask for; what two H100 nodes cost."
                    ),
                    citations=cited(6),
                ),
                Statement(
                    label=say("隱私與收尾", "Privacy and close"),
                    text=say("保留期限、刪除時限、release note。", "Retention, deletion, release notes."),
                    citations=cited(11),
                ),
            )
        ),
        Heading(text=say("問與答", "Questions and answers")),
        Questions(
            statements=(
                Statement(
                    label=say(
                        "code-switching 需要多少資料、多久可以看到改善？",
                        "How much data does code-switching need, and when will it improve?",
                    ),
                    text=say("60 小時的標註資料，大概四週。", "60 hours of labelled data, about four weeks."),
                    citations=cited(4, 5),
                ),
                Statement(
                    label=say("PDF 何時能在半秒內完成？", "When will the PDF take half a second?"), text="", citations=cited(2)
                ),
            )
        ),
        Heading(text=say("關鍵詞", "Keywords")),
        Terms(
            statements=tuple(
                Statement(text=term, citations=cited(number))
                for number, term in enumerate(
                    (
                        "H100",
                        say("使用率", "utilisation"),
                        "code-switching",
                        say("標註資料", "labelled data"),
                        "hotwords",
                        "VAD",
                        say("採購單", "purchase order"),
                        say("保留期限", "retention"),
                        "release note",
                    ),
                    start=2,
                )
            )
        ),
        Heading(text=labels.talk_time),
        chart,
        Break(),
        Heading(text=labels.evidence),
        Notice(text=labels.evidence_note),
        EvidenceList(
            entries=tuple(
                EvidenceEntry(
                    number=number,
                    segment_id=one.segment_id,
                    start_ms=one.start_ms,
                    quote=source.segments[number - 1].text,
                    voice=voices[source.segments[number - 1].speaker_id or ""],
                )
                for number in numbers
                for one in cited(number)
            )
        ),
        Break(),
        Heading(text=labels.transcript),
        words,
        Notice(text=labels.generated),
    ]
    return msgspec.structs.replace(base, kind=say("會議記錄", "Meeting minutes"), blocks=tuple(blocks))


def _say(language: str, chinese: str, english: str) -> str:
    return chinese if language.startswith("zh") else english
