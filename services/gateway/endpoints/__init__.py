"""Endpoints: made, changed and deleted by customers; the notifier hears of each change in the transaction that makes it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import msgspec
import structlog
from msgspec import UNSET

from services.gateway.cursors import Cursor
from services.gateway.endpoints.addresses import Addresses, check_sendable
from services.gateway.endpoints.announcing import changed_event
from services.gateway.endpoints.destinations import changed, destination_of, kind_of, label_of
from services.gateway.endpoints.requests import EndpointChange, NewEndpoint, ReplayRequest, Rotation
from services.gateway.entity_tags import check_match
from services.gateway.problems import Problem, invalid
from services.gateway.store.deliveries import DeliveryLog
from services.gateway.store.endpoints import EndpointRow, EndpointStore, EndpointWrites
from services.gateway.times import utc
from shared.egress import EgressPolicy
from shared.schemas.endpoints import (
    DeliveryRecord,
    DeliveryWish,
    Destination,
    EndpointKind,
    Redeliver,
    Replay,
    SigningKey,
    Test,
)
from shared.schemas.events import DeliveryRequested, EndpointChanged
from shared.schemas.ids import new_id
from shared.sealing import Sealer

MOST_KEYS = 5
TRIES = 3
"""How often a change is worked out anew when somebody else changes the same endpoint meanwhile."""


class _Overtaken(Exception):
    """Somebody else has changed the endpoint meanwhile."""


log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """What customers do with endpoints. Whatever is not theirs does not exist for them."""

    store: EndpointStore
    log: DeliveryLog
    addresses: Addresses
    sealer: Sealer
    policy: EgressPolicy
    most: int
    wake: Callable[[], None]

    async def create(self, tenant_id: UUID, request: NewEndpoint, *, traceparent: str | None) -> EndpointRow:
        """Make an endpoint. Raises `Problem`."""
        destination, now = destination_of(request, self.policy), dt.datetime.now(dt.UTC)
        row = self._sealed(_new_row(tenant_id, request, now), destination)
        if row.kind is EndpointKind.EMAIL:
            async with self.addresses.entering(row) as (writes, addressed):
                await self._add(writes, addressed, traceparent)
            row = addressed
        else:
            await self._add(self.store, row, traceparent)
        self._announced(row)
        return row

    async def change(
        self, tenant_id: UUID, endpoint_id: UUID, request: EndpointChange, *, if_match: str | None, traceparent: str | None
    ) -> EndpointRow:
        """Change what is wished, in the version that the requester knows. Raises `Problem`."""

        def anew(row: EndpointRow) -> EndpointRow:
            check_match(if_match, row.version)
            return self._changed(row, request)

        return await self._change(tenant_id, endpoint_id, anew, traceparent)

    async def rotate(self, tenant_id: UUID, endpoint_id: UUID, wish: Rotation, *, traceparent: str | None) -> EndpointRow:
        """Give it the next secret; those there are go on signing beside it for a while. Raises `Problem`."""
        overlap = dt.timedelta(hours=wish.overlap_hours)
        return await self._change(tenant_id, endpoint_id, lambda row: _rotated(row, overlap), traceparent)

    async def delete(self, tenant_id: UUID, endpoint_id: UUID, *, if_match: str | None, traceparent: str | None) -> None:
        """Delete it; what is pending for it is cancelled, what was sent stays in the log. Raises `Problem`."""
        for _ in range(TRIES):
            row = await self.find(tenant_id, endpoint_id)
            check_match(if_match, row.version)
            event = EndpointChanged(
                tenant_id=tenant_id, endpoint_id=endpoint_id, version=row.version + 1, traceparent=traceparent
            )
            if await self.store.remove(row, event):
                self.wake()
                log.info("endpoint.deleted", tenant_id=str(tenant_id), endpoint_id=str(endpoint_id))
                return
        raise _changing()

    async def test(self, tenant_id: UUID, endpoint_id: UUID, *, traceparent: str | None) -> UUID:
        """Have a test message sent; the id of what asks for it, which its message is named after. Raises `Problem`."""
        return await self._ask(await self.find(tenant_id, endpoint_id), Test(), traceparent)

    async def ask_again(self, tenant_id: UUID, endpoint_id: UUID) -> EndpointRow:
        """Ask the reader of an address once more whether they want e-mails. Raises `Problem`."""
        await self.addresses.ask_again(await self.find(tenant_id, endpoint_id))
        return await self.find(tenant_id, endpoint_id)

    async def replay(self, tenant_id: UUID, endpoint_id: UUID, request: ReplayRequest, *, traceparent: str | None) -> None:
        """Have what failed, or was missed, sent again. Raises `Problem`."""
        if request.until is not None and request.until <= request.since:
            raise invalid("/until", "invalid_request", "The end lies before the beginning.")
        wish = Replay(since=utc(request.since), until=utc(request.until), missing=request.missing, types=request.types)
        await self._ask(await self.find(tenant_id, endpoint_id), wish, traceparent)

    async def redeliver(self, tenant_id: UUID, delivery_id: UUID, *, traceparent: str | None) -> DeliveryRecord:
        """Have one message sent again. Raises `Problem`."""
        delivery = await self.delivery(tenant_id, delivery_id)
        row = await self.store.find(tenant_id, delivery.endpoint_id)
        if row is None:
            detail = "The endpoint was deleted, or is a job's callback_url; retry the job to have it called again."
            raise Problem(409, "endpoint_deleted", detail)
        await self._ask(row, Redeliver(delivery_id=delivery_id), traceparent)
        return delivery

    async def find(self, tenant_id: UUID, endpoint_id: UUID) -> EndpointRow:
        """One endpoint. Raises `Problem` 404."""
        row = await self.store.find(tenant_id, endpoint_id)
        if row is None:
            raise Problem(404, "endpoint_not_found", "There is no endpoint with this id; it may have been deleted.")
        return row

    async def delivery(self, tenant_id: UUID, delivery_id: UUID) -> DeliveryRecord:
        """One delivery. Raises `Problem` 404."""
        delivery = await self.log.find(tenant_id, delivery_id)
        if delivery is None:
            raise Problem(404, "delivery_not_found", "There is no delivery with this id; it may be older than the log.")
        return delivery

    async def page(self, tenant_id: UUID, *, after: Cursor | None, limit: int) -> list[EndpointRow]:
        """The newest, those after the cursor."""
        return await self.store.page(tenant_id, after=after, limit=limit)

    def destination(self, row: EndpointRow) -> Destination:
        """Where it leads. Raises `Unsealable`."""
        sealed = self.sealer.unseal(row.sealed, place=str(row.id))
        destination: Destination = msgspec.json.decode(sealed, type=Destination)
        return destination

    async def _change(
        self, tenant_id: UUID, endpoint_id: UUID, change: Callable[[EndpointRow], EndpointRow], traceparent: str | None
    ) -> EndpointRow:
        for _ in range(TRIES):
            before = await self.find(tenant_id, endpoint_id)
            row = msgspec.structs.replace(change(before), version=before.version + 1, updated_at=dt.datetime.now(dt.UTC))
            try:
                row = await self._write(before, row, traceparent)
            except _Overtaken:
                continue
            self._announced(row)
            return row
        raise _changing()

    async def _write(self, before: EndpointRow, row: EndpointRow, traceparent: str | None) -> EndpointRow:
        """Write the next version; as what is known of its address says, where that is another one. Raises `_Overtaken`."""
        if row.kind is not EndpointKind.EMAIL or row.label == before.label:
            if not await self.store.change(row, changed_event(row, traceparent)):
                raise _Overtaken
            return row
        async with self.addresses.entering(row) as (writes, addressed):
            if not await writes.change(addressed, changed_event(addressed, traceparent)):
                raise _Overtaken
        return addressed

    async def _add(self, writes: EndpointWrites, row: EndpointRow, traceparent: str | None) -> None:
        if not await writes.add(row, changed_event(row, traceparent), most=self.most):
            detail = f"The tenant has {self.most} endpoints, which is the most; delete one first."
            raise Problem(409, "too_many_endpoints", detail)

    def _changed(self, row: EndpointRow, request: EndpointChange) -> EndpointRow:
        destination = changed(row.kind, self.destination(row), request, self.policy)
        _check_kind(row.kind, request)
        names = ("events", "description", "include", "signatures", "rate_per_minute", "language", "attach", "paused")
        wishes = {name: getattr(request, name) for name in names}
        settings = {name: value for name, value in wishes.items() if value is not UNSET}
        if request.paused is False:
            settings["enabled_at"] = dt.datetime.now(dt.UTC)
        return self._sealed(msgspec.structs.replace(row, **settings), destination)

    def _sealed(self, row: EndpointRow, destination: Destination) -> EndpointRow:
        sealed = self.sealer.seal(msgspec.json.encode(destination).decode(), place=str(row.id))
        return msgspec.structs.replace(row, sealed=sealed, label=label_of(destination))

    async def _ask(self, row: EndpointRow, wish: DeliveryWish, traceparent: str | None) -> UUID:
        check_sendable(row)
        await self._check_enabled(row)
        event = DeliveryRequested(
            tenant_id=row.tenant_id, endpoint_id=row.id, endpoint_version=row.version, wish=wish, traceparent=traceparent
        )
        if not await self.store.tell(row, event):
            raise _changing()
        self.wake()
        return event.event_id

    async def _check_enabled(self, row: EndpointRow) -> None:
        """Whether the notifier sends to it. News of its being switched on may still be on their way. Raises `Problem` 409."""
        health = (await self.log.health([row.id])).get(row.id)
        if health is None or health.disabled_at is None or health.disabled_at <= row.enabled_at:
            return
        detail = (
            f"The endpoint is disabled ({health.disabled_reason}), so nothing is sent. When its receiver is mended, PATCH "
            f'/v1/endpoints/{row.id} with {{"paused": false}} switches it on.'
        )
        raise Problem(409, "endpoint_disabled", detail)

    def _announced(self, row: EndpointRow) -> None:
        self.wake()
        log.info("endpoint.changed", tenant_id=str(row.tenant_id), endpoint_id=str(row.id), version=row.version)


def _new_row(tenant_id: UUID, request: NewEndpoint, now: dt.datetime) -> EndpointRow:
    settings = {
        name: getattr(request, name)
        for name in ("events", "description", "language", "include", "signatures", "rate_per_minute", "attach")
        if hasattr(request, name)
    }
    return EndpointRow(
        id=new_id(),
        tenant_id=tenant_id,
        kind=kind_of(request),
        label="",
        sealed=b"",
        enabled_at=now,
        created_at=now,
        updated_at=now,
        **settings,
    )


def _rotated(row: EndpointRow, overlap: dt.timedelta) -> EndpointRow:
    if row.kind is not EndpointKind.WEBHOOK:
        raise Problem(409, "nothing_to_rotate", f"An endpoint of the kind {row.kind} is not signed for.")
    now = dt.datetime.now(dt.UTC)
    alive = [key for key in row.keys if key.expires_at is None or key.expires_at > now]
    if len(alive) >= MOST_KEYS:
        detail = f"{MOST_KEYS} secrets are in use; wait until one of them expires, or let the overlap be 0."
        raise Problem(409, "too_many_secrets", detail)
    until = now + overlap
    older = [
        msgspec.structs.replace(key, expires_at=until if key.expires_at is None else min(key.expires_at, until))
        for key in alive
        if overlap
    ]
    return msgspec.structs.replace(row, keys=(SigningKey(number=row.keys[0].number + 1), *older))


def _check_kind(kind: EndpointKind, request: EndpointChange) -> None:
    """What only some kinds have. Raises `Problem` 422."""
    only = dict.fromkeys(("include", "signatures", "rate_per_minute"), EndpointKind.WEBHOOK) | {"attach": EndpointKind.EMAIL}
    for name, owner in only.items():
        if getattr(request, name) is not UNSET and kind is not owner:
            raise invalid(f"/{name}", "not_of_this_kind", f"An endpoint of the kind {kind} has no {name}.")


def _changing() -> Problem:
    return Problem(409, "endpoint_changed", "The endpoint is being changed by others; look at it and try again.")
