"""What a client asks for with `POST /v2/transcript`, and what the vendor refuses of it."""

from __future__ import annotations

from typing import TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

NEWEST, FALLBACK = "universal-3-5-pro", "universal-2"
_MOST_TERMS = {NEWEST: 1000, FALLBACK: 200}
_LONGEST_TERM = 6
_LONGEST_PROMPT = 1500
_RETIRED = {"universal-3-pro", "slam-1", "nano", "best", "universal"}
_SCHEMA = "Invalid endpoint schema, please refer to documentation for examples."

Object: TypeAlias = dict[str, object]


class Refusal(Exception):
    """A request is answered with an error."""

    def __init__(self, status: int, message: str, *, retry_after: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class Spelling(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """Words, and what is written instead."""

    from_: list[str]
    to: str


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What both the request and the answer carry. What is unset is left out of the answer, as the vendor's schema wants it."""

    audio_start_from: int | None = None
    audio_end_at: int | None = None
    punctuate: bool = True
    format_text: bool = True
    multichannel: bool = False
    speaker_labels: bool = False
    speakers_expected: int | None = None
    language_detection: bool = False
    language_detection_options: Object | UnsetType = UNSET
    language_confidence_threshold: float | None = None
    speech_models: list[str] | None = None
    speech_threshold: float | None = None
    keyterms_prompt: list[str] | UnsetType = UNSET
    prompt: str | UnsetType = UNSET
    temperature: float | None = None
    remove_audio_tags: str | None = None
    custom_spelling: list[Spelling] | None = None
    disfluencies: bool = False
    filter_profanity: bool = False
    auto_highlights: bool = False
    auto_chapters: bool = False
    content_safety: bool = False
    iab_categories: bool = False
    sentiment_analysis: bool = False
    entity_detection: bool = False
    summarization: bool = False
    summary_model: str | None = None
    summary_type: str | None = None
    redact_pii: bool = False
    redact_pii_audio: bool = False
    redact_pii_audio_quality: str | None = None
    redact_pii_policies: list[str] | None = None
    redact_pii_sub: str | UnsetType = UNSET
    webhook_url: str | None = None
    webhook_auth_header_name: str | None = None
    domain: str | UnsetType = UNSET


class SpeakerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds for the number of speakers."""

    min_speakers_expected: int | None = None
    max_speakers_expected: int | None = None


class Order(Options, frozen=True, kw_only=True):
    """The whole request."""

    audio_url: str
    language_code: str | None = None
    speaker_options: SpeakerOptions | None = None
    webhook_auth_header_value: str | None = None
    redact_pii_return_unredacted: bool = False
    speech_understanding: Object | None = None

    @property
    def model(self) -> str:
        """The model that hears it."""
        return (self.speech_models or [NEWEST])[0]

    @property
    def most_speakers(self) -> int | None:
        """How many speakers there may be; null: any number."""
        return self.speakers_expected or (self.speaker_options and self.speaker_options.max_speakers_expected) or None


_BOOLEANS = tuple(field.name for field in msgspec.structs.fields(Order) if field.type is bool)
_ENGLISH_ONLY = ("sentiment_analysis", "auto_chapters", "summarization", "content_safety")
"""Features that exist in few languages; here, in English alone."""
_WITHOUT_SPEAKERS = {"ceb", "ha", "haw", "jv", "jw", "la", "ln", "lo", "mi", "sn", "so", "su", "tk", "yi", "yo"}
"""A few languages of the vendor's long tail, so that the refusal can be tried."""


def parse_order(body: bytes) -> Order:
    """The request, or a `Refusal` as the vendor words it. Unknown fields are ignored."""
    try:
        fields = msgspec.json.decode(body)
    except msgspec.DecodeError:
        raise Refusal(400, "Invalid JSON in the request body.") from None
    if not isinstance(fields, dict):
        raise Refusal(400, _SCHEMA)
    given = {name: value for name, value in fields.items() if value is not None}
    _check_models(given)
    for name in _BOOLEANS:
        if not isinstance(given.get(name, False), bool):
            raise Refusal(400, f"{name} must be a Boolean")
    if not str(given.get("audio_url", "")).startswith(("http://", "https://")):
        raise Refusal(400, "audio_url should start with http")
    try:
        order = msgspec.convert(given, Order)
    except msgspec.ValidationError as error:
        raise Refusal(400, f"{_SCHEMA} {error}") from None
    _check_terms(order)
    _check_language(order)
    _check_choices(order)
    return order


def _check_models(given: Object) -> None:
    if given.get("speech_model"):
        raise Refusal(400, '"speech_model" is deprecated. Use "speech_models" instead.')
    models = given.get("speech_models", [NEWEST])
    names = models if isinstance(models, list) else []
    if retired := [str(name) for name in names if name in _RETIRED]:
        raise Refusal(
            400,
            f'The "{", ".join(retired)}" speech model(s) have been deprecated. '
            f'Use speech_models: ["{NEWEST}", "{FALLBACK}"] instead.',
        )
    if not names or any(name not in _MOST_TERMS for name in names):
        raise Refusal(400, f'"speech_models" must be a non-empty list containing one or more of: "{NEWEST}", "{FALLBACK}"')
    if given.get("word_boost"):
        raise Refusal(
            400,
            f'"word_boost" is not compatible with {names[0]}. Use "prompt" or "keyterms_prompt" to boost accuracy of words or '
            "phrases that are likely to appear frequently in your audio file.",
        )


def _check_terms(order: Order) -> None:
    terms = order.keyterms_prompt or []
    most = _MOST_TERMS[order.model]
    if len(terms) > most:
        raise Refusal(400, f"keyterms_prompt must not contain more than {most} terms for {order.model}")
    if long := next((term for term in terms if len(term.split()) > _LONGEST_TERM), None):
        raise Refusal(400, f"keyterms_prompt terms must not have more than {_LONGEST_TERM} words: '{long}'")
    if order.prompt and len(order.prompt.split()) > _LONGEST_PROMPT:
        raise Refusal(400, f"prompt must not have more than {_LONGEST_PROMPT} words")


def _check_language(order: Order) -> None:
    """With a language told, features it lacks are refused; with one detected, they are left out silently."""
    if order.language_code is None:
        return
    language = order.language_code.partition("_")[0].partition("-")[0]
    missing = [name for name in _ENGLISH_ONLY if language != "en" and getattr(order, name)]
    if order.speaker_labels and language in _WITHOUT_SPEAKERS:
        missing.insert(0, "speaker_labels")
    if missing:
        raise Refusal(400, f"The following models are not available in this language: {', '.join(missing)}")


def _check_choices(order: Order) -> None:
    if order.redact_pii_sub not in (UNSET, "hash", "entity_name"):
        raise Refusal(400, "redact_pii_sub must be one of: hash, entity_name")
    for name, lowest in (("speech_threshold", 0.0), ("language_confidence_threshold", 0.0)):
        value = getattr(order, name)
        if value is not None and not lowest <= value <= 1:
            raise Refusal(400, f"{name} must be between 0 and 1")
    if order.language_code is not None and order.language_detection:
        raise Refusal(400, "Language detection is not available when language_code is specified.")
    if order.webhook_url is not None and not order.webhook_url.startswith(("http://", "https://")):
        raise Refusal(400, "webhook_url should start with http")
