"""Uploads that are sent piece by piece: how far they are, and which request is at them."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import msgspec

from services.gateway.audit import Action, entry_of
from services.gateway.store import patiently
from services.gateway.store.audit import noting
from services.gateway.store.storage import Room, room_for
from shared.blobs import Bookmark
from shared.database import Pool

_COLUMNS = "r.id, r.length, r.metadata, r.received, r.place, r.head, r.generation, u.file_name, u.media_type, u.expires_at"


class Resumable(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `gateway.resumable_uploads` with its upload."""

    id: UUID
    length: int
    metadata: str | None
    """`Upload-Metadata` as it was given."""
    received: int
    place: str
    head: bytes
    """The first bytes, as many as it takes to tell what kind of recording it is."""
    generation: int
    file_name: str | None
    media_type: str | None
    expires_at: dt.datetime

    @property
    def bookmark(self) -> Bookmark:
        """How far the blob is."""
        return Bookmark(size=self.received, place=self.place)


class ResumableStore:
    """Rows of `gateway.resumable_uploads`. Whoever changes one must hold it."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def begin(
        self,
        tenant_id: UUID,
        upload_id: UUID,
        *,
        length: int,
        metadata: str | None,
        file_name: str | None,
        expires_at: dt.datetime,
        room: Room | None = None,
    ) -> None:
        """An upload of which nothing has come yet. Raises `StorageFull`."""
        async with room_for(self._pool, tenant_id, room) as (database, _):
            await patiently(
                database.execute(
                    """
                    with upload as (
                        insert into gateway.uploads (id, tenant_id, file_name, expires_at) values ($1, $2, $3, $4) returning id
                    )
                    insert into gateway.resumable_uploads (id, tenant_id, length, metadata) select id, $2, $5, $6 from upload
                    """,
                    *(upload_id, tenant_id, file_name, expires_at, length, metadata),
                )
            )

    async def hold(self, tenant_id: UUID, upload_id: UUID, *, holder: UUID, seconds: float) -> Resumable | None:
        """Take an upload, from nobody or from a holder that is not alive any more; null when that cannot be."""
        row = await patiently(
            self._pool.fetchrow(
                f"""
                update gateway.resumable_uploads r
                set holder = $3, held_until = now() + make_interval(secs => $4), wanted = false,
                    generation = r.generation + (r.holder is not null)::int
                from gateway.uploads u
                where r.id = $2 and u.id = r.id and u.tenant_id = $1 and u.state = 'receiving' and u.expires_at > now()
                  and (r.holder is null or r.held_until <= now())
                returning {_COLUMNS}
                """,
                *(tenant_id, upload_id, holder, seconds),
            )
        )
        return None if row is None else msgspec.convert(dict(row), Resumable)

    async def want(self, tenant_id: UUID, upload_id: UUID) -> bool:
        """Ask the holder to stop; false when there is nothing to be held."""
        found = await patiently(
            self._pool.fetchval(
                """
                update gateway.resumable_uploads r set wanted = true from gateway.uploads u
                where r.id = $2 and u.id = r.id and u.tenant_id = $1 and u.state = 'receiving' and u.expires_at > now()
                returning true
                """,
                *(tenant_id, upload_id),
            )
        )
        return found is not None

    async def renew(self, upload_id: UUID, *, holder: UUID, seconds: float) -> bool | None:
        """Stay alive; whether somebody else waits, null when it is held no more."""
        wanted: bool | None = await patiently(
            self._pool.fetchval(
                """
                update gateway.resumable_uploads set held_until = now() + make_interval(secs => $3)
                where id = $1 and holder = $2 returning wanted
                """,
                *(upload_id, holder, seconds),
            )
        )
        return wanted

    async def release(self, upload_id: UUID, *, holder: UUID, orderly: bool) -> None:
        """Let go. Parts may still be on their way where that was not orderly."""
        await patiently(
            self._pool.execute(
                """
                update gateway.resumable_uploads
                set holder = null, held_until = null, generation = generation + (not $3::boolean)::int
                where id = $1 and holder = $2
                """,
                *(upload_id, holder, orderly),
            )
        )

    async def advance(self, upload_id: UUID, *, holder: UUID, bookmark: Bookmark, head: bytes, expires_at: dt.datetime) -> bool:
        """More bytes are stored; false when it is held no more, or has expired."""
        kept = await patiently(
            self._pool.fetchval(
                """
                with upload as (
                    update gateway.uploads u set expires_at = $6 from gateway.resumable_uploads r
                    where u.id = $1 and r.id = u.id and r.holder = $2 and u.expires_at > now() returning u.id
                )
                update gateway.resumable_uploads r set received = $3, place = $4, head = $5 from upload
                where r.id = upload.id and r.holder = $2 returning true
                """,
                *(upload_id, holder, bookmark.size, bookmark.place, head, expires_at),
            )
        )
        return kept is not None

    async def finish(
        self, tenant_id: UUID, upload: Resumable, *, holder: UUID, media_type: str, sha256: str, expires_at: dt.datetime
    ) -> bool:
        """Whole and stored: an upload like any other. False when it is held no more, or has expired."""
        entry = entry_of(Action.UPLOAD_CREATED, tenant_id, upload.id, after={"size": upload.length, "sha256": sha256})
        finished = await patiently(
            self._pool.fetchval(
                f"""
                with whole as (
                    delete from gateway.resumable_uploads r using gateway.uploads u
                    where r.id = $1 and u.id = r.id and u.tenant_id = $6 and r.holder = $2 and r.received = r.length
                      and u.expires_at > now()
                    returning r.id, r.length
                ), finished as (
                    update gateway.uploads u
                    set state = 'ready', size = whole.length, sha256 = $4, media_type = $3, expires_at = $5
                    from whole where u.id = whole.id returning u.id
                ), {noting("finished", 7)}
                select true from finished
                """,
                *(upload.id, holder, media_type, sha256, expires_at, tenant_id, entry),
            )
        )
        return finished is not None
