"""Counts what a transcript holds and writes the report document about it: pure functions."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from itertools import pairwise

import msgspec

from services.reporter.characters import count_words
from services.reporter.labels import labels_for
from services.reporter.protocol import Assignment
from shared.schemas.jobs import JobOptions, ReportLanguage, ReportMode
from shared.schemas.reports import (
    Coverage,
    Facts,
    InputValue,
    Report,
    Section,
    SolutionReference,
    SpeakerFacts,
    SpeakerRole,
    TranscriptReference,
    Usage,
)
from shared.schemas.solutions import Solution
from shared.schemas.transcripts import Transcript

TRUNCATED = "truncated"
"""The note of a transcript whose engine stopped early."""


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What was written after the scenario and checked; nothing of it where a report is the transcript alone."""

    sections: tuple[Section, ...] = ()
    mode: ReportMode | None = None
    model: str | None = None
    usage: Usage | None = None
    roles: tuple[SpeakerRole, ...] = ()
    notes: tuple[str, ...] = ()
    excluded: dict[str, int] = {}
    unread: tuple[str, ...] = ()
    """Ids of the segments that the writer did not get to see."""


def report_language(options: JobOptions, solution: Solution, transcript: Transcript) -> ReportLanguage:
    """The language to report in: the job's, else the scenario's, else the recording's, or English where it has no labels."""
    if options.report_language is not None:
        return options.report_language
    if solution.output_language != "transcript":
        return solution.output_language
    return labels_for(transcript.language).language


def build_report(assignment: Assignment, transcript: Transcript, content: Content | None = None) -> Report:
    """The report on a transcript."""
    content = content or Content()
    options, solution = assignment.options, assignment.solution
    language = report_language(options, solution, transcript)
    return Report(
        job_id=assignment.job_id,
        version=assignment.run,
        language=language,
        title=options.title,
        solution=SolutionReference(id=solution.id, version=solution.version),
        transcript=reference_to(assignment, transcript),
        facts=facts_of(transcript),
        coverage=_coverage(transcript, frozenset(content.unread)),
        notes=tuple(dict.fromkeys([*transcript.quality.notes, *content.notes])),
        sections=content.sections,
        mode=content.mode,
        model=content.model,
        inputs=_inputs(options.inputs, solution, language),
        roles=content.roles,
        excluded=content.excluded,
        usage=content.usage,
    )


def reference_to(assignment: Assignment, transcript: Transcript) -> TranscriptReference:
    """Which document the report is about."""
    return TranscriptReference(
        key=assignment.transcript_key,
        version=transcript.version,
        revision=transcript.revision,
        sha256=hashlib.sha256(assignment.transcript).hexdigest(),
    )


def _inputs(values: dict[str, str], solution: Solution, language: ReportLanguage) -> tuple[InputValue, ...]:
    """What the customer filled in, in the scenario's order."""
    return tuple(
        InputValue(id=one.id, label=one.label[language], value=values[one.id]) for one in solution.inputs if values.get(one.id)
    )


def facts_of(transcript: Transcript) -> Facts:
    """What can be counted."""
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


def _coverage(transcript: Transcript, unread: frozenset[str]) -> Coverage:
    segments, duration = transcript.segments, transcript.media.duration_ms
    heard = max((segment.end_ms for segment in segments), default=0)
    through = min(heard, duration) if TRUNCATED in transcript.quality.notes else duration
    missing = [segment.start_ms for segment in segments if segment.id in unread]
    return Coverage(
        segments_used=len(segments) - len(missing),
        segments_total=len(segments),
        through_ms=min([through, *missing]),
        duration_ms=duration,
    )
