"""What Deepgram finds out beside the words, placed in the recording."""

from __future__ import annotations

from collections.abc import Sequence

from services.transcriber.engines.deepgram.messages import (
    FoundEntity,
    HeardWord,
    Metadata,
    Results,
    SentimentSegment,
    milliseconds,
)
from shared.schemas.transcripts import Entity, Insights, Sentiment, Topic


def insights(results: Results, metadata: Metadata) -> Insights | None:
    """What there is. What was asked for and not found is empty, unless Deepgram warns that it did not look for it."""
    looked_for = set() if metadata.warnings else set(metadata.items)
    found = Insights(
        entities=_entities(results, asked="detect_entities" in looked_for),
        sentiments=_sentiments(results, asked="sentiment" in looked_for),
        topics=_topics(results, asked="topics" in looked_for),
        summary=results.summary.short if results.summary is not None else None,
    )
    return None if found == Insights() else found


def _entities(results: Results, *, asked: bool) -> tuple[Entity, ...] | None:
    alternatives = [channel.alternatives[0] for channel in results.channels if channel.alternatives]
    if not asked and all(alternative.entities is None for alternative in alternatives):
        return None
    placed = [_entity(found, one.words) for one in alternatives for found in one.entities or ()]
    return tuple(sorted(filter(None, placed), key=lambda entity: entity.start_ms))


def _entity(found: FoundEntity, words: Sequence[HeardWord]) -> Entity | None:
    place = _place(words, found.start_word, found.end_word - 1)
    return place and Entity(type=found.label.lower(), text=found.value.strip(), start_ms=place[0], end_ms=place[1])


def _sentiments(results: Results, *, asked: bool) -> tuple[Sentiment, ...] | None:
    """Null for several channels, where nothing tells whose words are counted."""
    if len(results.channels) != 1 or (results.sentiments is None and not asked):
        return None
    segments = () if results.sentiments is None else results.sentiments.segments
    return tuple(filter(None, (_sentiment(segment, results.channels[0].words) for segment in segments)))


def _sentiment(segment: SentimentSegment, words: Sequence[HeardWord]) -> Sentiment | None:
    place = _place(words, segment.start_word, segment.end_word)
    if place is None:
        return None
    speaker = words[int(segment.start_word)].speaker
    return Sentiment(
        sentiment=segment.sentiment.lower(),
        start_ms=place[0],
        end_ms=place[1],
        speaker_id=None if speaker is None else str(speaker),
    )


def _topics(results: Results, *, asked: bool) -> tuple[Topic, ...] | None:
    """Each topic once, as relevant as where it is most."""
    if results.topics is None:
        return () if asked else None
    relevance: dict[str, float | None] = {}
    for found in (topic for segment in results.topics.segments for topic in segment.topics):
        relevance[found.topic] = max((relevance.get(found.topic), found.confidence_score), key=lambda score: score or 0.0)
    topics = (Topic(label=label, relevance=score and min(1.0, max(0.0, score))) for label, score in relevance.items())
    return tuple(sorted(topics, key=lambda topic: -(topic.relevance or 0.0)))


def _place(words: Sequence[HeardWord], first: float, last: float) -> tuple[int, int] | None:
    """Where words are said; null when there are no such words."""
    if not 0 <= first <= last < len(words):
        return None
    start = milliseconds(words[int(first)].start)
    return start, max(start, milliseconds(words[int(last)].end))
