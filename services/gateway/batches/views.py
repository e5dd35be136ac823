"""What clients see of batches. Fields are added, never renamed or removed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from services.gateway.store.batches import Batch
from services.gateway.views import Id, Time, Url
from services.gateway.views.building import Views
from shared.schemas.jobs import JobState

Count = Annotated[int, Meta(ge=0, examples=[12])]


class BatchRefusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why a recording did not become a job."""

    code: Annotated[str, Meta(description="As in problems of `POST /v1/jobs`.", examples=["upload_not_found"])]
    detail: Annotated[str, Meta(description="What is wrong and what to do.")]


class BatchItemView(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one recording, in the order of the request."""

    job_id: Annotated[UUID | None, Meta(description="Its job, or the one that stands in its way; null where there is none.")]
    state: Annotated[JobState | None, Meta(description="Of the job; null for one that was refused, or deleted since.")]
    refusal: Annotated[BatchRefusal | None, Meta(description="Null for one that became a job.")]


class BatchView(msgspec.Struct, frozen=True, kw_only=True):
    """Many recordings of one request."""

    id: Id
    title: Annotated[
        str | None, Meta(description="As it was given for all jobs; null once none of them is left.", examples=["Archive 1998"])
    ]
    metadata: Annotated[
        dict[str, str],
        Meta(description="As it was given for all jobs; empty once none of them is left.", examples=[{"box": "1"}]),
    ]
    size: Annotated[int, Meta(ge=1, description="Recordings.", examples=[40])]
    made: Annotated[bool, Meta(description="Whether each is a job, or refused; else the request broke off: repeat it.")]
    ended: Annotated[bool, Meta(description="Whether nothing more comes by itself.")]
    states: Annotated[
        dict[JobState, Count], Meta(description="Jobs in each state.", examples=[{"completed": 38, "reporting": 1}])
    ]
    refused: Annotated[int, Meta(ge=0, description="Recordings that did not become jobs.", examples=[1])]
    deleted: Annotated[int, Meta(ge=0, description="Jobs that were deleted since.", examples=[0])]
    created_at: Time
    ended_at: Annotated[
        Time | None,
        Meta(description="When its last job ended, and `batch.completed` was sent; what is retried later does not change it."),
    ]
    jobs: Url


class BatchDetails(BatchView, frozen=True, kw_only=True):
    """A batch and all its recordings."""

    items: tuple[BatchItemView, ...]


def batch_view(batch: Batch, states: Mapping[UUID, JobState], views: Views) -> BatchView:
    """A batch as its tenant sees it."""
    counts = Counter(states[job_id] for job_id in batch.made if job_id in states)
    return BatchView(
        id=batch.id,
        title=batch.title,
        metadata=batch.metadata,
        size=batch.size,
        made=batch.results is not None,
        ended=batch.results is not None and all(state.final for state in counts),
        states=dict(counts),
        refused=batch.refused,
        deleted=len(batch.made) - counts.total(),
        created_at=batch.created_at,
        ended_at=batch.ended_at,
        jobs=views.url(f"/jobs?batch={batch.id}"),
    )


def batch_details(batch: Batch, states: Mapping[UUID, JobState], views: Views) -> BatchDetails:
    """The same, with its recordings."""
    items = tuple(
        BatchItemView(
            job_id=result.job_id,
            state=states.get(result.job_id) if result.job_id is not None and result.code is None else None,
            refusal=None if result.code is None else BatchRefusal(code=result.code, detail=result.detail or ""),
        )
        for result in batch.results or ()
    )
    return BatchDetails(**msgspec.structs.asdict(batch_view(batch, states, views)), items=items)
