"""Invitations and forgotten passwords: links that only the reader of an e-mail has. They tell nobody else whether an e-mail has
an account."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated
from uuid import UUID

import msgspec
import structlog
from msgspec import Meta

from services.gateway import tenancy
from services.gateway.addresses import place_of
from services.gateway.audit import Actor, ActorKind, act_as
from services.gateway.mailboxes import mailbox
from services.gateway.permissions import Role
from services.gateway.problems import Problem, invalid
from services.gateway.store.account_links import AccountLink, AccountLinkStore, add_link
from services.gateway.store.accounts import Principal
from services.gateway.store.attempts import AttemptStore, Patience
from services.gateway.store.users import EmailTaken, UserRow, UserStore
from services.gateway.users import Language, Name, check_no_more, clean_name
from services.gateway.users.passwords import Passwords, check_new
from shared.mail_links import LinkPurpose, subject_of_token
from shared.schemas.endpoints import EmailDestination, Endpoint, EndpointKind, EventType
from shared.schemas.events import UserMailRequested
from shared.schemas.ids import new_id
from shared.sealing import Sealer

LIFETIMES: Mapping[LinkPurpose, dt.timedelta] = {
    LinkPurpose.JOIN: dt.timedelta(days=7),
    LinkPurpose.RESET: dt.timedelta(hours=1),
}
"""For which a link leads somewhere."""

MAILS = Patience(free=3, first=900.0, longest=6 * 3600.0)
"""To one address for one reason."""
RESETS_OF_PLACE = Patience(free=20, first=60.0, longest=3600.0)
"""From one address, for whatever accounts."""

log = structlog.get_logger(__name__)


class Invitation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody who is to become a user."""

    email: Annotated[str, Meta(max_length=320, description="Their e-mail.", examples=["chen@example.com"])]
    role: Annotated[Role, Meta(description="What they may do, at most as much as whoever invites.", examples=["editor"])]
    name: Annotated[Name | None, Meta(description="Null takes the e-mail's beginning; they can change it.")] = None
    language: Language = "en"


@dataclass(frozen=True, kw_only=True)
class AccountLinks:
    """Sends links, and does what they are for. `sealer` is for destinations of endpoints."""

    store: AccountLinkStore
    users: UserStore
    attempts: AttemptStore
    passwords: Passwords
    sealer: Sealer
    master: bytes
    public_url: str | None
    most_users: int
    most_a_day: int
    wake: Callable[[], None]
    _running: set[asyncio.Task[None]] = field(default_factory=set)

    async def invite(self, principal: Principal, wish: Invitation, *, traceparent: str | None) -> UserRow:
        """Make a user who has to answer an e-mail. Raises `Problem`."""
        self._check_reachable()
        check_no_more(principal, wish.role, "make")
        row = UserRow(
            id=new_id(),
            tenant_id=principal.tenant_id,
            email=(email := mailbox(wish.email)),
            name=clean_name(wish.name or email.partition("@")[0]),
            role=wish.role,
            language=wish.language,
            made_by=principal.id,
            created_at=dt.datetime.now(dt.UTC),
        )
        await self._check_quota(row)
        link_id, event = self._letter(row, principal.tenant_name, LinkPurpose.JOIN, traceparent)
        async with self.users.changing(principal.tenant_id) as changes:
            if await changes.count() >= self.most_users:
                raise Problem(409, "too_many_users", f"The tenant has {self.most_users} users, which is the most.")
            try:
                await changes.add(row)
            except EmailTaken:
                raise Problem(409, "user_exists", "The tenant has a user with this e-mail already.") from None
            await add_link(
                changes.connection,
                link_id=link_id,
                tenant_id=row.tenant_id,
                user_id=row.id,
                purpose=LinkPurpose.JOIN,
                expires_at=event.expires_at,
                event=event,
            )
        self.wake()
        log.info("user.invited", tenant_id=str(row.tenant_id), user_id=str(row.id), role=row.role)
        return row

    async def invite_again(self, principal: Principal, user_id: UUID, *, traceparent: str | None) -> None:
        """Send the invitation once more; the link before leads nowhere any more. Raises `Problem`."""
        row = await self.users.find(principal.tenant_id, user_id)
        if row is None:
            raise Problem(404, "user_not_found", "There is no user with this id.")
        self._check_reachable()
        check_no_more(principal, row.role, "invite")
        if row.joined_at is not None or row.disabled_at is not None:
            raise Problem(409, "not_invited", f"The user is {row.state}; only who is invited is invited again.")
        await self._check_quota(row)
        link_id, event = self._letter(row, principal.tenant_name, LinkPurpose.JOIN, traceparent)
        await self.store.request(link_id, event, user_id=row.id, purpose=LinkPurpose.JOIN)
        self.wake()

    async def ask_reset(self, email: str, address: str | None, *, traceparent: str | None) -> None:
        """Send a link to set another password, if there is such an account: neither the answer nor how long it takes says.
        Raises `Problem`, alike for all."""
        self._check_reachable()
        known = mailbox(email)
        wait = await self.attempts.take(f"reset from {place_of(address)}", RESETS_OF_PLACE)
        wait = wait or await self.attempts.take(f"reset of {known}", MAILS)
        if wait > 0:
            raise _later(wait)
        act_as(Actor(kind=ActorKind.STRANGER))
        task = asyncio.create_task(self._reset(known, traceparent))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def find(self, purpose: LinkPurpose, token: str) -> AccountLink:
        """What a link leads to. Raises `Problem` 404, the same for forged, unknown, used and expired ones."""
        link_id = subject_of_token(self.master, purpose, token)
        link = None if link_id is None else await self.store.find(link_id, purpose)
        if link is None:
            raise _nowhere()
        return link

    async def use(self, link: AccountLink, password: str, name: str | None) -> None:
        """Set the password. Raises `Problem`."""
        check_new(password, email=link.email)
        known = None if name is None else clean_name(name)
        hashed = await self.passwords.hash(password)
        try:
            used = await self.store.use(link, password_hash=hashed, name=known)
        except EmailTaken:
            raise invalid("/email", "email_taken", f"{link.email} has an account in another organisation.") from None
        if not used:
            raise _nowhere()
        await self.attempts.forgive(link.email)
        log.info("link.used", tenant_id=str(link.tenant_id), user_id=str(link.user_id), purpose=link.purpose)

    async def _reset(self, email: str, traceparent: str | None) -> None:
        try:
            with tenancy.as_system():
                account = await self.users.account(email)
            if account is None or not account.open or account.password_hash is None:
                return  # who has no password signs in by the provider of single sign-on, and by its rules
            tenancy.enter(account.user.tenant_id)
            link_id, event = self._letter(account.user, account.tenant_name, LinkPurpose.RESET, traceparent)
            await self.store.request(link_id, event, user_id=account.user.id, purpose=LinkPurpose.RESET)
        except Exception as error:  # they were told that an e-mail comes if there is an account, and can ask again
            log.error("password_reset.failed", exc_info=error)
        else:
            self.wake()

    def _letter(
        self, row: UserRow, organisation: str, purpose: LinkPurpose, traceparent: str | None
    ) -> tuple[UUID, UserMailRequested]:
        """A link's id, and the e-mail that tells of it."""
        now, link_id = dt.datetime.now(dt.UTC), new_id()
        joins = purpose is LinkPurpose.JOIN
        event = UserMailRequested(
            tenant_id=row.tenant_id,
            endpoint=_destination(self.sealer, row, now),
            message=EventType.USER_INVITATION if joins else EventType.USER_PASSWORD_RESET,
            link_id=link_id,
            organisation=organisation,
            expires_at=now + LIFETIMES[purpose],
            traceparent=traceparent,
        )
        return link_id, event

    async def _check_quota(self, row: UserRow) -> None:
        if await self.store.made_in_a_day(row.tenant_id) >= self.most_a_day:
            raise _later(3600.0)
        if (wait := await self.attempts.take(f"invitation of {row.email} to {row.tenant_id}", MAILS)) > 0:
            raise _later(wait)

    def _check_reachable(self) -> None:
        if self.public_url is None:
            detail = (
                "It takes an e-mail with a link, and this installation does not know how it is reached: its operator sets "
                "AUDIO2TXT_PUBLIC_URL, or hands the link over (`audio2txt admin users invite`)."
            )
            raise Problem(409, "public_url_missing", detail)


def _destination(sealer: Sealer, row: UserRow, now: dt.datetime) -> Endpoint:
    """Where letters to a user go: the same for one address of one tenant, so that it is known how it fares."""
    endpoint_id = UUID(bytes=hashlib.sha256(f"{row.tenant_id} mailto:{row.email}".encode()).digest()[:16])
    destination = msgspec.json.encode(EmailDestination(address=row.email)).decode()
    return Endpoint(
        id=endpoint_id,
        kind=EndpointKind.EMAIL,
        sealed=sealer.seal(destination, place=str(endpoint_id)),
        label=row.email,
        events=(),
        language=row.language,
        attach=False,
        enabled_at=now,
    )


def _nowhere() -> Problem:
    return Problem(404, "not_found", "This link leads nowhere (any more): it was used, or is too old. Ask for another one.")


def _later(wait: float) -> Problem:
    seconds = math.ceil(wait)
    detail = f"E-mails of this kind were asked for often enough; try again in {math.ceil(seconds / 60)} minutes."
    return Problem(429, "too_many_mails", detail, headers={"Retry-After": str(seconds)})
