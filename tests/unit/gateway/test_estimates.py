"""When jobs are done, by what others took: honest about what nobody can know."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import msgspec

from services.gateway.estimates import duration_of, estimate_new, estimate_of
from services.gateway.jobs import Job
from services.gateway.store.speeds import Line, Speeds
from shared.schemas.jobs import JobOptions, JobState

NOW = dt.datetime(2026, 11, 29, 9, tzinfo=dt.UTC)
MINUTE = 60_000
SPEEDS = Speeds(
    jobs=50, ratio=0.5, report_ms=1.0 * MINUTE, typical_ms=10.0 * MINUTE, bytes_a_ms=16.0, hourly=0.37, currency="USD"
)
UNKNOWN = Speeds(jobs=0, ratio=None, report_ms=None, typical_ms=None, bytes_a_ms=None, hourly=None, currency=None)
NOBODY = Line(in_work=0, transcribing=0, queued_before=0, waiting_before=0)
JOB = Job(
    id=UUID(int=1),
    tenant_id=UUID(int=2),
    options=JobOptions(),
    metadata={},
    duration_ms=20 * MINUTE,
    created_at=NOW,
    updated_at=NOW,
    deadline_at=NOW,
)


def _after(minutes: float) -> dt.datetime:
    return NOW + dt.timedelta(minutes=minutes)


def test_a_job_with_nobody_before_it_begins_now() -> None:
    """Then it takes as long as its length and the engine's speed say, and its report."""
    estimate = estimate_of(JOB, None, SPEEDS, NOBODY, now=NOW)
    assert (estimate.starts_at, estimate.finishes_at) == (NOW, _after(11))


def test_whoever_waits_begins_after_those_before_it() -> None:
    """By the places that there are, or at its time, or after those whom the engine has not taken yet."""
    waiting = msgspec.structs.replace(JOB, turn_at=NOW)
    line = Line(in_work=2, transcribing=2, queued_before=0, waiting_before=3)
    assert estimate_of(waiting, None, SPEEDS, line, now=NOW).starts_at == _after(12)
    scheduled = msgspec.structs.replace(waiting, start_after=_after(120))
    assert estimate_of(scheduled, None, SPEEDS, line, now=NOW).starts_at == _after(120)
    queued = Line(in_work=5, transcribing=2, queued_before=4, waiting_before=0)
    assert estimate_of(JOB, None, SPEEDS, queued, now=NOW).starts_at == _after(10)
    assert estimate_new(20.0 * MINUTE, SPEEDS, line, now=NOW, waits=True).finishes_at == _after(12 + 11)


def test_work_that_goes_on_is_told_by_its_progress() -> None:
    """Where the engine tells none, by what others took; what takes longer than they did is due now."""
    running = msgspec.structs.replace(JOB, state=JobState.TRANSCRIBING)
    told = msgspec.structs.replace(running, transcription_progress=0.25)
    began = _after(-4)
    assert estimate_of(told, began, SPEEDS, NOBODY, now=NOW).finishes_at == _after(12 + 1)
    assert estimate_of(running, began, SPEEDS, NOBODY, now=NOW).finishes_at == _after(6 + 1)
    assert estimate_of(running, _after(-60), SPEEDS, NOBODY, now=NOW).finishes_at == _after(1)
    reporting = msgspec.structs.replace(JOB, state=JobState.REPORTING)
    assert estimate_of(reporting, began, SPEEDS, NOBODY, now=NOW).finishes_at == _after(1)


def test_what_nobody_knows_is_null() -> None:
    """Without jobs that were observed there is no end; without a length neither, unless the bytes tell it."""
    assert estimate_of(JOB, None, UNKNOWN, NOBODY, now=NOW).finishes_at is None
    line = Line(in_work=1, transcribing=1, queued_before=1, waiting_before=0)
    assert estimate_of(JOB, None, UNKNOWN, line, now=NOW).starts_at is None
    unheard = msgspec.structs.replace(JOB, duration_ms=None, source_size=None)
    assert estimate_of(unheard, None, SPEEDS, NOBODY, now=NOW).finishes_at is None
    assert duration_of(None, 16 * MINUTE, SPEEDS) == MINUTE
