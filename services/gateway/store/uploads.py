"""Recordings that were given to us."""

from __future__ import annotations

import datetime as dt
import enum
from uuid import UUID

import msgspec

from services.gateway.audit import Action, entry_of
from services.gateway.store import patiently
from services.gateway.store.audit import noting
from services.gateway.store.storage import Room, room_for
from shared.database import Pool

_COLUMNS = "id, state, file_name, media_type, size, sha256, created_at, expires_at"
_SELECT = """
    select u.id, u.state, u.file_name, u.media_type, coalesce(u.size, r.length, u.direct_size) as size, u.sha256,
        u.created_at, u.expires_at, r.received, u.direct_size
    from gateway.uploads u left join gateway.resumable_uploads r using (id)
"""


class UploadState(enum.StrEnum):
    """`receiving` while bytes arrive, `ready` to become a job, `used` once it has."""

    RECEIVING = "receiving"
    READY = "ready"
    USED = "used"


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `gateway.uploads`."""

    id: UUID
    state: UploadState
    file_name: str | None
    media_type: str | None
    """Null until the first bytes are there."""
    size: int | None
    """As announced, until all bytes are there."""
    sha256: str | None
    created_at: dt.datetime
    expires_at: dt.datetime
    received: int | None = None
    """Bytes of a resumable upload that are stored; null for another one, and once it is whole."""
    direct_size: int | None = None
    """The bytes it is to have, where the client sends them straight to the store."""


class UploadStore:
    """Rows of `gateway.uploads`. Their use is part of `JobStore.create`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def begin(
        self,
        tenant_id: UUID,
        upload_id: UUID,
        *,
        file_name: str | None,
        media_type: str,
        expires_at: dt.datetime,
        room: Room | None = None,
    ) -> int | None:
        """Known before its first byte is stored, so that whatever is left behind can be found. The bytes it may have; null
        for no limit. Raises `StorageFull`."""
        async with room_for(self._pool, tenant_id, room) as (database, held):
            await patiently(
                database.execute(
                    """
                    insert into gateway.uploads (id, tenant_id, file_name, media_type, expires_at, held)
                    values ($1, $2, $3, $4, $5, $6)
                    """,
                    *(upload_id, tenant_id, file_name, media_type, expires_at, held),
                )
            )
        return held

    async def still_coming(self, tenant_id: UUID, upload_id: UUID, *, expires_at: dt.datetime) -> None:
        """Bytes of an upload arrive; it is given more time."""
        await patiently(
            self._pool.execute(
                """
                update gateway.uploads set expires_at = $3
                where id = $1 and tenant_id = $2 and state = 'receiving' and expires_at > now()
                """,
                *(upload_id, tenant_id, expires_at),
            )
        )

    async def begin_direct(
        self,
        tenant_id: UUID,
        upload_id: UUID,
        *,
        file_name: str | None,
        size: int,
        expires_at: dt.datetime,
        room: Room | None = None,
    ) -> None:
        """The same for one that its client sends straight to the store."""
        async with room_for(self._pool, tenant_id, room) as (database, _):
            await patiently(
                database.execute(
                    """
                    insert into gateway.uploads (id, tenant_id, file_name, direct_size, expires_at)
                    values ($1, $2, $3, $4, $5)
                    """,
                    *(upload_id, tenant_id, file_name, size, expires_at),
                )
            )

    async def finish(
        self,
        tenant_id: UUID,
        upload_id: UUID,
        *,
        file_name: str | None,
        size: int,
        sha256: str,
        expires_at: dt.datetime,
        media_type: str | None = None,
    ) -> Upload | None:
        """Whole and stored, and of this type where it was not known before. Null when it took so long that it was collected
        meanwhile."""
        entry = entry_of(Action.UPLOAD_CREATED, tenant_id, upload_id, after={"size": size, "sha256": sha256})
        row = await patiently(
            self._pool.fetchrow(
                f"""
                with finished as (
                    update gateway.uploads set state = 'ready', size = $3, sha256 = $4, expires_at = $5, file_name = $6,
                        media_type = coalesce($7, media_type)
                    where id = $1 and tenant_id = $2 and state = 'receiving' and expires_at > now()
                    returning {_COLUMNS}
                ), {noting("finished", 8)}
                select * from finished
                """,
                *(upload_id, tenant_id, size, sha256, expires_at, file_name, media_type, entry),
            )
        )
        return None if row is None else msgspec.convert(dict(row), Upload)

    async def forget(self, tenant_id: UUID, upload_id: UUID) -> None:
        """An upload that came to nothing."""
        await patiently(
            self._pool.execute(
                "delete from gateway.uploads where id = $1 and tenant_id = $2 and state <> 'used'", upload_id, tenant_id
            )
        )

    async def erase(self, tenant_id: UUID, upload_id: UUID) -> bool:
        """Forget an upload whose bytes may yet come, and have the sweeper look after its place as after a deleted job's.
        False when a job was made of it."""
        erased = await patiently(
            self._pool.fetchval(
                """
                with gone as (
                    delete from gateway.uploads where id = $1 and tenant_id = $2 and state <> 'used' returning id, tenant_id
                )
                insert into gateway.erasures (job_id, tenant_id) select id, tenant_id from gone returning true
                """,
                *(upload_id, tenant_id),
            )
        )
        return erased is not None

    async def expire(self, tenant_id: UUID, upload_id: UUID) -> bool:
        """Let nobody use it any more; false when somebody has, or when there is none. The sweeper collects it, if nobody
        else does."""
        expired = await patiently(
            self._pool.fetchval(
                f"""
                with expired as (
                    update gateway.uploads set expires_at = now()
                    where id = $1 and tenant_id = $2 and state <> 'used' returning id
                ), {noting("expired", 3)}
                select true from expired
                """,
                *(upload_id, tenant_id, entry_of(Action.UPLOAD_DELETED, tenant_id, upload_id)),
            )
        )
        return expired is not None

    async def expire_all(self, tenant_id: UUID) -> None:
        """Let nobody use any of a tenant's uploads any more; the sweeper collects them."""
        await self._pool.execute(
            "update gateway.uploads set expires_at = now() where tenant_id = $1 and state <> 'used' and expires_at > now()",
            tenant_id,
        )

    async def find(self, tenant_id: UUID, upload_id: UUID) -> Upload | None:
        """One upload of the tenant."""
        row = await patiently(self._pool.fetchrow(f"{_SELECT} where u.id = $1 and u.tenant_id = $2", upload_id, tenant_id))
        return None if row is None else msgspec.convert(dict(row), Upload)
