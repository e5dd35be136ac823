"""`/v1/events`: the changes of all jobs of a tenant as server-sent events."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncGenerator
from typing import Annotated
from uuid import UUID

from litestar import get
from litestar.params import HeaderParameter, QueryParameter
from litestar.response import Stream

from services.gateway.downloads import begun
from services.gateway.feed import REMEMBERED, Follower
from services.gateway.feed.pages import Filter, marker, ping
from services.gateway.openapi import Answer, Operation
from services.gateway.permissions import Permission
from services.gateway.problems import FieldError, Problem
from services.gateway.routes.context import Api, ApiRequest, Gateway
from services.gateway.routes.events import LIFE_SECONDS, PING_SECONDS
from services.gateway.snapshots import Place
from shared.schemas.jobs import JobState

_EXAMPLE = (
    'id: 1796212800.744:746:744\nevent: job\ndata: {"id":"0198c2de-8b1c-7d3e-9f5a-2b6c4d8e0f1a","state":"reporting", …}\n\n'
    'id: 1796212801.746:746:\nevent: deleted\ndata: {"id":"0198c2de-8b1c-7d3e-9f5a-2b6c4d8e0f1a"}\n\n'
)


@get(
    "/events",
    opt=Operation(
        needs=Permission.JOBS_READ,
        summary="Follow all jobs",
        kept=False,
        tag="Jobs",
        answers={
            200: Answer(
                description="Server-sent events: `job` (`data` is the Job), `deleted` (`data` has its `id`), and `synced` "
                "once, when everything up to now was told.",
                content={"type": "string", "examples": [_EXAMPLE]},
                media_type="text/event-stream",
            )
        },
        problems={
            400: "Last-Event-ID is not an id of this stream, or a parameter is not valid.",
            410: "Last-Event-ID is too old, or of a database that was restored: follow anew, with `snapshot=true`.",
            429: "Too many streams are open.",
        },
        codes=("invalid_header", "events_forgotten", "too_many_streams"),
    ).opt,
)
async def follow_jobs(
    request: ApiRequest,
    gateway: Api,
    *,
    states: Annotated[
        list[JobState] | None,
        QueryParameter(
            name="state", description="Only jobs that are in this state now; may be repeated. Deletions are told in any case."
        ),
    ] = None,
    tag: Annotated[list[str] | None, QueryParameter(description="Only jobs with this tag; repeated, with all of them.")] = None,
    snapshot: Annotated[
        bool, QueryParameter(description="Begin with all jobs that are not final. Ignored where Last-Event-ID is given.")
    ] = False,
    last_event_id: Annotated[
        str | None,
        HeaderParameter(name="Last-Event-ID", description="The last `id` that you got: everything after it is sent."),
    ] = None,
) -> Stream:
    """Whenever a job of the tenant changes, the job as it is then. Who goes on with `Last-Event-ID`, at any replica and
    within seven days, misses no job that changed meanwhile and gets nothing twice; of several changes that follow one
    another closely, or while the client was away or read slowly, the newest is sent.

    Comments every 15 seconds keep the connection open; after about ten minutes it ends and the client connects again."""
    place = await _place(gateway, last_event_id)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    wishes = Filter(states=frozenset(states or ()), tags=frozenset(tag or ()))
    events = await begun(_events(gateway, request.user.tenant_id, place, wishes, snapshot=snapshot))
    return Stream(events, media_type="text/event-stream", headers=headers)


async def _events(
    gateway: Gateway, tenant_id: UUID, place: Place | None, wishes: Filter, *, snapshot: bool
) -> AsyncGenerator[bytes, None]:
    feeds = gateway.feeds
    with gateway.hub.held_open(tenant_id):
        now = await feeds.store.now()
        yield b"retry: %d\n\n" % random.randint(1000, 3000)
        if snapshot and place is None:
            async for jobs in feeds.open_jobs(tenant_id, wishes):
                yield jobs
        with feeds.follow(tenant_id, place or now, now=now, wishes=wishes) as follower:
            async for told in follower.news():
                yield told
            yield marker(follower.place, "synced")
            async for told in _live(gateway, follower):
                yield told


async def _live(gateway: Gateway, follower: Follower) -> AsyncGenerator[bytes, None]:
    """News as they come, and pings in between, until the stream has to end."""
    told_at = time.monotonic()
    ends_at = told_at + LIFE_SECONDS * random.uniform(0.9, 1.1)
    while not gateway.feeds.stopping and time.monotonic() < ends_at:
        await follower.rest(PING_SECONDS)
        async for told in follower.news():
            told_at = time.monotonic()
            yield told
        if time.monotonic() - told_at >= PING_SECONDS:
            told_at = time.monotonic()
            yield ping(follower.place)


async def _place(gateway: Gateway, header: str | None) -> Place | None:
    """Where a client goes on; null for one that begins. Raises `Problem` 400 and 410."""
    if not header:
        return None
    try:
        place = Place.decode(header)
    except ValueError:
        detail = "Last-Event-ID must be the id of an event of this stream."
        raise Problem(400, "invalid_header", detail, errors=[FieldError(pointer="Last-Event-ID", message=detail)]) from None
    if time.time() - place.at > REMEMBERED.total_seconds() or not await gateway.feeds.store.knows(place):
        detail = (
            f"What happened since Last-Event-ID is not known: it is older than {REMEMBERED.days} days, or the database was "
        )
        raise Problem(410, "events_forgotten", detail + "restored meanwhile. Follow anew, without it and with snapshot=true.")
    return place
