"""How many bytes of recordings a tenant has stored, and room for more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from services.gateway.store import PATIENCE, patiently
from shared.database import Connection, Pool, transaction
from shared.errors import Audio2txtError

_USED = """
    select (
        select coalesce(sum(coalesce(u.size, r.length, u.direct_size, u.held)), 0)
        from gateway.uploads u left join gateway.resumable_uploads r using (id)
        where u.tenant_id = $1 and not exists (
            select from gateway.jobs j where j.tenant_id = u.tenant_id and j.id = u.id and j.removed ? 'audio'
        )
    )::bigint + (
        select coalesce(sum(source_size), 0) from gateway.jobs
        where tenant_id = $1 and source_url is not null and not removed ? 'audio'
    )::bigint
"""


@dataclass(frozen=True, kw_only=True)
class Room:
    """What an upload wants of a tenant's storage."""

    limit: int
    """Bytes that the tenant may have stored."""
    wanted: int | None
    """Bytes of the upload; null where its client does not say."""


class StorageFull(Audio2txtError):
    """There is no room for the upload."""

    def __init__(self, *, used: int, room: Room) -> None:
        super().__init__("There is no room for the upload.")
        self.used = used
        self.room = room


@asynccontextmanager
async def room_for(pool: Pool, tenant_id: UUID, room: Room | None) -> AsyncIterator[tuple[Pool | Connection, int | None]]:
    """Where to enter an upload, and the bytes to be held for it: what it wants, or all that is left where it does not say.

    Of uploads that begin at once each sees those before it. Raises `StorageFull`. Without limits it costs nothing.
    """
    if room is None:
        yield pool, None
        return
    async with asyncio.timeout(PATIENCE), transaction(pool) as connection:
        await connection.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", f"storage/{tenant_id}")
        used = await connection.fetchval(_USED, tenant_id)
        left = room.limit - used
        if left <= 0 or (room.wanted or 0) > left:
            raise StorageFull(used=used, room=room)
        yield connection, left if room.wanted is None else room.wanted


class StorageStore:
    """What tenants have stored."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def stored(self, tenant_id: UUID) -> int:
        """Bytes of recordings, those that are announced among them."""
        used: int = await patiently(self._pool.fetchval(_USED, tenant_id))
        return used
