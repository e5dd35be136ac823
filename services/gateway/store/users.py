"""The people of a tenant. Whoever changes owners locks the tenant, so that of two changes at once one sees the other."""

from __future__ import annotations

import asyncio
import datetime as dt
import enum
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
import msgspec

from services.gateway.audit import Action, Fact, entry_of
from services.gateway.cursors import Cursor
from services.gateway.permissions import ROLES, Permission, Role
from services.gateway.store import PATIENCE, patiently
from services.gateway.store.audit import note, noting
from shared.database import Connection, Pool, transaction
from shared.errors import Audio2txtError
from shared.schemas.jobs import ReportLanguage


class EmailTaken(Audio2txtError):
    """The e-mail is another account's."""


class UserState(enum.StrEnum):
    """Whether a user can sign in."""

    INVITED = "invited"
    """Not yet: the invitation has not been accepted."""
    ACTIVE = "active"
    DISABLED = "disabled"


class UserRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `gateway.users`, without the hash of the password."""

    id: UUID
    tenant_id: UUID
    email: str
    name: str
    role: Role
    language: ReportLanguage = "en"
    made_by: UUID | None = None
    """The key or the user that made it; null for an operator, and for those who came by single sign-on."""
    created_at: dt.datetime
    joined_at: dt.datetime | None = None
    disabled_at: dt.datetime | None = None
    last_signed_in_at: dt.datetime | None = None

    @property
    def permissions(self) -> frozenset[Permission]:
        """What they may do."""
        return ROLES[self.role]

    @property
    def state(self) -> UserState:
        """Whether they can sign in."""
        if self.disabled_at is not None:
            return UserState.DISABLED
        return UserState.INVITED if self.joined_at is None else UserState.ACTIVE

    @property
    def choices(self) -> tuple[str, Role, ReportLanguage, dt.datetime | None]:
        """What is changed by themselves or by others; how they fare is none of it."""
        return self.name, self.role, self.language, self.disabled_at

    @property
    def facts(self) -> dict[str, Fact]:
        """What the audit log keeps of a user."""
        return {"email": self.email, "name": self.name, "role": self.role.value, "state": self.state.value}


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A user who asks to be let in, and whose they are."""

    user: UserRow
    tenant_name: str
    password_hash: str | None
    open: bool
    """Whether the user has joined, and neither they nor their tenant is disabled."""


_COLUMNS = ", ".join(field.name for field in msgspec.structs.fields(UserRow))
_OF_USER = ", ".join(f"u.{field.name}" for field in msgspec.structs.fields(UserRow))
_ACCOUNT = f"""
    select {_OF_USER}, t.name as tenant_name, password_hash,
        joined_at is not null and u.disabled_at is null and t.disabled_at is null as open
    from gateway.users u join gateway.tenants t on t.id = u.tenant_id
"""


class UserChanges:
    """What is done about users of one tenant in one transaction, which holds the tenant's row."""

    def __init__(self, connection: Connection, tenant_id: UUID) -> None:
        self.connection = connection
        self._tenant_id = tenant_id

    async def find(self, user_id: UUID) -> UserRow | None:
        """One user, as they stand."""
        row = await self.connection.fetchrow(
            f"select {_COLUMNS} from gateway.users where tenant_id = $1 and id = $2", self._tenant_id, user_id
        )
        return None if row is None else msgspec.convert(dict(row), UserRow)

    async def find_by_email(self, email: str) -> UserRow | None:
        """One user, by the canonical form of their e-mail."""
        row = await self.connection.fetchrow(
            f"select {_COLUMNS} from gateway.users where tenant_id = $1 and email = $2", self._tenant_id, email
        )
        return None if row is None else msgspec.convert(dict(row), UserRow)

    async def join(self, row: UserRow) -> UserRow:
        """Let in who was invited, without a password. Raises `EmailTaken`, which ends the transaction."""
        try:
            joined_at: dt.datetime = await self.connection.fetchval(
                "update gateway.users set joined_at = now() where id = $1 and tenant_id = $2 returning joined_at",
                *(row.id, self._tenant_id),
            )
        except asyncpg.UniqueViolationError:
            raise EmailTaken(f"There is an account for {row.email} already.") from None
        await note(self.connection, entry_of(Action.USER_JOINED, self._tenant_id, row.id))
        return msgspec.structs.replace(row, joined_at=joined_at)

    async def count(self) -> int:
        """How many users the tenant has."""
        number: int = await self.connection.fetchval("select count(*) from gateway.users where tenant_id = $1", self._tenant_id)
        return number

    async def other_owners(self, user_id: UUID) -> int:
        """How many owners could sign in if it were not for this user."""
        number: int = await self.connection.fetchval(
            """
            select count(*) from gateway.users
            where tenant_id = $1 and id <> $2 and role = 'owner' and joined_at is not null and disabled_at is null
            """,
            *(self._tenant_id, user_id),
        )
        return number

    async def add(self, row: UserRow, *, password_hash: str | None = None) -> None:
        """Add one. Raises `EmailTaken`, then nothing more can be done in this transaction."""
        try:
            await self.connection.execute(
                f"""
                insert into gateway.users ({_COLUMNS}, password_hash)
                values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
                """,
                *msgspec.structs.astuple(row),
                password_hash,
            )
        except asyncpg.UniqueViolationError:
            raise EmailTaken(f"There is an account for {row.email} already.") from None
        await note(self.connection, entry_of(Action.USER_CREATED, row.tenant_id, row.id, after=row.facts))

    async def change(self, old: UserRow, new: UserRow) -> None:
        """Write name, role, language, and whether they are disabled, which ends what they are signed in by."""
        await self.connection.execute(
            "update gateway.users set name = $3, role = $4, language = $5, disabled_at = $6 where id = $1 and tenant_id = $2",
            *(new.id, self._tenant_id, new.name, new.role, new.language, new.disabled_at),
        )
        if new.disabled_at is not None:
            await self.connection.execute("delete from gateway.sign_ins where user_id = $1", new.id)
        entry = entry_of(Action.USER_CHANGED, self._tenant_id, new.id, before=old.facts, after=new.facts)
        await note(self.connection, entry)

    async def remove(self, row: UserRow) -> None:
        """Delete one with all that they are signed in by."""
        await self.connection.execute("delete from gateway.users where id = $1 and tenant_id = $2", row.id, self._tenant_id)
        await note(self.connection, entry_of(Action.USER_DELETED, self._tenant_id, row.id, before=row.facts))


class UserStore:
    """Rows of `gateway.users`; save for signing in, always asked for by tenant."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @asynccontextmanager
    async def changing(self, tenant_id: UUID) -> AsyncIterator[UserChanges]:
        """A transaction in which nobody else changes the tenant's users; raises `TimeoutError` when it takes too long."""
        async with asyncio.timeout(PATIENCE), transaction(self._pool) as connection:
            await connection.execute("select from gateway.tenants where id = $1 for update", tenant_id)
            yield UserChanges(connection, tenant_id)

    async def find(self, tenant_id: UUID, user_id: UUID) -> UserRow | None:
        """One user of the tenant."""
        row = await patiently(
            self._pool.fetchrow(f"select {_COLUMNS} from gateway.users where tenant_id = $1 and id = $2", tenant_id, user_id)
        )
        return None if row is None else msgspec.convert(dict(row), UserRow)

    async def find_by_email(self, tenant_id: UUID, email: str) -> UserRow | None:
        """One user of the tenant, by the canonical form of their e-mail."""
        row = await patiently(
            self._pool.fetchrow(f"select {_COLUMNS} from gateway.users where tenant_id = $1 and email = $2", tenant_id, email)
        )
        return None if row is None else msgspec.convert(dict(row), UserRow)

    async def page(self, tenant_id: UUID, *, after: Cursor | None, limit: int) -> list[UserRow]:
        """The tenant's newest users, those after the cursor."""
        rows = await patiently(
            self._pool.fetch(
                f"""
                select {_COLUMNS} from gateway.users
                where tenant_id = $1 and ($2::timestamptz is null or (created_at, id) < ($2, $3))
                order by created_at desc, id desc limit $4
                """,
                *(tenant_id, after and after.created_at, after and after.id, limit),
            )
        )
        return [msgspec.convert(dict(row), UserRow) for row in rows]

    async def account(self, email: str) -> Account | None:
        """Whoever has joined with this e-mail, in whichever tenant."""
        row = await patiently(self._pool.fetchrow(f"{_ACCOUNT} where email = $1 and joined_at is not null", email))
        return None if row is None else _account(dict(row))

    async def account_of(self, user_id: UUID) -> Account | None:
        """The account of a user who is known."""
        row = await patiently(self._pool.fetchrow(f"{_ACCOUNT} where u.id = $1", user_id))
        return None if row is None else _account(dict(row))

    async def set_password(
        self, user: UserRow, password_hash: str, *, verified: str | None = None, keep: UUID | None = None
    ) -> bool:
        """Give them another password, and end all that they are signed in by, but `keep`, and links that set one. False when
        `verified`, the hash that the old one was compared with, is no longer the account's; null asks for none."""
        async with asyncio.timeout(PATIENCE), transaction(self._pool) as connection:
            await hold(connection, user.id)
            changed = await connection.fetchval(
                f"""
                with changed as (
                    update gateway.users set password_hash = $3
                    where id = $1 and tenant_id = $2 and ($6::text is null or password_hash = $6) returning id
                ), ended as (
                    delete from gateway.sign_ins
                    where user_id in (select id from changed) and ($4::uuid is null or id <> $4)
                ), void as (
                    update gateway.account_links set used_at = now()
                    where user_id in (select id from changed) and used_at is null
                ), {noting("changed", 5)}
                select id from changed
                """,
                *(user.id, user.tenant_id, password_hash, keep),
                *(entry_of(Action.USER_PASSWORD_CHANGED, user.tenant_id, user.id), verified),
            )
        return changed is not None

    async def rehash(self, user_id: UUID, old: str, new: str) -> bool:
        """Keep the same password by today's parameters; False when it was changed meanwhile."""
        statement = "update gateway.users set password_hash = $3 where id = $1 and password_hash = $2 returning id"
        return await patiently(self._pool.fetchval(statement, user_id, old, new)) is not None

    async def signed_in(self, user: UserRow, means: str) -> None:
        """They have just proved who they are."""
        await patiently(
            self._pool.execute(
                f"""
                with changed as (update gateway.users set last_signed_in_at = now() where id = $1 returning id),
                    {noting("changed", 2)}
                select from changed
                """,
                *(user.id, entry_of(Action.USER_SIGNED_IN, user.tenant_id, user.id, after={"means": means})),
            )
        )


async def hold(connection: Connection, user_id: UUID) -> None:
    """Keep others from changing the user, or signing them in, until the transaction ends. A statement of its own: only one that
    begins with the row held sees who was signed in by then."""
    await connection.execute("select from gateway.users where id = $1 for no key update", user_id)


def _account(values: dict[str, object]) -> Account:
    own = {name: values.pop(name) for name in ("tenant_name", "password_hash", "open")}
    return msgspec.convert({**own, "user": values}, Account)
