"""What an engine heard becomes the transcript `audio2txt.transcript/1`. A pure function: a repeat gives the same document."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar
from uuid import UUID, uuid5

import msgspec

from services.transcriber.chinese import in_script
from services.transcriber.engines import Heard, Passage
from services.transcriber.prices import cost
from services.transcriber.replacing import with_replacements
from services.transcriber.segments import LOW_CONFIDENCE, build_segments, mean_confidence, mend_times
from shared.schemas.jobs import Redaction, Script
from shared.schemas.transcripts import (
    Chapter,
    ContentWarning,
    DetectedLanguage,
    EngineRun,
    Entity,
    Insights,
    Media,
    Moment,
    Quality,
    RedactionRecord,
    Segment,
    Sentiment,
    Speaker,
    Transcript,
    Word,
)
from shared.schemas.vocabularies import Vocabulary

AUDIO_TYPES = {"mp3": "audio/mpeg", "wav": "audio/wav"}
"""Media types of redacted recordings by the end of their names."""

Timed = TypeVar("Timed", Entity, Sentiment, Moment, Chapter, ContentWarning)


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where the answer of the engine came from."""

    job_id: UUID
    run: int
    provider: str
    provider_id: str | None
    raw_key: str
    raw_sha256: str
    started_at: dt.datetime
    heard_at: dt.datetime
    redaction: Redaction | None = None
    """What the job wanted removed."""
    attachments: tuple[str, ...] = ()
    """Blob keys of the files that came with the answer."""
    charged_before: bool = False
    """Whether an earlier transcript of the job was made of it."""


@dataclass(frozen=True, kw_only=True)
class Writing:
    """How what was heard is written."""

    script: Script = Script.RECOGNISED
    terms: tuple[str, ...] = ()
    """Names and terms that keep their own characters."""
    vocabularies: tuple[Vocabulary, ...] = ()
    """Whose words take the place of others at last."""


def compose(heard: Heard, provenance: Provenance, writing: Writing = Writing()) -> Transcript:
    """The whole document."""
    return with_replacements(in_script(_as_heard(heard, provenance), writing.script, writing.terms), writing.vocabularies)


def _as_heard(heard: Heard, provenance: Provenance) -> Transcript:
    passages = _mended(heard)
    speakers = {passage.speaker: "" for passage in passages if passage.speaker is not None}
    speaker_ids = {label: f"spk_{number}" for number, label in enumerate(speakers, start=1)}
    segments = tuple(sorted(build_segments(passages, speaker_ids), key=lambda segment: (segment.start_ms, segment.id)))
    return Transcript(
        id=uuid5(provenance.job_id, f"transcript/{provenance.run}"),
        job_id=provenance.job_id,
        version=provenance.run,
        created_at=provenance.heard_at,
        media=Media(duration_ms=heard.duration_ms, channels=heard.channels, sha256=heard.source_sha256),
        language=heard.language,
        detected_language=_detected(heard),
        engine=_engine_run(heard, provenance),
        speakers=tuple(_speaker(label, speaker_id, segments) for label, speaker_id in speaker_ids.items()),
        segments=segments,
        quality=_quality(heard, segments, separated=bool(speaker_ids)),
        insights=heard.insights and _insights(heard.insights, speaker_ids, heard.duration_ms),
        redaction=_redacted(provenance),
    )


def _mended(heard: Heard) -> list[Passage]:
    """The passages with times in order; words of different speakers may overlap."""
    words: dict[str | None, list[Word]] = {}
    for passage in heard.passages:
        words.setdefault(passage.speaker, []).extend(passage.words)
    mended = {speaker: iter(mend_times(theirs, heard.duration_ms)) for speaker, theirs in words.items()}
    return [replace(passage, words=tuple(next(mended[passage.speaker]) for _ in passage.words)) for passage in heard.passages]


def _detected(heard: Heard) -> DetectedLanguage | None:
    if heard.language is None or heard.language_confidence is None:
        return None
    return DetectedLanguage(code=heard.language, confidence=heard.language_confidence)


def _engine_run(heard: Heard, provenance: Provenance) -> EngineRun:
    return EngineRun(
        provider=provenance.provider,
        model=heard.model,
        raw_key=provenance.raw_key,
        raw_sha256=provenance.raw_sha256,
        job_id=provenance.provider_id,
        params=dict(heard.params),
        started_at=provenance.started_at,
        finished_at=provenance.heard_at,
        cost=None if heard.usage is None else cost(provenance.provider, heard.usage, provenance.started_at.date()),
        charged_before=provenance.charged_before,
    )


def _speaker(label: str, speaker_id: str, segments: Sequence[Segment]) -> Speaker:
    speech_ms = sum(segment.end_ms - segment.start_ms for segment in segments if segment.speaker_id == speaker_id)
    return Speaker(id=speaker_id, label=label, speech_ms=speech_ms)


def _quality(heard: Heard, segments: Sequence[Segment], *, separated: bool) -> Quality:
    words = [word for segment in segments for word in segment.words]
    known = [word.c for word in words if word.c is not None]
    spoken_ms = sum(segment.end_ms - segment.start_ms for segment in segments)
    return Quality(
        mean_confidence=mean_confidence(words),
        low_confidence_ratio=round(sum(c < LOW_CONFIDENCE for c in known) / len(known), 4) if known else None,
        speech_ms=spoken_ms if heard.speech_ms is None else heard.speech_ms,
        notes=heard.notes if separated else (*heard.notes, "speakers_not_separated"),
    )


def _insights(insights: Insights, speaker_ids: Mapping[str, str], end_ms: int) -> Insights:
    """The same with our names for speakers, and nothing outside the recording."""
    highlights = insights.highlights and tuple(
        msgspec.structs.replace(one, moments=_within(one.moments, end_ms)) for one in insights.highlights
    )
    sentiments = insights.sentiments and tuple(
        msgspec.structs.replace(one, speaker_id=speaker_ids.get(one.speaker_id or "")) for one in insights.sentiments
    )
    return msgspec.structs.replace(
        insights,
        entities=insights.entities and _within(insights.entities, end_ms),
        sentiments=sentiments and _within(sentiments, end_ms),
        highlights=highlights,
        chapters=insights.chapters and _within(insights.chapters, end_ms),
        content_warnings=insights.content_warnings and _within(insights.content_warnings, end_ms),
    )


def _within(found: tuple[Timed, ...], end_ms: int) -> tuple[Timed, ...]:
    """The same with times that lie in the recording, and follow each other."""
    return tuple(_clamped(one, end_ms) for one in found)


def _clamped(one: Timed, end_ms: int) -> Timed:
    start = min(max(one.start_ms, 0), end_ms)
    end = min(max(one.end_ms, start), end_ms)
    return one if (start, end) == (one.start_ms, one.end_ms) else msgspec.structs.replace(one, start_ms=start, end_ms=end)


def _redacted(provenance: Provenance) -> RedactionRecord | None:
    if provenance.redaction is None:
        return None
    audio = next((key for key in provenance.attachments if "/redacted." in key), None)
    return RedactionRecord(
        categories=provenance.redaction.categories,
        substitute=provenance.redaction.substitute,
        audio_key=audio,
        audio_media_type=audio and AUDIO_TYPES[audio.rpartition(".")[2]],
    )
