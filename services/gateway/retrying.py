"""What a retry does with a job: where it begins, and what of the job it makes anew. Pure, no I/O."""

from __future__ import annotations

import datetime as dt

import msgspec

from services.gateway.jobs import Formats, Job
from shared.schemas.jobs import ArtifactState, JobOptions, JobState
from shared.schemas.privacy import Part


class RetryPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a retry does: transcribe again in the next run, or render the stored transcript again in the same."""

    state: JobState
    run: int
    options: JobOptions


def made_from(begin: JobState) -> Part:
    """What a retry that begins there works on."""
    return Part.AUDIO if begin is JobState.QUEUED else Part.TRANSCRIPT


def made_anew(begin: JobState) -> frozenset[Part]:
    """What it makes, so that it is there again."""
    return frozenset({Part.RAW, Part.TRANSCRIPT, Part.REPORT} if begin is JobState.QUEUED else {Part.REPORT})


class NothingToRetry(ValueError):
    """The job has everything it was asked for."""


def plan_retry(job: Job, wanted: JobOptions, *, formats: Formats | None, usual: Formats, asked_anew: bool = False) -> RetryPlan:
    """Decide about a finished job, of which other things are `wanted` now than before. Another engine, or other wishes at it,
    mean a new transcription, another scenario, language or writer a new report, and so does the same one `asked_anew` where
    the transcript was edited; formats are added to those there are, which are the `usual` ones of the solution where the job
    names none.

    Raises `NothingToRetry` for a completed job that has all of it.
    """
    files = tuple(dict.fromkeys((*(wanted.formats or usual), *formats))) if formats else wanted.formats
    options = msgspec.structs.replace(wanted, formats=files, attempt=job.options.attempt + 1)
    another_engine = wanted.engine not in (job.engine, job.options.engine)
    if another_engine or _heard(wanted) != _heard(job.options) or not job.transcribed:
        return RetryPlan(state=JobState.QUEUED, run=job.run + 1, options=options)
    ready = {artifact.format for artifact in job.artifacts if artifact.state is ArtifactState.READY}
    lacking = any(artifact.state is ArtifactState.FAILED for artifact in job.artifacts) or not ready.issuperset(formats or ())
    another = _another_report(job, wanted) or (asked_anew and job.revision > 0)
    if job.state is JobState.COMPLETED and not lacking and not another:
        raise NothingToRetry
    return RetryPlan(state=JobState.REPORTING, run=job.run, options=options)


def begun_again(job: Job, plan: RetryPlan, *, deadline_at: dt.datetime) -> Job:
    """The job as the retry has it. A new run has a transcript of its own, which nobody has edited yet."""
    again = msgspec.structs.replace(job, run=plan.run, options=plan.options, deadline_at=deadline_at)
    if plan.run == job.run:
        return again
    return msgspec.structs.replace(again, revision=0, revision_key=None, reported_revision=0)


def _heard(options: JobOptions) -> tuple[object, ...]:
    """What the transcript depends on, the engine aside."""
    spoken = (options.language, options.speakers, options.channels, options.script)
    return (*spoken, options.vocabulary, options.vocabularies, options.analyses)


def _another_report(job: Job, wanted: JobOptions) -> bool:
    """Whether the report that is there is another than the one wanted; one that another writer stood in for is."""
    there = job.options
    stood_in = wanted.report_mode is not None and wanted.report_mode is not job.report_mode
    same = (there.solution, there.report_language, there.inputs) == (wanted.solution, wanted.report_language, wanted.inputs)
    return stood_in or not same
