"""The transcript as the vendor writes it."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from services.sandbox.assemblyai.order import Object, Options, Order
from services.sandbox.assemblyai.speech import Word
from services.sandbox.assemblyai.state import Status, Transcript

DELETED_TEXT = "Deleted by user."
DELETED_URL = "http://deleted_by_user"
DEFAULT_LANGUAGE = "en_us"


class Utterance(msgspec.Struct, frozen=True, kw_only=True):
    """What one speaker says without interruption."""

    speaker: str
    text: str
    start: int
    end: int
    confidence: float
    words: list[Word]
    channel: str | UnsetType = UNSET


class Timestamp(msgspec.Struct, frozen=True):
    """A stretch of time in milliseconds."""

    start: int
    end: int


class Highlight(msgspec.Struct, frozen=True, kw_only=True):
    """A phrase that matters."""

    count: int
    rank: float
    text: str
    timestamps: list[Timestamp]


class Highlights(msgspec.Struct, frozen=True, kw_only=True):
    """`auto_highlights_result`."""

    status: str = "success"
    results: list[Highlight]


class SafetyLabel(msgspec.Struct, frozen=True, kw_only=True):
    """What is delicate about a section."""

    label: str
    confidence: float
    severity: float


class SafetySection(msgspec.Struct, frozen=True, kw_only=True):
    """A delicate section."""

    text: str
    labels: list[SafetyLabel]
    sentences_idx_start: int
    sentences_idx_end: int
    timestamp: Timestamp


class Severity(msgspec.Struct, frozen=True):
    """Shares of the sections of a label."""

    low: float
    medium: float
    high: float


class Safety(msgspec.Struct, frozen=True, kw_only=True):
    """`content_safety_labels`."""

    status: str = "success"
    results: list[SafetySection]
    summary: dict[str, float]
    severity_score_summary: dict[str, Severity]


class TopicLabel(msgspec.Struct, frozen=True, kw_only=True):
    """A topic of the IAB's list."""

    relevance: float
    label: str


class TopicSection(msgspec.Struct, frozen=True, kw_only=True):
    """What a section is about."""

    text: str
    labels: list[TopicLabel]
    timestamp: Timestamp


class Topics(msgspec.Struct, frozen=True, kw_only=True):
    """`iab_categories_result`."""

    status: str = "success"
    results: list[TopicSection]
    summary: dict[str, float]


class Chapter(msgspec.Struct, frozen=True, kw_only=True):
    """Of `chapters`."""

    gist: str
    headline: str
    summary: str
    start: int
    end: int


class Sentiment(msgspec.Struct, frozen=True, kw_only=True):
    """How a sentence feels: POSITIVE, NEUTRAL or NEGATIVE."""

    text: str
    start: int
    end: int
    sentiment: str
    confidence: float
    speaker: str | None
    channel: str | UnsetType = UNSET


class Entity(msgspec.Struct, frozen=True, kw_only=True):
    """Something named."""

    entity_type: str
    text: str
    start: int
    end: int


class Answer(Options, frozen=True, kw_only=True):
    """A transcript in any state. Analyses that nobody asked for are null."""

    id: str
    status: Status
    audio_url: str
    error: str | UnsetType = UNSET
    text: str | None = None
    words: list[Word] | None = None
    utterances: list[Utterance] | None = None
    confidence: float | None = None
    audio_duration: int | None = None
    audio_channels: int | UnsetType = UNSET
    language_code: str | UnsetType = DEFAULT_LANGUAGE
    language_confidence: float | None = None
    language_model: str = "assemblyai_default"
    acoustic_model: str = "assemblyai_default"
    speech_model: str | None = None
    speech_model_used: str | UnsetType = UNSET
    webhook_auth: bool = False
    webhook_status_code: int | None = None
    throttled: bool | None = None
    auto_highlights_result: Highlights | None = None
    chapters: list[Chapter] | None = None
    summary: str | None = None
    content_safety_labels: Safety | None = None
    iab_categories_result: Topics | None = None
    sentiment_analysis_results: list[Sentiment] | None = None
    entities: list[Entity] | None = None
    speech_understanding: Object | UnsetType = UNSET
    translated_texts: dict[str, str] | UnsetType = UNSET
    unredacted_text: str | UnsetType = UNSET
    unredacted_words: list[Word] | UnsetType = UNSET
    unredacted_utterances: list[Utterance] | UnsetType = UNSET


def pending(transcript: Transcript) -> Answer:
    """A transcript of which nothing is known but what was asked for."""
    order = transcript.order
    return Answer(
        **{name: getattr(order, name) for name in Options.__struct_fields__},
        id=transcript.id,
        status=transcript.status,
        audio_url=order.audio_url,
        language_code=told_language(order),
        webhook_auth=order.webhook_auth_header_name is not None,
        speech_understanding=UNSET if order.speech_understanding is None else order.speech_understanding,
    )


def failed(transcript: Transcript) -> Answer:
    """A transcript that ended in an error."""
    return msgspec.structs.replace(pending(transcript), error=transcript.error or "")


def told_language(order: Order) -> str | UnsetType:
    """The language before anything was heard; unset when that is to tell."""
    return order.language_code or (UNSET if order.language_detection else DEFAULT_LANGUAGE)


def deleted(transcript: Transcript) -> bytes:
    """What is left of a deleted transcript: every field, nearly all of them null."""
    kept = {
        "id": transcript.id,
        "status": transcript.status,
        "audio_url": DELETED_URL,
        "text": DELETED_TEXT,
        "audio_duration": transcript.audio_duration,
        "language_model": "assemblyai_default",
        "acoustic_model": "assemblyai_default",
        "webhook_url": DELETED_URL if transcript.order.webhook_url is not None else None,
        "webhook_auth": False,
        "auto_highlights": False,
        "redact_pii": False,
        "summarization": False,
        "multichannel": False,
        "entity_detection": False,
        "sentiment_analysis": False,
        "language_detection": False,
        "disfluencies": False,
    }
    nulls = dict.fromkeys(name for name in Answer.__struct_fields__ if name not in _LEFT_OUT)
    return msgspec.json.encode({**nulls, **kept})


_LEFT_OUT = {
    "speech_understanding", "unredacted_text", "unredacted_words", "unredacted_utterances", "language_detection_options",
    "keyterms_prompt", "prompt", "domain", "audio_channels", "speech_model_used", "translated_texts",
}  # fmt: skip
