"""What an engine heard becomes the transcript `audio2txt.transcript/1`. A pure function: a repeat gives the same document."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID, uuid5

from services.transcriber.engines import Heard, Passage
from services.transcriber.segments import LOW_CONFIDENCE, build_segments, mean_confidence, mend_times
from shared.schemas.transcripts import (
    DetectedLanguage,
    EngineRun,
    Media,
    Quality,
    Segment,
    Speaker,
    Transcript,
    Word,
)


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


def compose(heard: Heard, provenance: Provenance) -> Transcript:
    """The whole document."""
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
