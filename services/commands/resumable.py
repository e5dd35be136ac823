"""Uploads a big recording by tus 1.0.0: over connections that break, and over commands that were stopped."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import UUID

import httpx

from services.commands.client import CHUNK_BYTES, ApiError, Client
from shared.retry import backoff

RESUMABLE_BYTES = 32 * 1024 * 1024
"""Files from this size on are worth it."""

FIRST_BYTES = 64 * 1024
"""Go along with the creation: the gateway sees by them whether this is a recording."""

ATTEMPTS = 12
"""Without a byte of progress in between; after some two minutes nobody believes in it any more."""

TIMEOUT = httpx.Timeout(30, write=60, read=900)
"""The answer to the last byte takes as long as the gateway needs to read the whole file again."""

_VERSION = {"Tus-Resumable": "1.0.0"}
_BYTES = {**_VERSION, "Content-Type": "application/offset+octet-stream"}
_GONE = frozenset({404, 410})
_PASSING = frozenset({None, 408, 409, 423, 429, 460, 502, 503, 504})


async def upload(
    client: Client,
    path: Path,
    *,
    known: UUID | None,
    begun: Callable[[UUID], None],
    stored: Callable[[int], None],
) -> UUID:
    """Upload a file, going on with the upload `known` from before where it is still there. `begun` hears of one that is made,
    `stored` how many bytes are. Raises `ApiError`."""
    upload_id = known
    best, failures = -1, 0
    while True:
        try:
            if upload_id is None:
                upload_id = await _create(client, path)
                begun(upload_id)
            offset = await _offset(client, upload_id)
            stored(offset)
            if offset == path.stat().st_size:
                return upload_id
            if offset > best:
                best, failures = offset, 0
            await _send(client, upload_id, path, offset, stored)
        except ApiError as error:
            if error.status in _GONE and upload_id == known:
                upload_id, known = None, None
                continue
            failures += 1
            if error.status not in _PASSING or failures == ATTEMPTS:
                raise
            await asyncio.sleep(backoff(failures, longest=20))


async def _create(client: Client, path: Path) -> UUID:
    with path.open("rb") as file:
        first = file.read(FIRST_BYTES)
    name = b64encode(path.name.encode()).decode()
    headers = {**_BYTES, "Upload-Length": str(path.stat().st_size), "Upload-Metadata": f"filename {name}"}
    answer = await client.call("POST", "/v1/uploads", headers=headers, content=first)
    return UUID(answer.headers["Location"].rpartition("/")[2])


async def _offset(client: Client, upload_id: UUID) -> int:
    answer = await client.call("HEAD", f"/v1/uploads/{upload_id}", headers=_VERSION, timeout=TIMEOUT)
    return int(answer.headers["Upload-Offset"])


async def _send(client: Client, upload_id: UUID, path: Path, offset: int, stored: Callable[[int], None]) -> None:
    size = path.stat().st_size

    async def body() -> AsyncIterator[bytes]:
        at = offset
        with path.open("rb") as file:
            file.seek(offset)
            while chunk := file.read(min(CHUNK_BYTES, size - at)):
                yield chunk
                at += len(chunk)
                stored(at)

    headers = {**_BYTES, "Upload-Offset": str(offset), "Content-Length": str(size - offset)}
    await client.call("PATCH", f"/v1/uploads/{upload_id}", headers=headers, content=body(), timeout=TIMEOUT)
