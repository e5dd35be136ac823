"""Counts what a transcript holds and writes the report document about it: pure functions."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from itertools import pairwise

from services.reporter.characters import count_words
from services.reporter.labels import labels_for
from services.reporter.protocol import Assignment
from shared.schemas.reports import Coverage, Facts, Report, SolutionReference, SpeakerFacts, TranscriptReference
from shared.schemas.transcripts import Transcript

TRUNCATED = "truncated"
"""The note of a transcript whose engine stopped early."""


def build_report(assignment: Assignment, transcript: Transcript) -> Report:
    """The report on a transcript."""
    return Report(
        job_id=assignment.job_id,
        version=assignment.run,
        language=labels_for(transcript.language).language,
        title=assignment.options.title,
        solution=SolutionReference(id=assignment.solution.id, version=assignment.solution.version),
        transcript=TranscriptReference(
            key=assignment.transcript_key,
            version=transcript.version,
            sha256=hashlib.sha256(assignment.transcript).hexdigest(),
        ),
        facts=_facts(transcript),
        coverage=_coverage(transcript),
        notes=transcript.quality.notes,
    )


def _facts(transcript: Transcript) -> Facts:
    counted = [count_words(segment.text) for segment in transcript.segments]
    return Facts(
        duration_ms=transcript.media.duration_ms,
        language=transcript.language,
        engine=transcript.engine.provider,
        model=transcript.engine.model,
        words=sum(counted),
        mean_confidence=transcript.quality.mean_confidence,
        speakers=_speakers(transcript, counted),
    )


def _speakers(transcript: Transcript, counted: list[int]) -> tuple[SpeakerFacts, ...]:
    """Who spoke, in the transcript's order; whoever said nothing is left out."""
    words: dict[str, int] = defaultdict(int)
    speech: dict[str, int] = defaultdict(int)
    for segment, count in zip(transcript.segments, counted, strict=True):
        if segment.speaker_id is not None:
            words[segment.speaker_id] += count
            speech[segment.speaker_id] += segment.end_ms - segment.start_ms
    turns: dict[str, int] = defaultdict(int)
    for before, speaker_id in pairwise([None, *(segment.speaker_id for segment in transcript.segments)]):
        if speaker_id is not None and speaker_id != before:
            turns[speaker_id] += 1
    order = dict.fromkeys([*(speaker.id for speaker in transcript.speakers), *words])
    return tuple(
        SpeakerFacts(speaker_id=id_, speech_ms=speech[id_], words=words[id_], turns=turns[id_]) for id_ in order if id_ in words
    )


def _coverage(transcript: Transcript) -> Coverage:
    used = len(transcript.segments)
    duration = transcript.media.duration_ms
    heard = max((segment.end_ms for segment in transcript.segments), default=0)
    through = min(heard, duration) if TRUNCATED in transcript.quality.notes else duration
    return Coverage(segments_used=used, segments_total=used, through_ms=through, duration_ms=duration)
