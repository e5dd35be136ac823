"""A client of tus 1.0.0 that does one request at a time, and nothing by itself."""

from __future__ import annotations

import asyncio
import hashlib
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx

VERSION = {"Tus-Resumable": "1.0.0"}
BYTES = "application/offset+octet-stream"


def checksum(algorithm: str, data: bytes) -> str:
    """`Upload-Checksum` of these bytes."""
    return f"{algorithm} {b64encode(hashlib.new(algorithm, data).digest()).decode()}"


def metadata(**values: str) -> str:
    """`Upload-Metadata` with these values."""
    return ",".join(f"{name} {b64encode(value.encode()).decode()}" for name, value in values.items())


class TusClient:
    """What it answers is the gateway's answer, whatever that is."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def begin(self, length: int, data: bytes | None = None, **headers: str) -> httpx.Response:
        """Create an upload, with its first bytes where there are any."""
        given = {**VERSION, "Upload-Length": str(length), **{name.replace("_", "-"): value for name, value in headers.items()}}
        if data is not None:
            given["Content-Type"] = BYTES
        return await self.http.post("/v1/uploads", headers=given, content=data)

    async def create(self, length: int, **headers: str) -> str:
        """Create an upload; returns where it is."""
        answer = await self.begin(length, None, **headers)
        assert answer.status_code == 201, answer.text
        return urlsplit(answer.headers["Location"]).path

    async def offset(self, location: str) -> int:
        """How many bytes are stored."""
        answer = await self.http.head(location, headers=VERSION)
        assert answer.status_code == 200, answer.headers
        return int(answer.headers["Upload-Offset"])

    async def send(self, location: str, offset: int, data: bytes | AsyncIterator[bytes], **headers: str) -> httpx.Response:
        """Send bytes."""
        given = {**VERSION, "Upload-Offset": str(offset), "Content-Type": BYTES}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.patch(location, headers=given, content=data)


@asynccontextmanager
async def half_sent(
    http: httpx.AsyncClient, location: str, offset: int, data: bytes, *, more: int, checksum: str | None = None
) -> AsyncIterator[asyncio.StreamReader]:
    """A PATCH that has sent these bytes, owes `more`, and keeps its connection open; yields what is answered."""
    address = urlsplit(str(http.base_url))
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    head = (
        f"PATCH {location} HTTP/1.1\r\nHost: x\r\nAuthorization: {http.headers['Authorization']}\r\nTus-Resumable: 1.0.0\r\n"
        f"Content-Type: {BYTES}\r\nUpload-Offset: {offset}\r\nContent-Length: {len(data) + more}\r\n"
    )
    head += f"Upload-Checksum: {checksum}\r\n\r\n" if checksum else "\r\n"
    writer.write(head.encode() + data)
    await writer.drain()
    try:
        yield reader
    finally:
        writer.transport.abort()
