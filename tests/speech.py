"""Transcripts for tests of the reporter, made of what was said, and the documents that are rendered from them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from functools import cache
from uuid import UUID

import msgspec

from services.reporter.blocks import Document
from services.reporter.document import compose
from services.reporter.facts import build_report
from services.reporter.protocol import Assignment
from shared.schemas.jobs import JobOptions
from shared.schemas.transcripts import (
    Chapter,
    EngineRun,
    Entity,
    Highlight,
    Insights,
    Media,
    Quality,
    Segment,
    Sentiment,
    Speaker,
    Topic,
    Transcript,
    Word,
)
from shared.solutions import Solutions, load_solutions

JOB = UUID("01935b7a-0000-7000-8000-000000000001")
TENANT = UUID("01935b7a-0000-7000-8000-000000000002")

INSIGHTS = Insights(
    entities=tuple(
        Entity(type=type_, text=text, start_ms=0, end_ms=900)
        for type_, text in (("person_name", "Anna"), ("date", "五月十五日"), ("person_name", "Ben"), ("person_name", "Anna"))
    ),
    sentiments=tuple(Sentiment(sentiment=mood, start_ms=0, end_ms=900) for mood in ("neutral", "positive", "neutral")),
    topics=(Topic(label="Business>Sales"), Topic(label="Travel")),
    highlights=(Highlight(text="two offers", count=3),),
    chapters=(
        Chapter(start_ms=0, end_ms=4_000, headline="Greetings"),
        Chapter(start_ms=4_000, end_ms=8_000, headline="The plan", summary="They talk *a lot*."),
    ),
    summary="They meet.",
    content_warnings=(),
)


def said(text: str, *, by: str | None = "A", start: float = 0.0, seconds: float = 4.0, words: bool = False) -> Segment:
    """A segment of speaker `by`; with `words`, its words share the time out evenly."""
    start_ms, end_ms = round(start * 1000), round((start + seconds) * 1000)
    parts = text.split() if words else []
    step = (end_ms - start_ms) / max(1, len(parts))
    return Segment(
        id=f"s{start_ms:06d}",
        start_ms=start_ms,
        end_ms=end_ms,
        text=text,
        speaker_id=by and f"spk_{by}",
        words=tuple(
            Word(
                t=part, s=start_ms + round(number * step), e=start_ms + round((number + 0.8) * step), sep=" " if number else ""
            )
            for number, part in enumerate(parts)
        ),
    )


def conversation(*lines: tuple[str | None, str], seconds: float = 4.0) -> list[Segment]:
    """Segments one after the other, each of a speaker and a text."""
    return [said(text, by=by, start=number * seconds, seconds=seconds) for number, (by, text) in enumerate(lines)]


def transcript(
    segments: Sequence[Segment],
    *,
    language: str | None = "en",
    names: dict[str, str] | None = None,
    notes: Iterable[str] = (),
    duration_ms: int | None = None,
) -> Transcript:
    """A transcript of some segments; `names` are the speakers' by label."""
    labels = dict.fromkeys(segment.speaker_id.removeprefix("spk_") for segment in segments if segment.speaker_id)
    return Transcript(
        id=UUID("01935b7a-0000-7000-8000-000000000003"),
        job_id=JOB,
        version=1,
        created_at=dt.datetime(2026, 11, 22, 10, tzinfo=dt.UTC),
        media=Media(duration_ms=duration_ms or max((segment.end_ms for segment in segments), default=1000)),
        language=language,
        engine=EngineRun(provider="scripted", model="s1", raw_key="raw", raw_sha256="0" * 64),
        speakers=tuple(Speaker(id=f"spk_{label}", label=label, name=(names or {}).get(label)) for label in labels),
        segments=tuple(segments),
        quality=Quality(mean_confidence=0.93, notes=tuple(notes)),
    )


@cache
def _solutions() -> Solutions:
    """Read once: there are a dozen files."""
    return load_solutions()


def assignment(source: Transcript, *, title: str | None = "Weekly meeting", solution: str = "verbatim") -> Assignment:
    """What a render process is told about a transcript."""
    return Assignment(
        job_id=JOB,
        run=1,
        options=JobOptions(title=title, solution=solution),
        solution=_solutions()[solution],
        transcript_key="transcript/1.json",
        transcript=msgspec.json.encode(source),
    )


def document(source: Transcript, *, title: str | None = "Weekly meeting") -> Document:
    """The document the reporter renders for a transcript."""
    told = assignment(source, title=title)
    return compose(build_report(told, source), source, told.solution)
