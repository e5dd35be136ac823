"""What the speech engine found out, in its own words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from services.reporter.blocks import Finding, Findings
from services.reporter.characters import clean
from services.reporter.labels import Labels, code_text
from shared.schemas.transcripts import Entity, Insights


def findings(insights: Insights, labels: Labels, *, taken_over: bool) -> Iterator[Findings]:
    """A block for each subject that the engine was asked about; without what is `taken_over` as the report's sections."""
    if not taken_over:
        yield from _written(insights, labels)
    if insights.topics is not None:
        yield _subject(labels.topics, _listed(clean(topic.label).replace(">", " › ") for topic in insights.topics), labels)
    if insights.entities is not None:
        yield _subject(labels.entities, _by_type(insights.entities, labels), labels)
    if insights.highlights is not None and not taken_over:
        yield _subject(labels.highlights, _listed(clean(one.text) for one in insights.highlights), labels)
    if insights.sentiments is not None:
        moods = Counter(in_words(one.sentiment, labels) for one in insights.sentiments).most_common()
        yield _subject(labels.moods, _listed(f"{mood} {count}" for mood, count in moods), labels)
    if insights.content_warnings is not None:
        warnings = [Finding(text=in_words(one.label, labels), start_ms=one.start_ms) for one in insights.content_warnings]
        yield _subject(labels.content_warnings, warnings, labels)


def in_words(code: str, labels: Labels) -> str:
    """`phone_number` as people write it."""
    return clean(code_text(labels, code))


def _written(insights: Insights, labels: Labels) -> Iterator[Findings]:
    if insights.summary is not None:
        yield _subject(labels.summary, [Finding(text=clean(insights.summary))], labels)
    if insights.chapters is not None:
        chapters = [(chapter.start_ms, [chapter.headline, chapter.summary or ""]) for chapter in insights.chapters]
        lines = [Finding(text=labels.colon.join(filter(None, map(clean, texts))), start_ms=start) for start, texts in chapters]
        yield _subject(labels.chapters, lines, labels)


def _subject(label: str, found: list[Finding], labels: Labels) -> Findings:
    return Findings(label=label, findings=tuple(found) or (Finding(text=labels.nothing_found),))


def _listed(texts: Iterable[str]) -> list[Finding]:
    """All in one line, each once."""
    text = " · ".join(dict.fromkeys(texts))
    return [Finding(text=text)] if text else []


def _by_type(entities: Iterable[Entity], labels: Labels) -> list[Finding]:
    """A line for each type of entity, in the order in which they are first mentioned."""
    types: dict[str, dict[str, None]] = {}
    for entity in entities:
        types.setdefault(in_words(entity.type, labels), {})[clean(entity.text)] = None
    return [Finding(text=type_ + labels.colon + " · ".join(texts)) for type_, texts in types.items()]
