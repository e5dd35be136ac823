"""Undoes what was done to a transcript after it was recognised: script and vocabularies. Pure functions."""

from __future__ import annotations

import msgspec

from services.transcriber import chinese, replacing
from shared.schemas.transcripts import Insights, Segment, Transcript, render_words
from shared.words import as_recognised as recognised_words

_NOTES = {chinese.STEP: chinese.NOTE, replacing.STEP: replacing.NOTE}


def as_recognised(transcript: Transcript) -> Transcript:
    """The transcript as the engine wrote it, to the last character; one that was never changed, unchanged."""
    steps = [step for step in transcript.processing if step.step in _NOTES]
    if not steps:
        return transcript
    notes = {_NOTES[step.step] for step in steps}
    language = next((step.from_language for step in steps if step.step == chinese.STEP), transcript.language)
    return msgspec.structs.replace(
        transcript,
        language=language,
        segments=tuple(map(_segment, transcript.segments)),
        insights=transcript.insights and _insights(transcript.insights),
        processing=tuple(step for step in transcript.processing if step not in steps),
        quality=msgspec.structs.replace(
            transcript.quality, notes=tuple(note for note in transcript.quality.notes if note not in notes)
        ),
    )


def _segment(segment: Segment) -> Segment:
    if not segment.words:
        return segment if segment.raw is None else msgspec.structs.replace(segment, text=segment.raw, raw=None)
    words = recognised_words(segment)
    return msgspec.structs.replace(segment, text=render_words(words), words=words, raw_words=())


def _insights(insights: Insights) -> Insights:
    if insights.raw is None:
        return insights
    raw = {name: value for name, value in msgspec.structs.asdict(insights.raw).items() if value is not None}
    return msgspec.structs.replace(insights, **raw, raw=None)
