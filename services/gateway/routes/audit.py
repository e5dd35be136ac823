"""`/v1/audit`: who did what to which thing."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, get
from litestar.params import QueryParameter
from litestar.response import Stream
from msgspec import Meta

from services.gateway.audit import START, Action, Actor, Facts, decode
from services.gateway.openapi import Answer, Operation
from services.gateway.permissions import Permission
from services.gateway.routes.context import Api, ApiRequest, Gateway
from services.gateway.routes.paging import cursor_of, cut, page
from services.gateway.store.audit import AuditFilter, Link
from services.gateway.times import utc
from services.gateway.views import Id, Page, Time

NDJSON = "application/x-ndjson"
_HASH = Meta(
    pattern="^[0-9a-f]{64}$",
    examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
    description="SHA-256 over the hash before it, number, tenant and entry, in hex.",
)

Since = Annotated[dt.datetime | None, QueryParameter(description="Not before this time, RFC 3339.")]
Until = Annotated[dt.datetime | None, QueryParameter(description="Before this time, RFC 3339.")]


class AuditView(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was done."""

    id: Id
    number: Annotated[int, Meta(ge=1, description="Its place in the tenant's chain, without gaps.", examples=[42])]
    at: Time
    actor: Annotated[Actor, Meta(description="Who did it: a key, a user, the reader of an e-mail, or the operator.")]
    action: Annotated[Action, Meta(description="What was done.", examples=["job.created"])]
    thing_id: Annotated[str, Meta(description="To which job, endpoint, key, user or tenant.")]
    address: Annotated[str | None, Meta(description="From which address; null for the operator.", examples=["203.0.113.7"])]
    request_id: Annotated[str | None, Meta(description="The request, as in its `X-Request-Id`.")]
    before: Annotated[Facts | None, Meta(description="What the thing was before.")]
    after: Annotated[Facts | None, Meta(description="What it was then, or what was read of it.")]
    hash: Annotated[str, _HASH]


@get(
    "/audit",
    opt=Operation(
        needs=Permission.AUDIT_READ,
        summary="List what was done",
        tag="Audit",
        answers={200: Answer(description="Newest first.", content=Page[AuditView], headers={"Link": "The next page."})},
        problems={400: "A parameter is not valid."},
        codes=("invalid_cursor",),
    ).opt,
)
async def list_audit(
    request: ApiRequest,
    gateway: Api,
    *,
    limit: Annotated[int, QueryParameter(ge=1, le=100, description="Entries on a page.")] = 20,
    after: Annotated[str | None, QueryParameter(description="`next_cursor` of the page before.")] = None,
    action: Annotated[Action | None, QueryParameter(description="Only this.")] = None,
    actor: Annotated[UUID | None, QueryParameter(description="Only by this key or user.")] = None,
    thing_id: Annotated[str | None, QueryParameter(description="Only to this job, endpoint, key, user or tenant.")] = None,
    since: Since = None,
    until: Until = None,
) -> Response[Page[AuditView]]:
    """Who did what to which thing, from where, and what it was before and after; without secrets, recordings or what was
    said. Entries cannot be changed or removed, and are here a second or two after what they tell of."""
    wanted = AuditFilter(action=action, actor=actor, thing=thing_id, since=utc(since), until=utc(until))
    links = await gateway.audit.store.page(request.user.tenant_id, wanted, after=cursor_of(after), limit=limit + 1)
    shown, following = cut(links, limit)
    given = {"action": action, "actor": actor, "thing_id": thing_id, "since": since, "until": until}
    return page(gateway.views.url("/audit"), list(map(_view, shown)), following, limit=limit, **given)


@get(
    "/audit/export",
    opt=Operation(
        needs=Permission.AUDIT_READ,
        summary="Export the audit log",
        tag="Audit",
        answers={200: Answer(description="One entry a line.", content={"type": "string"}, media_type=NDJSON)},
        kept=False,
    ).opt,
)
async def export_audit(request: ApiRequest, gateway: Api) -> Stream:
    """The tenant's whole audit log, from the first entry on: a line for each, `{"number", "previous", "hash", "entry"}`, from
    which anybody can work out the hashes anew. The export is itself an entry of the next one."""
    tenant_id = request.user.tenant_id
    gateway.audit.read(Action.AUDIT_EXPORTED, tenant_id, tenant_id)
    head = await gateway.audit.store.head(tenant_id)
    headers = {"Content-Disposition": "attachment; filename=audit.ndjson"}
    return Stream(_lines(gateway, tenant_id, head.number), media_type=NDJSON, headers=headers)


async def _lines(gateway: Gateway, tenant_id: UUID, last: int) -> AsyncIterator[bytes]:
    previous = START
    async for link in gateway.audit.store.walk(tenant_id, last=last):
        line = {
            "number": link.number,
            "previous": previous.hex(),
            "hash": link.hash.hex(),
            "entry": msgspec.Raw(link.entry.encode()),
        }
        yield msgspec.json.encode(line) + b"\n"
        previous = link.hash


def _view(link: Link) -> AuditView:
    entry = decode(link.entry)
    told = {name: value for name, value in msgspec.structs.asdict(entry).items() if name != "tenant_id"}
    return AuditView(number=link.number, hash=link.hash.hex(), **told)
