"""What AssemblyAI found out beside the words. A finding without its words or times is left out.

An analysis that was not asked for is null; so is one that AssemblyAI left out silently, as it does in languages that it
cannot do it in, and one that cannot be read.
"""

from __future__ import annotations

from services.transcriber.engines.assemblyai.answer import (
    Fields,
    KeyPhrase,
    KeyPhrases,
    Mood,
    NamedEntity,
    Safety,
    SafetyResult,
    Section,
    Span,
    Summarization,
    Topics,
    Understanding,
)
from services.transcriber.engines.assemblyai.passages import ratio, speaker_label
from services.transcriber.engines.assemblyai.times import latest_ms, plausible
from shared.schemas.transcripts import Chapter, ContentWarning, Entity, Highlight, Insights, Moment, Sentiment, Topic

FINDINGS = frozenset(
    {
        "entities",
        "sentiment_analysis_results",
        "iab_categories_result",
        "auto_highlights_result",
        "content_safety_labels",
        "speech_understanding",
    }
)
"""The fields that are read here."""

LEAST_RELEVANCE = 0.05
"""Below it, AssemblyAI lists nearly every topic that there is."""


def read_insights(fields: Fields, *, duration_ms: int) -> Insights | None:
    """The findings; null when there is no analysis."""
    clock = _Clock(duration_ms)
    summarization = _summarization(fields)
    insights = Insights(
        entities=_entities(fields.get("entities", list[NamedEntity]), clock),
        sentiments=_sentiments(fields.get("sentiment_analysis_results", list[Mood]), clock),
        topics=_topics(fields.get("iab_categories_result", Topics)),
        highlights=_highlights(fields.get("auto_highlights_result", KeyPhrases), clock),
        chapters=_chapters(summarization, clock),
        summary=_summary(summarization),
        content_warnings=_content_warnings(fields.get("content_safety_labels", Safety), clock),
    )
    return None if insights == Insights() else insights


class _Clock:
    """Knows the times of one recording."""

    def __init__(self, duration_ms: int) -> None:
        self._latest = latest_ms(duration_ms)

    def moment(self, span: Span | None) -> Moment | None:
        """From when to when; null when one of them is missing or cannot be."""
        if span is None:
            return None
        start_ms, end_ms = plausible(span.start, self._latest), plausible(span.end, self._latest)
        return None if start_ms is None or end_ms is None else Moment(start_ms=start_ms, end_ms=max(start_ms, end_ms))


def _entities(found: list[NamedEntity] | None, clock: _Clock) -> tuple[Entity, ...] | None:
    if found is None:
        return None
    return tuple(
        Entity(type=one.entity_type or "other", text=one.text, start_ms=at.start_ms, end_ms=at.end_ms)
        for one in found
        if one.text and (at := clock.moment(one))
    )


def _sentiments(found: list[Mood] | None, clock: _Clock) -> tuple[Sentiment, ...] | None:
    if found is None:
        return None
    return tuple(
        Sentiment(
            sentiment=one.sentiment.lower(),
            start_ms=at.start_ms,
            end_ms=at.end_ms,
            confidence=ratio(one.confidence),
            speaker_id=speaker_label(one.speaker, one.channel),
        )
        for one in found
        if one.sentiment and (at := clock.moment(one))
    )


def _topics(found: Topics | None) -> tuple[Topic, ...] | None:
    if found is None or found.summary is None:
        return None
    relevant = ((label, relevance) for label, relevance in found.summary.items() if relevance >= LEAST_RELEVANCE)
    topics = [Topic(label=label, relevance=ratio(relevance)) for label, relevance in relevant]
    return tuple(sorted(topics, key=lambda topic: topic.relevance or 0, reverse=True))


def _highlights(found: KeyPhrases | None, clock: _Clock) -> tuple[Highlight, ...] | None:
    if found is None or found.results is None:
        return None
    return tuple(_highlight(one, one.text, clock) for one in found.results if one.text)


def _highlight(phrase: KeyPhrase, text: str, clock: _Clock) -> Highlight:
    moments = tuple(at for span in phrase.timestamps or () if (at := clock.moment(span)))
    return Highlight(text=text, count=int(phrase.count or len(moments)), rank=phrase.rank, moments=moments)


def _summarization(fields: Fields) -> Summarization | None:
    understanding = fields.get("speech_understanding", Understanding)
    return understanding.response.summarization if understanding and understanding.response else None


def _chapters(found: Summarization | None, clock: _Clock) -> tuple[Chapter, ...] | None:
    if found is None or found.summary is None:
        return None
    return tuple(
        Chapter(start_ms=at.start_ms, end_ms=at.end_ms, headline=headline, summary=_words(one) or None)
        for one in found.summary
        if (headline := one.headline or _words(one)) and (at := clock.moment(one))
    )


def _summary(found: Summarization | None) -> str | None:
    if found is None:
        return None
    return found.block_summary or "\n\n".join(filter(None, map(_words, found.summary or ()))) or None


def _words(section: Section) -> str:
    return section.text or "\n".join(section.bullets or ())


def _content_warnings(found: Safety | None, clock: _Clock) -> tuple[ContentWarning, ...] | None:
    if found is None or found.results is None:
        return None
    return tuple(warning for one in found.results for warning in _warnings(one, clock))


def _warnings(found: SafetyResult, clock: _Clock) -> list[ContentWarning]:
    at = clock.moment(found.timestamp)
    if at is None:
        return []
    return [
        ContentWarning(
            label=one.label,
            start_ms=at.start_ms,
            end_ms=at.end_ms,
            confidence=ratio(one.confidence),
            severity=ratio(one.severity),
        )
        for one in found.labels or ()
        if one.label
    ]
