"""When a job will begin and end, by what the tenant's last jobs took; null where nothing is known. Pure, no I/O."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from services.gateway.jobs import Job
from services.gateway.store.speeds import Line, Speeds
from shared.schemas.jobs import JobState


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """When; null where it cannot be told."""

    starts_at: dt.datetime | None
    finishes_at: dt.datetime | None


def estimate_of(job: Job, began_at: dt.datetime | None, speeds: Speeds, line: Line, *, now: dt.datetime) -> Estimate:
    """When the work on a job begins, or began, and when it will be done."""
    match job.state:
        case JobState.COMPLETED | JobState.FAILED | JobState.CANCELLED:
            return Estimate(starts_at=began_at, finishes_at=job.finished_at)
        case JobState.REPORTING:
            return Estimate(starts_at=began_at, finishes_at=_later(now, speeds.report_ms))
        case JobState.TRANSCRIBING:
            left = _left(job, began_at, speeds, now)
            return Estimate(starts_at=began_at, finishes_at=_later(now, left, speeds.report_ms))
        case JobState.QUEUED:
            waits = job.turn_at is not None
            starts_at = _turn(job.start_after, speeds, line, now) if waits else _queued(speeds, line, now)
            work = _work(duration_of(job.duration_ms, job.source_size, speeds), speeds)
            return Estimate(starts_at=starts_at, finishes_at=_later(starts_at, work, speeds.report_ms))


def estimate_new(duration_ms: float | None, speeds: Speeds, line: Line, *, now: dt.datetime, waits: bool) -> Estimate:
    """When a job that is made now would begin and end; `waits` says that it has to wait for its turn."""
    starts_at = _turn(None, speeds, line, now) if waits else _queued(speeds, line, now)
    return Estimate(starts_at=starts_at, finishes_at=_later(starts_at, _work(duration_ms, speeds), speeds.report_ms))


def duration_of(duration_ms: int | None, size: int | None, speeds: Speeds) -> float | None:
    """How long a recording is, or seems to be by its bytes."""
    if duration_ms is not None or size is None or not speeds.bytes_a_ms:
        return duration_ms
    return size / speeds.bytes_a_ms


def _turn(start_after: dt.datetime | None, speeds: Speeds, line: Line, now: dt.datetime) -> dt.datetime | None:
    """Its turn comes when those before it have begun, one each time that one of those in work ends."""
    earliest = now if start_after is None else max(now, start_after)
    if not line.in_work or earliest > now:
        return earliest
    typical = _work(speeds.typical_ms, speeds)
    whole = None if typical is None or speeds.report_ms is None else typical + speeds.report_ms
    return None if whole is None else _later(now, whole * (line.waiting_before + 1) / line.in_work)


def _queued(speeds: Speeds, line: Line, now: dt.datetime) -> dt.datetime | None:
    """Its engine takes it after those that came before it, as many at once as it does now."""
    if not line.queued_before:
        return now
    typical = _work(speeds.typical_ms, speeds)
    return None if typical is None else _later(now, typical * line.queued_before / max(line.transcribing, 1))


def _left(job: Job, began_at: dt.datetime | None, speeds: Speeds, now: dt.datetime) -> float | None:
    """What is left of transcribing: by its progress where the engine tells one, else by what others took."""
    if began_at is None:
        return None
    spent = (now - began_at).total_seconds() * 1000
    if job.transcription_progress:
        return spent / job.transcription_progress - spent
    work = _work(duration_of(job.duration_ms, job.source_size, speeds), speeds)
    return None if work is None else max(work - spent, 0.0)


def _work(duration_ms: float | None, speeds: Speeds) -> float | None:
    return None if duration_ms is None or speeds.ratio is None else duration_ms * speeds.ratio


def _later(at: dt.datetime | None, *parts: float | None) -> dt.datetime | None:
    if at is None or None in parts:
        return None
    milliseconds = sum(part for part in parts if part is not None)
    return (at + dt.timedelta(milliseconds=milliseconds)).replace(microsecond=0)
