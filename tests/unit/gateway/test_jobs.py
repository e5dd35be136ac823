"""The job's state machine: every move that is allowed, what a retry does, what clients are shown of it."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from services.gateway import jobs
from services.gateway.jobs import Job, StageState
from services.gateway.retrying import NothingToRetry, RetryPlan, plan_retry
from shared.schemas.events import ReportReady, TranscriptionState
from shared.schemas.ids import new_id
from shared.schemas.jobs import (
    Analysis,
    ArtifactFormat,
    ArtifactResult,
    ArtifactState,
    Failure,
    FileFormat,
    JobOptions,
    JobState,
    ReportMode,
    Script,
    SpeakerRange,
)

NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
USUAL = (ArtifactFormat.MARKDOWN, ArtifactFormat.PDF)


def make_job(**changes: Any) -> Job:
    """A job that has just been created, unless told otherwise."""
    values: dict[str, Any] = {
        "id": new_id(),
        "tenant_id": new_id(),
        "options": JobOptions(),
        "metadata": {},
        "created_at": NOW,
        "updated_at": NOW,
        "deadline_at": NOW,
    }
    return Job(**values | changes)


def report(*artifacts: ArtifactResult, **changes: Any) -> ReportReady:
    """The news of a report with these files."""
    return ReportReady(tenant_id=new_id(), job_id=new_id(), report_key="report/1.json", artifacts=artifacts, **changes)


def artifact(format: ArtifactFormat, state: ArtifactState = ArtifactState.READY) -> ArtifactResult:  # noqa: A002
    """One file of a report."""
    return ArtifactResult(
        name=f"transcript.{format.value}",
        format=FileFormat(format),
        state=state,
        media_type="text/plain",
        failure=Failure(code="font_missing", message="A font is missing.") if state is ArtifactState.FAILED else None,
    )


def test_a_final_state_is_left_only_by_a_retry() -> None:
    """Nothing leads out of a final state by itself, and a retry leads nowhere else than back to work."""
    for state in JobState:
        assert bool(jobs.MOVES[state]) is not state.final
        assert set(jobs.RETRIES[state]) == ({JobState.QUEUED, JobState.REPORTING} if state.final else set())


def test_work_goes_only_forward() -> None:
    """No move leads to an earlier stage, whatever order the news arrives in."""
    order = [JobState.QUEUED, JobState.TRANSCRIBING, JobState.REPORTING, JobState.COMPLETED]
    for earlier, later in pairwise(order):
        assert earlier not in jobs.MOVES[later]
        assert later in jobs.MOVES[earlier]


def retried(job: jobs.Job, *, formats: jobs.Formats | None = None, **changes: Any) -> RetryPlan:
    """What a retry with these changes does."""
    return plan_retry(job, msgspec.structs.replace(job.options, **changes), formats=formats, usual=USUAL)


def test_news_that_overtook_the_rest_is_taken_from_any_state_of_work() -> None:
    """A report may arrive while the job still counts as queued."""
    assert jobs.sources(JobState.COMPLETED) == [JobState.QUEUED, JobState.TRANSCRIBING, JobState.REPORTING]
    assert jobs.sources(JobState.REPORTING) == [JobState.QUEUED, JobState.TRANSCRIBING]
    assert jobs.sources(JobState.QUEUED) == []


def test_a_transcription_is_overtaken_only_by_later_states() -> None:
    """`processing` may replace `preparing`, never the other way round."""
    assert TranscriptionState.PREPARING in jobs.overtaken(TranscriptionState.PROCESSING)
    assert TranscriptionState.PROCESSING not in jobs.overtaken(TranscriptionState.PREPARING)


def test_a_job_that_failed_before_its_transcript_is_transcribed_again_in_the_next_run() -> None:
    """The retry of a transcription is a new run."""
    plan = retried(make_job(state=JobState.FAILED, run=2))
    assert (plan.state, plan.run) == (JobState.QUEUED, 3)


def test_a_job_whose_report_failed_is_rendered_again_from_its_transcript() -> None:
    """What was paid for is kept: the same run goes on with the report."""
    job = make_job(state=JobState.FAILED, run=2, transcribed_run=2)
    plan = retried(job)
    assert (plan.state, plan.run) == (JobState.REPORTING, 2)


def test_a_cancelled_job_goes_on_where_it_was() -> None:
    """A transcript that came in spite of the cancelling is not paid for twice."""
    assert retried(make_job(state=JobState.CANCELLED)).run == 2
    kept = make_job(state=JobState.CANCELLED, transcribed_run=1)
    assert retried(kept).state is JobState.REPORTING


def test_a_failed_artifact_is_rendered_again() -> None:
    """A completed job with a failed file can be retried as it is."""
    artifacts = (artifact(ArtifactFormat.MARKDOWN), artifact(ArtifactFormat.PDF, ArtifactState.FAILED))
    job = make_job(state=JobState.COMPLETED, transcribed_run=1, artifacts=artifacts)
    assert retried(job).state is JobState.REPORTING


def test_a_completed_job_with_all_its_files_has_nothing_to_retry() -> None:
    """Asking for what is there costs nothing and is refused."""
    job = make_job(state=JobState.COMPLETED, transcribed_run=1, artifacts=tuple(map(artifact, USUAL)))
    with pytest.raises(NothingToRetry):
        retried(job)
    with pytest.raises(NothingToRetry):
        retried(job, formats=(ArtifactFormat.PDF,))


def test_further_formats_are_added_to_those_there_are() -> None:
    """Asking for subtitles later does not take the PDF away."""
    job = make_job(state=JobState.COMPLETED, transcribed_run=1, artifacts=tuple(map(artifact, USUAL)))
    plan = retried(job, formats=(ArtifactFormat.SRT,))
    assert plan.options.formats == (*USUAL, ArtifactFormat.SRT)
    assert plan.run == job.run


def test_another_engine_transcribes_again() -> None:
    """A completed job given another engine starts the next run with it."""
    job = make_job(state=JobState.COMPLETED, transcribed_run=1, engine="local", artifacts=tuple(map(artifact, USUAL)))
    plan = retried(job, engine="assemblyai")
    assert (plan.state, plan.run, plan.options.engine) == (JobState.QUEUED, 2, "assemblyai")
    with pytest.raises(NothingToRetry):
        retried(job, engine="local")


@pytest.mark.parametrize(
    "change",
    [
        {"language": "yue"},
        {"speakers": SpeakerRange(min=2, max=2)},
        {"vocabulary": ("Kowloon",)},
        {"channels": True},
        {"analyses": (Analysis.ENTITIES,)},
        {"script": Script.HONG_KONG},
    ],
    ids=lambda change: next(iter(change)),
)
def test_other_wishes_at_the_engine_transcribe_again(change: dict[str, Any]) -> None:
    """A job whose language was the wrong one need not be made anew; the same wish once more is none."""
    job = make_job(state=JobState.COMPLETED, transcribed_run=1, engine="local", artifacts=tuple(map(artifact, USUAL)))
    plan = retried(job, **change)
    assert (plan.state, plan.run, plan.options.attempt) == (JobState.QUEUED, 2, 2)
    with pytest.raises(NothingToRetry):
        retried(msgspec.structs.replace(job, options=plan.options), **change)


@pytest.mark.parametrize(
    "change",
    [
        {"solution": "meeting_minutes"},
        {"report_language": "en"},
        {"inputs": {"matter_no": "7"}},
        {"report_mode": ReportMode.LLM},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_report_is_made_of_the_transcript_that_is_there(change: dict[str, Any]) -> None:
    """Another scenario, language or writer costs no second transcription."""
    job = make_job(state=JobState.COMPLETED, transcribed_run=1, artifacts=tuple(map(artifact, USUAL)))
    plan = retried(job, **change)
    assert (plan.state, plan.run) == (JobState.REPORTING, 1)
    assert plan.options.attempt == 2


def test_a_writer_for_whom_another_stood_in_is_asked_again() -> None:
    """A report that was to be written by a language model, and was not, can be retried as it is."""
    options = JobOptions(solution="meeting_minutes", report_mode=ReportMode.LLM)
    job = make_job(state=JobState.COMPLETED, transcribed_run=1, options=options, artifacts=tuple(map(artifact, USUAL)))
    assert retried(msgspec.structs.replace(job, report_mode=ReportMode.EXTRACTIVE)).state is JobState.REPORTING
    with pytest.raises(NothingToRetry):
        retried(msgspec.structs.replace(job, report_mode=ReportMode.LLM))


def test_a_report_from_before_a_retry_does_not_answer_it() -> None:
    """Neither one of an earlier attempt nor one without a format that is asked for, nor one of words that were edited."""
    job = make_job(options=JobOptions(formats=(ArtifactFormat.PDF, ArtifactFormat.SRT), attempt=2))
    assert not jobs.answers(job, report(artifact(ArtifactFormat.PDF), attempt=2))
    both = (artifact(ArtifactFormat.SRT, ArtifactState.FAILED), artifact(ArtifactFormat.PDF))
    assert jobs.answers(job, report(*both, attempt=2))
    assert not jobs.answers(job, report(*both, attempt=1))
    assert not jobs.answers(job, report(*both, attempt=2, revision=1))
    assert jobs.answers(make_job(revision=1), report(artifact(ArtifactFormat.PDF), revision=1))


def test_only_a_report_without_a_single_file_fails_the_job() -> None:
    """One file that can be read is a result."""
    failed = artifact(ArtifactFormat.PDF, ArtifactState.FAILED)
    assert jobs.all_failed((failed,))
    assert not jobs.all_failed((failed, artifact(ArtifactFormat.TEXT)))
    assert not jobs.all_failed(())
    assert "A font is missing." in jobs.report_failure((failed,)).message


def test_progress_grows_over_the_stages() -> None:
    """The whole job's progress never falls when a stage follows another."""
    shown = [
        jobs.progress(make_job(state=JobState.TRANSCRIBING, transcription_progress=0.5)),
        jobs.progress(make_job(state=JobState.TRANSCRIBING, transcription_progress=0.99)),
        jobs.progress(make_job(state=JobState.REPORTING, transcription_progress=1.0)),
        jobs.progress(make_job(state=JobState.COMPLETED, transcription_progress=1.0)),
    ]
    assert shown == sorted(shown, key=lambda value: value or 0)
    assert shown[-1] == 1.0
    assert jobs.progress(make_job()) is None


def test_the_stages_show_where_a_job_ended() -> None:
    """A job that failed tells in which stage."""
    early = make_job(state=JobState.FAILED, transcription_state=TranscriptionState.PROCESSING)
    assert jobs.transcription_stage(early) is TranscriptionState.FAILED
    assert jobs.report_stage(early) is StageState.PENDING
    late = make_job(state=JobState.FAILED, transcribed_run=1)
    assert jobs.transcription_stage(late) is TranscriptionState.DONE
    assert jobs.report_stage(late) is StageState.FAILED


def test_a_replay_shows_the_job_as_it_was_created() -> None:
    """A repeat of the creation gets the first answer, however far the job is by now."""
    job = make_job(state=JobState.COMPLETED, version=7, run=2, file_name="a.mp3", source_size=5, finished_at=NOW)
    first = jobs.as_submitted(job)
    assert (first.state, first.version, first.run, first.finished_at) == (JobState.QUEUED, 1, 1, None)
    assert (first.id, first.file_name, first.source_size) == (job.id, "a.mp3", 5)
