"""Everything of a tenant in one ZIP file, written while it is read: memory does not grow with it.

<table>.ndjson          rows of the gateway, a line each, without secrets
jobs/<job>/<blob>       recordings, answers, transcripts, reports and files as they lie in the store
"""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from uuid import UUID

import structlog
from typing_extensions import override

from services.gateway.places import Place
from services.gateway.problems import Problem
from services.gateway.store.exports import TABLES, Export, ExportStore
from shared.blobs import BlobNotFound, BlobStore, tenant_prefix
from shared.blobs.threads import in_thread
from shared.errors import PermanentError
from shared.schemas.ids import new_id

HOLD_SECONDS = 300.0
"""How long an export stays with a process that does not say that it is still at it."""
KEEP_EVERY = 60.0
_PACKED = 256 * 1024

Write = Callable[[bytes], Awaitable[None]]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Exports:
    """Has them made, one at a time, and removed when they are old."""

    store: ExportStore
    blobs: BlobStore
    days: float
    """For which the file is there."""

    async def ask(self, tenant_id: UUID) -> Export:
        """Have one made. Raises `Problem` while another one is."""
        export = await self.store.ask(tenant_id, new_id())
        if export is None:
            raise Problem(409, "export_running", "An export is being made already; wait for its end.")
        return export

    async def find(self, tenant_id: UUID, export_id: UUID) -> Export:
        """One of a tenant's. Raises `Problem`."""
        export = await self.store.find(tenant_id, export_id)
        if export is None:
            raise Problem(404, "export_not_found", "There is no export with this id; it may have expired.")
        return export

    async def carry_out(self) -> None:
        """Make what was asked for, and remove what is old."""
        for old in await self.store.expired():
            await self.blobs.delete(export_key(old.tenant_id, old.id))
            await self.store.forget(old)
        while (export := await self.store.claim(hold=HOLD_SECONDS)) is not None:
            try:
                await self._make(export)
            except PermanentError as error:
                log.error("export.failed", tenant_id=str(export.tenant_id), export_id=str(export.id), error=str(error))
                await self.store.fail(export, str(error))

    async def _make(self, export: Export) -> None:
        kept = dt.datetime.now(dt.UTC)
        async with self.blobs.writer(export_key(export.tenant_id, export.id)) as writer:

            async def write(piece: bytes) -> None:
                nonlocal kept
                await writer.write(piece)
                if (dt.datetime.now(dt.UTC) - kept).total_seconds() > KEEP_EVERY:
                    kept = dt.datetime.now(dt.UTC)
                    await self.store.keep(export, hold=HOLD_SECONDS)

            await write_archive(self.store, self.blobs, export.tenant_id, write)
            info = await writer.commit()
        await self.store.finish(export, size=info.size, days=self.days)
        log.info("export.made", tenant_id=str(export.tenant_id), export_id=str(export.id), bytes=info.size)


def export_key(tenant_id: UUID, export_id: UUID) -> str:
    """Where the file lies: below the tenant's prefix, so that it goes with the tenant."""
    return f"{tenant_prefix(tenant_id)}exports/{export_id}.zip"


async def write_archive(store: ExportStore, blobs: BlobStore, tenant_id: UUID, write: Write) -> None:
    """Write everything of a tenant as a ZIP file, piece by piece. What is deleted meanwhile is left out."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w") as archive:
        for table in TABLES:
            if await store.has(table):
                lines = store.rows(tenant_id, table)
                await _add(archive, sink, f"{table}.ndjson", lines, write, packed=True)
        jobs = f"{tenant_prefix(tenant_id)}j/"
        async for info in blobs.list(jobs):
            name, place = info.key.removeprefix(jobs), Place.of(info.key)
            if place is None or not await store.takes(tenant_id, place.job_id, info.key):
                continue
            try:
                stream = blobs.stream(info.key)
                first = await anext(stream, b"")
            except BlobNotFound:
                continue
            await _add(archive, sink, f"jobs/{name}", _whole(first, stream), write, packed=False)
    await write(sink.take())


async def _whole(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk


async def _add(
    archive: zipfile.ZipFile, sink: _Sink, name: str, chunks: AsyncIterator[bytes], write: Write, *, packed: bool
) -> None:
    now = dt.datetime.now(dt.UTC)
    entry = zipfile.ZipInfo(name, (now.year, now.month, now.day, now.hour, now.minute, now.second))
    entry.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    with archive.open(entry, "w", force_zip64=True) as file:
        async with aclosing(_gathered(chunks)) as pieces:
            async for piece in pieces:
                await in_thread(file.write, piece)
                await write(sink.take())


async def _gathered(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """In pieces that are worth a thread's while."""
    gathered: list[bytes] = []
    size = 0
    async for chunk in chunks:
        gathered.append(chunk)
        size += len(chunk)
        if size >= _PACKED:
            yield b"".join(gathered)
            gathered, size = [], 0
    yield b"".join(gathered)


class _Sink(io.RawIOBase):
    """Takes what the ZIP file consists of, until it is taken on."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    @override
    def writable(self) -> bool:
        return True

    @override
    def write(self, piece: bytes | bytearray | memoryview, /) -> int:  # type: ignore[override]
        self._pieces.append(bytes(piece))
        return len(piece)

    def take(self) -> bytes:
        """What has come since."""
        taken, self._pieces = b"".join(self._pieces), []
        return taken
