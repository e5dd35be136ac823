"""Jobs: recordings on their way to documents."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import msgspec

from audio2txt_client.enums import OpenEnum
from audio2txt_client.errors import JobFailed


class JobState(OpenEnum):
    """Where a job stands. `completed`, `failed` and `cancelled` are final until a retry."""

    QUEUED = "queued"
    TRANSCRIBING = "transcribing"
    REPORTING = "reporting"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether nothing more happens to the job by itself."""
        return self in (JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED)


class TranscriptionState(OpenEnum):
    """Where a transcription stands."""

    QUEUED = "queued"
    PREPARING = "preparing"
    SUBMITTING = "submitting"
    PROCESSING = "processing"
    STORING = "storing"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class StageState(OpenEnum):
    """Where a report stands."""

    PENDING = "pending"
    RENDERING = "rendering"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ArtifactState(OpenEnum):
    """What became of one file."""

    READY = "ready"
    FAILED = "failed"


class ArtifactFormat(OpenEnum):
    """The file formats a job can be rendered to; the value is the file name's extension."""

    MARKDOWN = "md"
    TEXT = "txt"
    JSON = "json"
    SRT = "srt"
    VTT = "vtt"
    PDF = "pdf"
    DOCX = "docx"


class FileFormat(OpenEnum):
    """The formats of a job's files: those it can be rendered to, and redacted recordings."""

    MARKDOWN = "md"
    TEXT = "txt"
    JSON = "json"
    SRT = "srt"
    VTT = "vtt"
    PDF = "pdf"
    DOCX = "docx"
    MP3 = "mp3"
    WAV = "wav"


class Analysis(OpenEnum):
    """What an engine may find out beside the words."""

    ENTITIES = "entities"
    SENTIMENT = "sentiment"
    TOPICS = "topics"
    HIGHLIGHTS = "highlights"
    CHAPTERS = "chapters"
    SUMMARY = "summary"
    CONTENT_SAFETY = "content_safety"


class Script(OpenEnum):
    """The Chinese script of the text."""

    TAIWAN = "zh-Hant-TW"
    """Taiwan's characters and words."""
    HONG_KONG = "zh-Hant-HK"
    TRADITIONAL = "zh-Hant"
    """Taiwan's characters, words as they were said."""
    SIMPLIFIED = "zh-Hans"
    RECOGNISED = "as-recognised"


class ReportLanguage(OpenEnum):
    """The languages that reports and messages are written in."""

    CHINESE = "zh-Hant"
    ENGLISH = "en"


class ReportMode(OpenEnum):
    """Who writes the report; whoever it is, code checks it."""

    EXTRACTIVE = "extractive"
    """Code chooses sentences, word for word."""
    LLM = "llm"
    """A language model."""
    PROVIDER = "provider"
    """The speech engine's own findings."""


class Priority(OpenEnum):
    """Which of a tenant's jobs that wait come first."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


class Duplicates(OpenEnum):
    """What to do about a recording of which there is a job already."""

    ALLOW = "allow"
    REUSE = "reuse"
    REFUSE = "refuse"


class RedactionSubstitute(OpenEnum):
    """What stands in the place of what was removed."""

    HASH = "hash"
    CATEGORY = "category"


class SpeakerRange(msgspec.Struct, frozen=True, kw_only=True):
    """How many people speak."""

    min: int | None = None
    max: int | None = None


class Redaction(msgspec.Struct, frozen=True, kw_only=True):
    """What must not appear in the transcript."""

    categories: tuple[str, ...]
    substitute: RedactionSubstitute = RedactionSubstitute.CATEGORY
    audio: bool = False
    """Also make a recording in which it cannot be heard."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why a job or a file failed."""

    code: str
    """Stable reason, such as `no_speech`."""
    message: str
    retryable: bool = False


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """What a job waits for. It goes on by itself."""

    code: str
    """Stable reason: `throttled`, `key_refused`, `no_key`, `outage`, `outcome_unclear`."""
    message: str
    since: dt.datetime


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """The recording of a job."""

    size: int | None
    """Bytes."""
    sha256: str | None
    media_type: str | None
    url: str | None
    """Where it is fetched from; null when it was uploaded."""


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider asks for a transcription, by a dated price list."""

    amount: str
    """A decimal number."""
    currency: str = "USD"
    billed_ms: int
    prices: tuple[str, ...]
    """Ids of the rows of the price list that add up to it."""


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What language models were asked for a report, and what that costs."""

    model: str
    calls: int
    prompt_tokens: int
    completion_tokens: int
    bytes_sent: int = 0
    cost_usd: str | None = None
    """A decimal number; null where no price is set."""
    kept_tokens: int = 0
    """Of the tokens those that an earlier attempt was charged for."""
    kept_cost_usd: str | None = None


class LlmAllowance(msgspec.Struct, frozen=True, kw_only=True):
    """What language models may be asked for a report."""

    tokens: int
    cost_usd: str | None = None
    outside: bool = True
    """Whether the text may leave the house."""


class TranscriptionStage(msgspec.Struct, frozen=True, kw_only=True):
    """The transcription of the current run."""

    state: TranscriptionState
    engine: str | None
    model: str | None
    progress: float | None
    """From 0 to 1; null while unknown."""
    cost: Cost | None
    waiting: Waiting | None = None


class ReportStage(msgspec.Struct, frozen=True, kw_only=True):
    """The report and its files."""

    state: StageState
    progress: float | None = None
    mode: ReportMode | None = None
    """Who wrote the last report; null before there is one."""
    model: str | None = None
    usage: Usage | None = None
    allowance: LlmAllowance | None = None


class Stages(msgspec.Struct, frozen=True, kw_only=True):
    """The stages of the work."""

    transcription: TranscriptionStage
    report: ReportStage


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a job, or the reason why there is none."""

    name: str
    format: FileFormat
    state: ArtifactState
    media_type: str
    size: int | None
    """Bytes."""
    sha256: str | None
    url: str | None
    """Null when it failed, or is no longer kept."""
    failure: Failure | None

    @property
    def ready(self) -> bool:
        """Whether it can be downloaded."""
        return self.state == ArtifactState.READY and self.url is not None


class Callback(msgspec.Struct, frozen=True, kw_only=True):
    """The webhook to a job's `callback_url`."""

    url: str
    state: str
    """`pending`, `delivered` or `failed` (given up)."""
    attempts: int
    status: int | None
    """Of the last answer."""


class Part(OpenEnum):
    """A part of a job that is kept for a time of its own."""

    AUDIO = "audio"
    RAW = "raw"
    TRANSCRIPT = "transcript"
    REPORT = "report"


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a job that is no longer kept."""

    part: Part
    at: dt.datetime


class VocabularyUse(msgspec.Struct, frozen=True, kw_only=True):
    """A vocabulary that a job took, as it was then."""

    id: UUID
    name: str
    version: int


class JobLinks(msgspec.Struct, frozen=True, kw_only=True):
    """Where the parts of a job are."""

    self: str
    events: str
    transcript: str
    report: str
    artifacts: str


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One recording on its way to documents."""

    id: UUID
    state: JobState
    run: int
    """Which transcription this is; a retry may begin the next."""
    version: int
    """Grows with every change."""
    title: str | None
    file_name: str | None
    source: Source
    language: str
    engine: str | None
    """As asked for; `stages.transcription.engine` is the one at work."""
    solution: str
    formats: tuple[ArtifactFormat, ...] | None
    speakers: SpeakerRange | None
    vocabulary: tuple[str, ...]
    channels: bool
    redaction: Redaction | None
    analyses: tuple[Analysis, ...]
    script: Script | None
    report_language: ReportLanguage | None
    report_mode: ReportMode | None
    inputs: dict[str, str]
    progress: float | None
    """From 0 to 1; null while unknown."""
    stages: Stages
    revision: int
    """Of the transcript: 0 as it was transcribed, one more with each edit."""
    duration_ms: int | None
    detected_language: str | None
    artifacts: tuple[Artifact, ...]
    failure: Failure | None
    callback: Callback | None
    metadata: dict[str, str]
    tags: tuple[str, ...] = ()
    priority: Priority = Priority.NORMAL
    start_after: dt.datetime | None = None
    vocabularies: tuple[VocabularyUse, ...] = ()
    """Those it took; `vocabulary` has all key terms."""
    batch_id: UUID | None = None
    removed: tuple[Removed, ...] = ()
    """What is no longer kept, by retention or because somebody's words were erased."""
    created_at: dt.datetime
    updated_at: dt.datetime
    finished_at: dt.datetime | None
    links: JobLinks

    @property
    def at_rest(self) -> bool:
        """Whether nothing more comes by itself: the job is final, and has the files of its transcript as it was edited."""
        return self.state.final and not (self.state == JobState.COMPLETED and self.stages.report.state == StageState.RENDERING)

    @property
    def waiting(self) -> Waiting | None:
        """What it waits for; null while its work goes on."""
        return self.stages.transcription.waiting

    def artifact(self, name: str) -> Artifact:
        """A file by its name, such as `transcript.pdf`. Raises `KeyError`."""
        for artifact in self.artifacts:
            if artifact.name == name:
                return artifact
        raise KeyError(name)

    def raise_for_state(self) -> None:
        """Raise `JobFailed` for a job that failed or was cancelled."""
        if self.state in (JobState.FAILED, JobState.CANCELLED):
            failure = self.failure
            raise JobFailed(
                failure.message if failure else f"The job was {self.state}.",
                job_id=str(self.id),
                code=failure.code if failure else None,
                retryable=failure.retryable if failure else True,
            )


class NewsKind(OpenEnum):
    """What a stream of all jobs tells."""

    JOB = "job"
    """A job was made or changed."""
    DELETED = "deleted"
    SYNCED = "synced"
    """Everything up to now was told; what follows is news."""


class JobNews(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to a job of the tenant."""

    kind: NewsKind
    place: str | None
    """Keep it, and give it as `after` to go on from here; null inside a snapshot."""
    job_id: UUID | None = None
    job: Job | None = None
    """As it is then."""
