"""`/v1/jobs/{id}/events`: a job's changes as server-sent events."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import get
from litestar.params import HeaderParameter
from litestar.response import Stream

from services.gateway.downloads import begun
from services.gateway.jobs import Job
from services.gateway.live import Watch
from services.gateway.openapi import Answer, Operation
from services.gateway.permissions import Permission
from services.gateway.problems import FieldError, Problem
from services.gateway.routes.context import Api, ApiRequest, Gateway, JobId

PING_SECONDS = 15.0
LIFE_SECONDS = 600.0
"""After which the client connects again, perhaps to another process."""

_EXAMPLE = 'event: job\nid: 4\ndata: {"id":"0198c2de-8b1c-7d3e-9f5a-2b6c4d8e0f1a","state":"reporting", …}\n\n'


@get(
    "/jobs/{job_id:uuid}/events",
    opt=Operation(
        needs=Permission.JOBS_READ,
        summary="Follow a job",
        kept=False,
        tag="Jobs",
        answers={
            200: Answer(
                description="Server-sent events named `job`: `id` is the job's version, `data` the Job.",
                content={"type": "string", "examples": [_EXAMPLE]},
                media_type="text/event-stream",
            )
        },
        problems={400: "Last-Event-ID is not a version.", 404: "There is no such job.", 429: "Too many streams are open."},
        codes=("job_not_found", "invalid_header", "too_many_streams"),
    ).opt,
)
async def follow_job(
    request: ApiRequest,
    gateway: Api,
    job_id: JobId,
    last_event_id: Annotated[
        str | None,
        HeaderParameter(name="Last-Event-ID", description="Version of the job as you know it; only newer ones are sent."),
    ] = None,
) -> Stream:
    """The job now and whenever it changes, until it is final and has the files of its transcript as it is edited. Comments
    every 15 seconds keep the connection open; after ten minutes it ends and the client connects again."""
    known = _version(last_event_id)
    await gateway.job(request, job_id)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    events = await begun(_events(gateway, request.user.tenant_id, job_id, known))
    return Stream(events, media_type="text/event-stream", headers=headers)


async def _events(gateway: Gateway, tenant_id: UUID, job_id: UUID, known: int) -> AsyncGenerator[bytes, None]:
    ends_at = time.monotonic() + LIFE_SECONDS
    with gateway.hub.watch(tenant_id, job_id) as watch:
        yield b"retry: 2000\n\n"
        while (job := await gateway.jobs.find(tenant_id, job_id)) is not None:
            watch.version = job.version
            if job.version > known:
                known = job.version
                yield _event(gateway, job)
            if job.at_rest or gateway.hub.stopping or time.monotonic() > ends_at:
                return
            async for ping in _quiet(watch, gateway, ends_at):
                yield ping


async def _quiet(watch: Watch, gateway: Gateway, ends_at: float) -> AsyncIterator[bytes]:
    """Pings until something changes or the stream has to end."""
    while not await watch.changed(PING_SECONDS) and not gateway.hub.stopping and time.monotonic() < ends_at:
        yield b": ping\n\n"


def _event(gateway: Gateway, job: Job) -> bytes:
    return b"event: job\nid: %d\ndata: %s\n\n" % (job.version, msgspec.json.encode(gateway.views.job(job)))


def _version(header: str | None) -> int:
    if header is None or header == "":
        return 0
    if not (header.isascii() and header.isdigit() and len(header) < 10):
        detail = "Last-Event-ID must be the id of an event of this stream."
        raise Problem(400, "invalid_header", detail, errors=[FieldError(pointer="Last-Event-ID", message=detail)])
    return int(header)
