"""What we read of Deepgram's answers; everything else in them may come and go."""

from __future__ import annotations

import msgspec


class HeardWord(msgspec.Struct, frozen=True, kw_only=True):
    """One word. Times are in seconds."""

    word: str
    start: float
    end: float
    confidence: float | None = None
    punctuated_word: str | None = None
    speaker: int | None = None
    language: str | None = None
    """Of the multilingual model only."""


class FoundEntity(msgspec.Struct, frozen=True, kw_only=True):
    """A name, place, date … between two words."""

    label: str
    value: str
    start_word: float
    end_word: float
    """The first word that does not belong to it."""


class Alternative(msgspec.Struct, frozen=True, kw_only=True):
    """What was heard on one channel."""

    words: tuple[HeardWord, ...] = ()
    entities: tuple[FoundEntity, ...] | None = None


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """One channel, or all of them mixed."""

    alternatives: tuple[Alternative, ...] = ()
    detected_language: str | None = None
    language_confidence: float | None = None

    @property
    def words(self) -> tuple[HeardWord, ...]:
        """All of them in order."""
        return self.alternatives[0].words if self.alternatives else ()


class Utterance(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody says in one go."""

    channel: int = 0
    words: tuple[HeardWord, ...] = ()


class SentimentSegment(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of words in one mood."""

    sentiment: str
    start_word: float
    end_word: float
    """The last word that belongs to it."""


class Sentiments(msgspec.Struct, frozen=True, kw_only=True):
    """The moods of the recording."""

    segments: tuple[SentimentSegment, ...] = ()


class FoundTopic(msgspec.Struct, frozen=True, kw_only=True):
    """What a stretch of words is about."""

    topic: str
    confidence_score: float | None = None


class TopicSegment(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of words and what it is about."""

    topics: tuple[FoundTopic, ...] = ()


class Topics(msgspec.Struct, frozen=True, kw_only=True):
    """The topics of the recording."""

    segments: tuple[TopicSegment, ...] = ()


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The recording in a few sentences."""

    result: str = "success"
    short: str | None = None


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """What was heard and found out."""

    channels: tuple[Channel, ...]
    utterances: tuple[Utterance, ...] | None = None
    sentiments: Sentiments | None = None
    topics: Topics | None = None
    summary: Summary | None = None


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The model that was at work."""

    name: str
    version: str | None = None


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """The recording and the request."""

    request_id: str
    duration: float
    """Seconds."""
    channels: int
    sha256: str | None = None
    model_info: dict[str, ModelInfo] = {}
    extra: dict[str, str] = {}
    """Our own notes, as we sent them."""
    warnings: list[msgspec.Raw] | None = None

    @property
    def items(self) -> tuple[str, ...]:
        """What was asked for and is charged; empty when the notes did not come back."""
        return tuple(filter(None, self.extra.get("items", "").split(",")))


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer: the result, or why there is none."""

    metadata: Metadata | None = None
    results: Results | None = None


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """A request that will be answered by a callback."""

    request_id: str


def milliseconds(seconds: float) -> int:
    """Whole milliseconds of Deepgram's seconds; nothing is before the beginning."""
    return max(0, round(seconds * 1000))
