"""Many recordings of one request."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import msgspec

from audio2txt_client.models.jobs import JobState


class BatchRefusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why a recording did not become a job."""

    code: str
    detail: str


class BatchedJob(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one recording."""

    job_id: UUID | None
    """Its job, or the one that stands in its way."""
    state: JobState | None
    """Null for one that was refused, or deleted since."""
    refusal: BatchRefusal | None


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Many recordings of one request."""

    id: UUID
    title: str | None
    """As it was given for all jobs; null once none of them is left."""
    metadata: dict[str, str]
    size: int
    """Recordings."""
    made: bool
    """Whether each is a job, or refused; else the request broke off: repeat it with the same key."""
    ended: bool
    """Whether nothing more comes by itself."""
    states: dict[JobState, int]
    """Jobs in each state."""
    refused: int
    deleted: int
    created_at: dt.datetime
    ended_at: dt.datetime | None
    """When its last job ended first."""
    jobs: str
    """Where its jobs are listed."""


class BatchDetails(Batch, frozen=True, kw_only=True):
    """A batch and all its recordings, in the order of the request."""

    items: tuple[BatchedJob, ...]
