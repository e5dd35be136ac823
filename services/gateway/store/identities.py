"""Users as providers of single sign-on know them."""

from __future__ import annotations

from uuid import UUID

import msgspec

from services.gateway.store import patiently
from services.gateway.store.users import UserRow
from shared.database import Connection, Pool


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Whose subject it is."""

    tenant_id: UUID
    user_id: UUID


class IdentityStore:
    """Rows of `gateway.user_identities`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find(self, issuer: str, subject: str) -> Identity | None:
        """The user that a provider's subject is."""
        row = await patiently(
            self._pool.fetchrow(
                "select tenant_id, user_id from gateway.user_identities where issuer = $1 and subject = $2", issuer, subject
            )
        )
        return None if row is None else msgspec.convert(dict(row), Identity)

    async def tenant(self, name: str) -> UUID | None:
        """A tenant that is not disabled, by its name."""
        tenant_id: UUID | None = await patiently(
            self._pool.fetchval("select id from gateway.tenants where name = $1 and disabled_at is null", name)
        )
        return tenant_id

    async def has_another(self, connection: Connection, issuer: str, user: UserRow) -> bool:
        """Whether the user is another of the provider's subjects already."""
        another: bool = await connection.fetchval(
            "select exists (select from gateway.user_identities where issuer = $1 and user_id = $2)", issuer, user.id
        )
        return another

    async def keep(self, connection: Connection, issuer: str, subject: str, user: UserRow) -> None:
        """From now on the subject is this user, unless it is one already."""
        await connection.execute(
            "insert into gateway.user_identities (issuer, subject, tenant_id, user_id) values ($1, $2, $3, $4) "
            "on conflict do nothing",
            *(issuer, subject, user.tenant_id, user.id),
        )
