"""The words every service uses about a job: its states, its options, why it failed."""

from __future__ import annotations

import datetime as dt
import enum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from shared.schemas.vocabularies import Term, Vocabulary

TITLE_LENGTH = 200
"""Characters."""
LONGER_THAN_HELD = "longer_than_held"
"""Code of a failure: the recording is longer than `JobOptions.audio_limit_ms`, and no engine was asked."""


class JobState(enum.StrEnum):
    """Where a job stands. `completed`, `failed` and `cancelled` are final until the customer retries."""

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


class ArtifactFormat(enum.StrEnum):
    """The file formats a job can be rendered to; the value is the file name's extension."""

    MARKDOWN = "md"
    TEXT = "txt"
    JSON = "json"
    SRT = "srt"
    VTT = "vtt"
    PDF = "pdf"
    DOCX = "docx"


class FileFormat(enum.StrEnum):
    """The formats of a job's files: those it can be rendered to, and the recordings that come with a redacted transcript."""

    MARKDOWN = "md"
    TEXT = "txt"
    JSON = "json"
    SRT = "srt"
    VTT = "vtt"
    PDF = "pdf"
    DOCX = "docx"
    MP3 = "mp3"
    WAV = "wav"


class ArtifactState(enum.StrEnum):
    """What became of one artifact. A job completes even when single artifacts failed."""

    READY = "ready"
    FAILED = "failed"


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why a job, a stage or an artifact failed, in words for the customer."""

    code: Annotated[str, Meta(description="Stable machine-readable reason, snake_case.", examples=["no_speech"])]
    message: Annotated[str, Meta(description="One sentence: what is wrong, where, what to do.")]
    retryable: Annotated[bool, Meta(description="Whether a retry of the unchanged job can succeed.")] = False


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """What a job waits for, in words for the customer. It goes on by itself."""

    code: Annotated[
        str,
        Meta(
            description="Stable machine-readable reason: `throttled`, `key_refused`, `no_key`, `outage`, `outcome_unclear`; "
            "before the work begins, `scheduled` and `turn`.",
            examples=["throttled"],
        ),
    ]
    message: Annotated[str, Meta(description="One sentence: what is waited for, and what can be done.")]
    since: Annotated[dt.datetime, Meta(description="RFC 3339, UTC.", examples=["2026-11-22T09:30:00Z"])]


class Analysis(enum.StrEnum):
    """What an engine may find out about a recording beside its words."""

    ENTITIES = "entities"
    SENTIMENT = "sentiment"
    TOPICS = "topics"
    HIGHLIGHTS = "highlights"
    CHAPTERS = "chapters"
    SUMMARY = "summary"
    CONTENT_SAFETY = "content_safety"


class SpeakerRange(msgspec.Struct, frozen=True, kw_only=True):
    """How many people speak, as far as the customer knows."""

    min: Annotated[int, Meta(ge=1, le=32, description="At least so many speakers.", examples=[2])] | None = None
    max: Annotated[int, Meta(ge=1, le=32, description="At most so many speakers.", examples=[4])] | None = None

    @property
    def exact(self) -> int | None:
        """The number, when it is known."""
        return self.min if self.min == self.max else None


class RedactionSubstitute(enum.StrEnum):
    """What stands in the text in place of what was removed."""

    HASH = "hash"
    """`####`, as long as the word."""
    CATEGORY = "category"
    """The category's name in brackets, as in `[PERSON_NAME]`."""


class Redaction(msgspec.Struct, frozen=True, kw_only=True):
    """What must not appear in the transcript. Carried out by the engine, before anything is stored here."""

    categories: Annotated[
        tuple[Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{1,40}$")], ...],
        Meta(
            min_length=1,
            max_length=60,
            description="What to remove, in the engine's words.",
            examples=[["person_name", "phone_number", "email_address"]],
        ),
    ]
    substitute: Annotated[RedactionSubstitute, Meta(description="What stands in its place.")] = RedactionSubstitute.CATEGORY
    audio: Annotated[bool, Meta(description="Also make a recording in which it cannot be heard.")] = False


ReportLanguage = Literal["zh-Hant", "en"]
"""The languages that reports can be written in."""


class Script(enum.StrEnum):
    """The Chinese script of the text: converted by OpenCC, on record and reversibly."""

    TAIWAN = "zh-Hant-TW"
    """Taiwan's characters and words (`s2twp`), everyday words as they were said."""
    HONG_KONG = "zh-Hant-HK"
    """Hong Kong's characters (`s2hk`)."""
    TRADITIONAL = "zh-Hant"
    """Traditional characters in the forms of Taiwan, words as they were said (`s2tw`)."""
    SIMPLIFIED = "zh-Hans"
    """Simplified characters (`t2s`)."""
    RECOGNISED = "as-recognised"
    """As the engine wrote it."""


class Priority(enum.StrEnum):
    """Which of a tenant's jobs that wait come first."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


class ReportMode(enum.StrEnum):
    """Who writes the report."""

    EXTRACTIVE = "extractive"
    """Code chooses sentences; nothing is rewritten."""
    LLM = "llm"
    """A language model writes, code checks."""
    PROVIDER = "provider"
    """The speech engine's own chapters, summary and highlights are taken over, code checks."""


class LlmAllowance(msgspec.Struct, frozen=True, kw_only=True):
    """What language models may be asked for one report; decided by the gateway when the job is created."""

    tokens: Annotated[int, Meta(ge=0)]
    """Prompts and answers of all calls together."""
    cost_usd: Annotated[str, Meta(pattern=r"^[0-9]+(\.[0-9]+)?$")] | None = None
    """A decimal number; null where only tokens count."""
    outside: bool = True
    """Whether the text may leave the house."""


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """An edited transcript."""

    number: Annotated[int, Meta(ge=1)]
    key: str
    """Of its blob."""


class JobOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the customer asked for; travels unchanged from the gateway to whoever does the work."""

    language: Annotated[
        str,
        Meta(description="BCP-47 code of the spoken language, or `auto` to detect it.", examples=["auto", "en", "zh-Hant"]),
    ] = "auto"
    engine: Annotated[
        str | None, Meta(description="Speech engine by name; null takes the deployment's default.", examples=["local"])
    ] = None
    solution: Annotated[str, Meta(description="Id of the scenario template to report after.", examples=["verbatim"])] = (
        "verbatim"
    )
    formats: Annotated[
        tuple[ArtifactFormat, ...] | None,
        Meta(description="Artifacts to render; null takes those of the solution.", examples=[["pdf", "srt"]]),
    ] = None
    title: (
        Annotated[str, Meta(description="Title printed on the artifacts; null takes the file name.", max_length=TITLE_LENGTH)]
        | None
    ) = None
    speakers: Annotated[
        SpeakerRange | None, Meta(description="How many people speak; null lets the engine find out.", examples=[{"min": 2}])
    ] = None
    vocabulary: Annotated[
        tuple[Term, ...],
        Meta(max_length=1000, description="Names and terms that are likely to be said.", examples=[["Audio2txt", "Dr. Chen"]]),
    ] = ()
    vocabularies: tuple[Vocabulary, ...] = ()
    """Sets of terms and replacements, as they were when the job named them."""
    channels: Annotated[bool, Meta(description="Each channel of the recording is one speaker.")] = False
    redaction: Annotated[Redaction | None, Meta(description="What to remove; null removes nothing.")] = None
    analyses: Annotated[
        tuple[Analysis, ...],
        Meta(max_length=10, description="What to find out beside the words.", examples=[["entities", "topics"]]),
    ] = ()
    script: Annotated[
        Script | None,
        Meta(
            description="Chinese script of the text; null takes the solution's or the installation's.", examples=["zh-Hant-TW"]
        ),
    ] = None
    report_language: Annotated[
        ReportLanguage | None, Meta(description="Language of the report; null takes the solution's.", examples=["zh-Hant"])
    ] = None
    report_mode: Annotated[
        ReportMode | None,
        Meta(description="Who writes the report; null takes the first of the solution's that can.", examples=["extractive"]),
    ] = None
    inputs: Annotated[
        dict[str, str], Meta(description="Values for the solution's inputs, by id.", examples=[{"matter_no": "2026-117"}])
    ] = {}
    llm: LlmAllowance | None = None
    """Null: no language model is asked."""
    audio_limit_ms: Annotated[int, Meta(ge=1)] | None = None
    """How long the recording may be, by what the gateway holds of the tenant's minutes; null for any length."""
    attempt: Annotated[int, Meta(ge=1)] = 1
    """Grows with each retry, so that a report made before it is not taken for the one made after."""
    revision: Revision | None = None
    """The transcript to report on, where it was edited since it was transcribed."""


class ArtifactResult(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a job, or the reason why there is none."""

    name: Annotated[str, Meta(description="File name, unique inside the job.", examples=["transcript.pdf"])]
    format: FileFormat
    state: ArtifactState
    media_type: str
    key: str | None = None
    """Blob key; null when the artifact failed."""
    size: int | None = None
    """Bytes."""
    sha256: str | None = None
    failure: Failure | None = None
