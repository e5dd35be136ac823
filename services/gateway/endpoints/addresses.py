"""Whether an address may be written to: its reader has to say yes once for each tenant, and can say no at any time.

What is found out holds for all of the tenant's endpoints that lead there, and the notifier hears of it in the same
transaction.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import msgspec
import structlog

from services.gateway.audit import Action, entry_of
from services.gateway.cursors import Cursor
from services.gateway.endpoints.announcing import changed_event
from services.gateway.mailboxes import canonical
from services.gateway.problems import Problem
from services.gateway.store.addresses import AddressChanges, AddressRow, AddressStore, SuppressionRow
from services.gateway.store.endpoints import EndpointRow, EndpointWrites
from shared.schemas.endpoints import CONFIRMATION_SECONDS, SuppressionReason, Withheld
from shared.schemas.events import AddressRefused

MOST_UNANSWERED = 5
"""So often a reader is asked, who does not answer."""
RETRY_AFTER_SECONDS = 3600

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """The addresses of all tenants. `confirming` says whether readers are asked at all, `most_a_day` how many for a tenant."""

    store: AddressStore
    confirming: bool
    public_url: str | None
    most_a_day: int
    wake: Callable[[], None]

    @asynccontextmanager
    async def entering(self, row: EndpointRow) -> AsyncIterator[tuple[EndpointWrites, EndpointRow]]:
        """The row of an e-mail endpoint with what is known of the address it leads to, whose reader is asked if need be; to be
        written in this context. Raises `Problem`, then nobody is asked."""
        async with self.store.changing() as changes:
            known = self._let_in(await changes.enter(row.tenant_id, canonical(row.label)))
            asked = known.withheld is Withheld.UNCONFIRMED and not _asked_lately(known)
            if known.withheld is Withheld.UNCONFIRMED:
                self._check_links()
            if asked:
                known = await self._asked(changes, known)
            await changes.write(known)
            addressed = msgspec.structs.replace(
                row,
                address_id=known.id,
                withheld=known.withheld,
                asked_at=known.asked_at if asked else None,
                enabled_at=dt.datetime.now(dt.UTC),  # whatever the address before was disabled for
            )
            yield changes.endpoints, addressed

    async def ask_again(self, row: EndpointRow) -> None:
        """Send the question once more. Raises `Problem`."""
        _check_askable(row)
        assert row.address_id is not None
        async with self.store.changing() as changes:
            known = await changes.lock(row.address_id)
            assert known is not None
            known = self._let_in(known)
            if known.withheld is Withheld.UNCONFIRMED:
                self._check_links()
                _check_interval(known)
                known = await self._asked(changes, known)
            await changes.write(known)
            await _spread(changes, known, asking=row.id)
        self.wake()

    async def confirm(self, address_id: UUID) -> None:
        """Its reader wants e-mails, also who did not before."""
        async with self.store.changing() as changes:
            known = await changes.lock(address_id)
            if known is None:
                return
            now = dt.datetime.now(dt.UTC)
            if known.suppressed_reason is SuppressionReason.UNSUBSCRIBED:
                known = msgspec.structs.replace(known, suppressed_at=None, suppressed_reason=None, lifted_at=now)
            known = msgspec.structs.replace(known, confirmed_at=known.confirmed_at or now, asked=0)
            await changes.write(known)
            await _spread(changes, known)
        self.wake()
        log.info("address.confirmed", tenant_id=str(known.tenant_id), address_id=str(address_id))

    async def unsubscribe(self, address_id: UUID) -> None:
        """Its reader wants no e-mails any more."""
        async with self.store.changing() as changes:
            if (known := await changes.lock(address_id)) is None:
                return
            await _suppress(changes, known, SuppressionReason.UNSUBSCRIBED, dt.datetime.now(dt.UTC))
        self.wake()

    async def refused(self, event: AddressRefused) -> None:
        """The mail server knows no such address."""
        async with self.store.changing() as changes:
            known = await changes.lock(event.address_id)
            if known is None or known.tenant_id != event.tenant_id:
                return
            await _suppress(changes, known, SuppressionReason.NO_SUCH_ADDRESS, event.occurred_at)
        self.wake()

    async def suppressions(
        self, tenant_id: UUID, address: str | None, *, after: Cursor | None, limit: int
    ) -> list[SuppressionRow]:
        """The newest, those after the cursor; of one address alone where it is given."""
        try:
            known = None if address is None else canonical(address)
        except Problem:
            return []
        return await self.store.suppressions(tenant_id, known, after=after, limit=limit)

    async def lift(self, tenant_id: UUID, address_id: UUID, *, traceparent: str | None) -> None:
        """Write to an address again. Whoever has said no is asked first. Raises `Problem`."""
        async with self.store.changing() as changes:
            known = await changes.lock(address_id)
            if known is None or known.tenant_id != tenant_id or known.suppressed_at is None:
                detail = "There is no suppression with this id; it may have been lifted."
                raise Problem(404, "suppression_not_found", detail)
            answerable = known.suppressed_reason is SuppressionReason.UNSUBSCRIBED and _asked_lately(known)
            before = {"reason": None if known.suppressed_reason is None else known.suppressed_reason.value}
            await changes.note(entry_of(Action.SUPPRESSION_LIFTED, tenant_id, address_id, before=before))
            known = self._let_in(_lifted(known))
            leading = await changes.endpoints.leading_to(address_id)
            asks = known.withheld is Withheld.UNCONFIRMED and bool(leading) and not answerable
            if asks:
                self._check_links()
                known = await self._asked(changes, known)
            await changes.write(known)
            await _spread(changes, known, asking=leading[-1].id if asks else None, traceparent=traceparent)
        self.wake()
        log.info("address.lifted", tenant_id=str(tenant_id), address_id=str(address_id))

    async def adopt(self, rows: list[EndpointRow]) -> None:
        """Enter the addresses of endpoints from before, which have been written to all along; and where nobody is asked, let in
        those that wait for an answer."""
        for row in rows:
            try:
                address = canonical(row.label)
            except Problem:
                continue  # it is refused whenever it is to be written to
            async with self.store.changing() as changes:
                known = await changes.enter(row.tenant_id, address)
                known = msgspec.structs.replace(known, confirmed_at=known.confirmed_at or dt.datetime.now(dt.UTC))
                await changes.write(known)
                new = msgspec.structs.replace(row, address_id=known.id, withheld=known.withheld, version=row.version + 1)
                await changes.endpoints.change(new, changed_event(new))  # or another process has
        if not self.confirming:
            for address_id in await self.store.unconfirmed():
                await self.confirm(address_id)

    def _let_in(self, known: AddressRow) -> AddressRow:
        """The address as confirmed, where nobody is asked."""
        if self.confirming or known.confirmed_at is not None:
            return known
        return msgspec.structs.replace(known, confirmed_at=dt.datetime.now(dt.UTC))

    def _check_links(self) -> None:
        if self.public_url is None:
            detail = (
                "The address would have to be confirmed by a link, and this installation does not know how it is reached. Its "
                "operator sets AUDIO2TXT_PUBLIC_URL, or AUDIO2TXT_MAIL_CONFIRM=false where all addresses are known."
            )
            raise Problem(409, "public_url_missing", detail)

    async def _asked(self, changes: AddressChanges, known: AddressRow) -> AddressRow:
        if known.asked >= MOST_UNANSWERED:
            detail = (
                f"The reader of {known.address} was asked {known.asked} times and has not answered. The links in those e-mails "
                "still work; look for one among the unwanted ones."
            )
            raise Problem(409, "confirmation_unanswered", detail)
        if await changes.asked_in_a_day(known.tenant_id) >= self.most_a_day:
            detail = f"{self.most_a_day} addresses were asked to confirm within a day, which is the most; try again later."
            raise Problem(429, "too_many_confirmations", detail, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})
        return msgspec.structs.replace(known, asked_at=dt.datetime.now(dt.UTC), asked=known.asked + 1)


def check_sendable(row: EndpointRow) -> None:
    """Whether anything may be sent to an endpoint. Raises `Problem` 409."""
    match row.withheld:
        case Withheld.UNCONFIRMED:
            detail = (
                f"{row.label} has not been confirmed, so nothing is sent: open the e-mail that it got and press the button. "
                f"POST /v1/endpoints/{row.id}/confirmation sends it again."
            )
            raise Problem(409, "address_unconfirmed", detail)
        case Withheld.SUPPRESSED:
            detail = f"{row.label} is suppressed, so nothing is sent: GET /v1/suppressions says why, DELETE ends it."
            raise Problem(409, "address_suppressed", detail)
        case None:
            pass


def _check_askable(row: EndpointRow) -> None:
    if row.withheld is None:
        raise Problem(409, "nothing_to_confirm", f"{row.label} needs no confirmation; messages are sent as they come.")
    if row.withheld is Withheld.SUPPRESSED:
        check_sendable(row)


def _asked_lately(known: AddressRow) -> bool:
    return _until_asked_again(known) > 0


def _until_asked_again(known: AddressRow) -> float:
    """Seconds."""
    if known.asked_at is None:
        return 0.0
    return CONFIRMATION_SECONDS - (dt.datetime.now(dt.UTC) - known.asked_at).total_seconds()


def _check_interval(known: AddressRow) -> None:
    if (seconds := _until_asked_again(known)) > 0:
        detail = (
            f"The reader of {known.address} was asked less than {CONFIRMATION_SECONDS / 3600:.0f} hours ago. The link in that "
            f"e-mail works; it can be sent again in {math.ceil(seconds / 60)} minutes."
        )
        raise Problem(429, "asked_lately", detail, headers={"Retry-After": str(math.ceil(seconds))})


def _lifted(known: AddressRow) -> AddressRow:
    said_no = known.suppressed_reason is SuppressionReason.UNSUBSCRIBED
    return msgspec.structs.replace(
        known,
        suppressed_at=None,
        suppressed_reason=None,
        lifted_at=dt.datetime.now(dt.UTC),
        confirmed_at=None if said_no else known.confirmed_at,
    )


async def _suppress(changes: AddressChanges, known: AddressRow, reason: SuppressionReason, at: dt.datetime) -> None:
    """Nothing more is sent there. Somebody's no counts more than a mail server's; what was lifted since is old news."""
    if known.suppressed_reason in (reason, SuppressionReason.UNSUBSCRIBED) or (known.lifted_at and at <= known.lifted_at):
        return
    known = msgspec.structs.replace(known, suppressed_at=at, suppressed_reason=reason)
    await changes.write(known)
    await _spread(changes, known)
    log.info("address.suppressed", tenant_id=str(known.tenant_id), address_id=str(known.id), reason=reason)


async def _spread(
    changes: AddressChanges, known: AddressRow, *, asking: UUID | None = None, traceparent: str | None = None
) -> None:
    """Tell the notifier what has changed about an address, for each endpoint that leads there; by way of `asking` its reader
    is asked."""
    now = dt.datetime.now(dt.UTC)
    for row in await changes.endpoints.leading_to(known.id):
        asked_at = known.asked_at if row.id == asking and known.withheld is Withheld.UNCONFIRMED else row.asked_at
        if (row.withheld, row.asked_at) == (known.withheld, asked_at):
            continue
        new = msgspec.structs.replace(
            row,
            withheld=known.withheld,
            asked_at=asked_at,
            enabled_at=row.enabled_at if known.withheld is Withheld.SUPPRESSED else now,
            version=row.version + 1,
            updated_at=now,
        )
        written = await changes.endpoints.change(new, changed_event(new, traceparent))
        assert written, "locked rows keep their version"
