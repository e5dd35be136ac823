"""AssemblyAI's answers, read leniently: each field for itself, so that one it has changed costs that field alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Self, TypeVar

import msgspec

T = TypeVar("T")


class Submitted(msgspec.Struct, gc=False):
    """What must not be missed of an accepted submission."""

    id: str


class Uploaded(msgspec.Struct, gc=False):
    """Where an uploaded recording lies."""

    upload_url: str


class RedactedAudio(msgspec.Struct, gc=False):
    """Where the redacted recording lies."""

    redacted_audio_url: str | None = None


class SaidWord(msgspec.Struct, gc=False):
    """A word; times are milliseconds, and integers if not always."""

    text: str | None = None
    start: float | None = None
    end: float | None = None
    confidence: float | None = None
    speaker: str | None = None
    channel: str | int | None = None


class Utterance(msgspec.Struct, gc=False):
    """What one speaker says without interruption."""

    text: str | None = None
    start: float | None = None
    end: float | None = None
    speaker: str | None = None
    channel: str | int | None = None
    words: list[SaidWord] | None = None


class Span(msgspec.Struct, gc=False):
    """From when to when, in milliseconds."""

    start: float | None = None
    end: float | None = None


class NamedEntity(Span, gc=False):
    """One of `entities`."""

    entity_type: str | None = None
    text: str | None = None


class Mood(Span, gc=False):
    """One of `sentiment_analysis_results`."""

    sentiment: str | None = None
    confidence: float | None = None
    speaker: str | None = None
    channel: str | int | None = None


class Topics(msgspec.Struct, gc=False):
    """`iab_categories_result`: labels with their relevance to the whole recording."""

    summary: dict[str, float] | None = None


class KeyPhrase(msgspec.Struct, gc=False):
    """One of `auto_highlights_result.results`."""

    text: str | None = None
    count: float | None = None
    rank: float | None = None
    timestamps: list[Span] | None = None


class KeyPhrases(msgspec.Struct, gc=False):
    """`auto_highlights_result`."""

    results: list[KeyPhrase] | None = None


class SafetyLabel(msgspec.Struct, gc=False):
    """One label of a sensitive stretch."""

    label: str | None = None
    confidence: float | None = None
    severity: float | None = None


class SafetyResult(msgspec.Struct, gc=False):
    """One sensitive stretch."""

    labels: list[SafetyLabel] | None = None
    timestamp: Span | None = None


class Safety(msgspec.Struct, gc=False):
    """`content_safety_labels`."""

    results: list[SafetyResult] | None = None


class Section(Span, gc=False):
    """One section of a summary."""

    headline: str | None = None
    text: str | None = None
    bullets: list[str] | None = None


class Summarization(msgspec.Struct, gc=False):
    """The answer to `speech_understanding.request.summarization`."""

    summary: list[Section] | None = None
    block_summary: str | None = None


class UnderstandingAnswer(msgspec.Struct, gc=False):
    """`speech_understanding.response`."""

    summarization: Summarization | None = None


class Understanding(msgspec.Struct, gc=False):
    """`speech_understanding`."""

    response: UnderstandingAnswer | None = None


class Metadata(msgspec.Struct, gc=False):
    """What AssemblyAI has to say about its work."""

    warnings: list[msgspec.Raw] | None = None


class Unreadable(Exception):
    """A field is not what it used to be."""


class Fields:
    """The fields of a transcript, each decoded when it is asked for."""

    def __init__(self, raw: bytes) -> None:
        self._fields: Mapping[str, msgspec.Raw] = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        self.unreadable: set[str] = set()
        """Those that were asked for and are not what they used to be."""

    def get(self, name: str, kind: type[T]) -> T | None:
        """A field; null when it is absent, null or unreadable."""
        field = self._fields.get(name)
        if field is None:
            return None
        try:
            return _decoder(kind).decode(field)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self.unreadable.add(name)
            return None

    def each(self, name: str, kind: type[T]) -> Iterator[T]:
        """The items of a field, one at a time, so that they are not in memory all at once; any may raise `Unreadable`."""
        decode = _decoder(kind).decode
        for item in self.get(name, list[msgspec.Raw]) or ():
            try:
                decoded = decode(item)
            except (msgspec.DecodeError, UnicodeDecodeError):
                self.unreadable.add(name)
                raise Unreadable from None
            if decoded is not None:
                yield decoded

    def is_on(self, name: str) -> bool:
        """Whether a feature was used."""
        return bool(self.get(name, bool))


class Glance(msgspec.Struct, gc=False):
    """What a poll needs to know of a transcript."""

    status: str | None = None
    error: str | None = None
    text: str | None = None
    audio_url: str | None = None
    audio_duration: float | None = None

    @classmethod
    def of(cls, fields: Fields) -> Self:
        """Each field for itself: one that is not what it used to be is null."""
        return cls(
            status=fields.get("status", str),
            error=fields.get("error", str),
            text=fields.get("text", str),
            audio_url=fields.get("audio_url", str),
            audio_duration=fields.get("audio_duration", float),
        )

    @property
    def deleted(self) -> bool:
        """Whether somebody has deleted it there: what is left is not what was said."""
        return self.audio_url == "http://deleted_by_user"


def _decoder(kind: type[T]) -> msgspec.json.Decoder[T | None]:
    return msgspec.json.Decoder(kind | None, strict=False)
