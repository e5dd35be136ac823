"""Links by which users set a password. Each leads somewhere once."""

from __future__ import annotations

import asyncio
import datetime as dt
from uuid import UUID

import asyncpg
import msgspec

from services.gateway.audit import Action, Actor, ActorKind, act_as, entry_of
from services.gateway.store import PATIENCE, patiently
from services.gateway.store.audit import note
from services.gateway.store.users import EmailTaken, hold
from shared.database import Connection, Pool, transaction
from shared.mail_links import LinkPurpose
from shared.outbox import row_of
from shared.schemas.events import UserMailRequested
from shared.schemas.jobs import ReportLanguage


class AccountLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link that leads somewhere, and the user whose it is."""

    id: UUID
    tenant_id: UUID
    user_id: UUID
    purpose: LinkPurpose
    email: str
    name: str
    language: ReportLanguage
    organisation: str


_OPEN = """
    from gateway.account_links l join gateway.users u on u.id = l.user_id join gateway.tenants t on t.id = l.tenant_id
    where l.id = $1 and l.purpose = $2 and l.used_at is null and l.expires_at > now()
        and u.disabled_at is null and t.disabled_at is null and (l.purpose = 'reset') = (u.joined_at is not null)
"""


async def add_link(
    connection: Connection,
    *,
    link_id: UUID,
    tenant_id: UUID,
    user_id: UUID,
    purpose: LinkPurpose,
    expires_at: dt.datetime,
    event: UserMailRequested | None,
) -> None:
    """Make a link, in the place of those of its kind that lead somewhere, with the e-mail that tells of it; none where
    somebody hands it over themselves. The user is held until the transaction ends: of several asked for at once, one leads
    somewhere."""
    await hold(connection, user_id)
    out = None if event is None else row_of(event)
    action = Action.USER_INVITED if purpose is LinkPurpose.JOIN else Action.USER_RESET_ASKED
    await connection.execute(
        """
        with void as (
            update gateway.account_links set used_at = now() where user_id = $3 and purpose = $4 and used_at is null
        ), mail as (
            insert into gateway.outbox (message_id, routing_key, payload) select $6, $7, $8 where $6::uuid is not null
        )
        insert into gateway.account_links (id, tenant_id, user_id, purpose, expires_at) values ($1, $2, $3, $4, $5)
        """,
        *(link_id, tenant_id, user_id, purpose, expires_at),
        *((None, None, None) if out is None else (out.message_id, out.routing_key, out.payload)),
    )
    await note(connection, entry_of(action, tenant_id, user_id, after={"expires_at": expires_at.isoformat()}))


class AccountLinkStore:
    """Rows of `gateway.account_links`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find(self, link_id: UUID, purpose: LinkPurpose) -> AccountLink | None:
        """One that leads somewhere."""
        row = await patiently(
            self._pool.fetchrow(
                f"""
                select l.id, l.tenant_id, l.user_id, l.purpose, u.email, u.name, u.language, t.name as organisation {_OPEN}
                """,
                *(link_id, purpose),
            )
        )
        return None if row is None else msgspec.convert(dict(row), AccountLink)

    async def made_in_a_day(self, tenant_id: UUID) -> int:
        """How many invitations were sent because of the tenant."""
        number: int = await patiently(
            self._pool.fetchval(
                "select count(*) from gateway.account_links "
                "where tenant_id = $1 and purpose = 'join' and created_at > now() - interval '1 day'",
                tenant_id,
            )
        )
        return number

    async def request(self, link_id: UUID, event: UserMailRequested, *, user_id: UUID, purpose: LinkPurpose) -> None:
        """Make a link and have it sent."""
        async with asyncio.timeout(PATIENCE), transaction(self._pool) as connection:
            await add_link(
                connection,
                link_id=link_id,
                tenant_id=event.tenant_id,
                user_id=user_id,
                purpose=purpose,
                expires_at=event.expires_at,
                event=event,
            )

    async def use(self, link: AccountLink, *, password_hash: str, name: str | None) -> bool:
        """Set the password of a link's user and let them in, and end the link, all others of theirs, and all that they were
        signed in by; False when the link has come to its end meanwhile. Raises `EmailTaken` where somebody has joined another
        tenant with the same e-mail: then the link stays."""
        try:
            async with asyncio.timeout(PATIENCE), transaction(self._pool) as connection:
                return await _use(connection, link, password_hash, name)
        except asyncpg.UniqueViolationError:
            raise EmailTaken(f"{link.email} has an account in another organisation.") from None


async def _use(connection: Connection, link: AccountLink, password_hash: str, name: str | None) -> bool:
    await hold(connection, link.user_id)
    if await connection.fetchval(f"select l.id {_OPEN} for update of l", link.id, link.purpose) is None:
        return False
    await connection.execute(
        """
        with used as (update gateway.account_links set used_at = now() where user_id = $1 and used_at is null),
            ended as (delete from gateway.sign_ins where user_id = $1)
        update gateway.users set password_hash = $2, name = coalesce($3, name), joined_at = coalesce(joined_at, now())
        where id = $1
        """,
        *(link.user_id, password_hash, name),
    )
    act_as(Actor(kind=ActorKind.LINK, id=link.user_id, name=name or link.name))
    action = Action.USER_JOINED if link.purpose is LinkPurpose.JOIN else Action.USER_PASSWORD_CHANGED
    await note(connection, entry_of(action, link.tenant_id, link.user_id))
    return True
