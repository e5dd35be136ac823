"""`/v1/jobs/{id}/estimate` and `/v1/estimates`: when a job will be done, and what it would cost."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import msgspec
from litestar import Response, get, post
from msgspec import Meta

from services.gateway.choosing import refusal
from services.gateway.estimates import Estimate, duration_of, estimate_new, estimate_of
from services.gateway.openapi import JSON, Answer, Operation
from services.gateway.permissions import Permission
from services.gateway.requests import Engine
from services.gateway.routes.context import Api, ApiRequest, JobId
from services.gateway.store.speeds import Speeds
from services.gateway.views import Time
from shared.engines import engine_for
from shared.schemas.jobs import JobOptions

_QUESTION = "Null while it cannot be told."


class EstimateRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The recording that may be sent; what is not known is left out."""

    duration_ms: Annotated[int, Meta(ge=1, description="Its length.", examples=[3_600_000])] | None = None
    size: Annotated[int, Meta(ge=1, description="Its bytes, where its length is not known.", examples=[48211904])] | None = None
    engine: Engine | None = None


class EstimateView(msgspec.Struct, frozen=True, kw_only=True):
    """When, by what the tenant's last jobs took."""

    starts_at: Annotated[Time | None, Meta(description=f"When the work begins, or began. {_QUESTION}")]
    finishes_at: Annotated[Time | None, Meta(description=f"When the files are there. {_QUESTION}")]
    jobs: Annotated[int, Meta(ge=0, description="Jobs that it goes by, at most 50.", examples=[50])]


class NewEstimateView(EstimateView, frozen=True, kw_only=True):
    """When, and for how much."""

    engine: Annotated[str | None, Meta(description="Who would transcribe it; null while unknown.", examples=["local"])]
    duration_ms: Annotated[
        int | None, Meta(description="Its length, or what others of so many bytes had.", examples=[3_600_000])
    ]
    amount: Annotated[
        str | None,
        Meta(description="What the provider asked for as much audio lately; null for nothing, or unknown.", examples=["0.37"]),
    ]
    currency: Annotated[str | None, Meta(examples=["USD"], description="Of the amount.")]


@get(
    "/jobs/{job_id:uuid}/estimate",
    opt=Operation(
        needs=Permission.JOBS_READ,
        summary="Estimate when a job is done",
        tag="Jobs",
        answers={200: Answer(description="As it looks now.", content=EstimateView)},
        problems={404: "There is no such job."},
        codes=("job_not_found",),
    ).opt,
)
async def estimate_job(request: ApiRequest, gateway: Api, job_id: JobId) -> Response[EstimateView]:
    """When the work on a job begins and ends, by the jobs that are before it and the time that the tenant's last jobs took:
    medians, no promise, and null rather than a guess. Of a job that has ended, when it did."""
    job = await gateway.job(request, job_id)
    speeds = await gateway.speeds.of(job.tenant_id, job.engine)
    line = await gateway.speeds.line(job.tenant_id, job)
    estimate = estimate_of(job, job.began_at, speeds, line, now=dt.datetime.now(dt.UTC))
    return Response(EstimateView(starts_at=estimate.starts_at, finishes_at=estimate.finishes_at, jobs=speeds.jobs))


@post(
    "/estimates",
    status_code=200,
    opt=Operation(
        needs=Permission.JOBS_READ,
        summary="Estimate a recording",
        tag="Jobs",
        body={JSON: EstimateRequest},
        answers={200: Answer(description="As it looks now.", content=NewEstimateView)},
        problems={400: "The body cannot be read.", 415: "The body is not JSON.", 422: "Something is not accepted."},
        codes=("unknown_engine", "engine_forbidden", "engine_key_missing", "file_too_large"),
    ).opt,
)
async def estimate_recording(request: ApiRequest, gateway: Api) -> Response[NewEstimateView]:
    """When a recording that is sent now would be done, and what its transcription would cost, before anything is sent: by its
    length, or by its bytes. By what the tenant's last jobs took and cost, so that a tenant without any learns nothing."""
    wish = await gateway.json(request, _ESTIMATE)
    tenant_id = request.user.tenant_id
    choice = await gateway.choosing.choice(tenant_id)
    if wish.engine is not None and (problem := refusal(JobOptions(engine=wish.engine), choice, size=wish.size)):
        raise problem
    engine = wish.engine or engine_for(JobOptions(), choice.rules, choice.offers)
    speeds = await gateway.speeds.of(tenant_id, engine)
    line = await gateway.speeds.line(tenant_id, None)
    duration = duration_of(wish.duration_ms, wish.size, speeds)
    waits = line.waiting_before > 0
    estimate = estimate_new(duration, speeds, line, now=dt.datetime.now(dt.UTC), waits=waits)
    return Response(_view(estimate, speeds, engine, duration))


def _view(estimate: Estimate, speeds: Speeds, engine: str | None, duration_ms: float | None) -> NewEstimateView:
    priced = duration_ms is not None and speeds.hourly is not None
    return NewEstimateView(
        starts_at=estimate.starts_at,
        finishes_at=estimate.finishes_at,
        jobs=speeds.jobs,
        engine=engine,
        duration_ms=None if duration_ms is None else round(duration_ms),
        amount=f"{duration_ms * speeds.hourly / 3_600_000:.4f}" if priced and duration_ms and speeds.hourly else None,
        currency=speeds.currency if priced else None,
    )


_ESTIMATE = msgspec.json.Decoder(EstimateRequest)
