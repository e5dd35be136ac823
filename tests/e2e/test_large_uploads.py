"""Uploads of any size stream through the gateway in constant memory, and one that breaks off leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

from shared.blobs import BlobStore
from tests.customer import PATIENCE, Customer
from tests.installation import Installation

GIGABYTE = 1000**3
CHUNK = 1 << 20
MEMORY_ALLOWANCE = 200 * 10**6
WAV_HEADER = (
    b"RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x80\x3e\x00\x00\x00\x7d\x00\x00"
    b"\x02\x00\x10\x00data\xff\xff\xff\xff"
)


async def test_two_gigabytes_are_held_in_less_than_two_hundred_megabytes(
    installation: Installation, customer: Customer
) -> None:
    """While 2 GB go through, the gateway's memory stays within 200 MB of what it was."""
    pid = installation.process("gateway").pid
    before = _resident_bytes(pid)
    watching = asyncio.create_task(_peak_of(pid))
    upload = await customer.must(
        "POST", "/v1/uploads", content=_recording(2 * GIGABYTE), headers={"Content-Type": "audio/wav"}, timeout=None
    )
    watching.cancel()
    assert upload["size"] == 2 * GIGABYTE
    assert len(upload["sha256"]) == 64
    assert await _result(watching) - before < MEMORY_ALLOWANCE


async def test_a_client_that_goes_away_leaves_no_parts(
    installation: Installation, customer: Customer, store: BlobStore
) -> None:
    """After a connection breaks in the middle of an upload the store holds neither a blob nor a part of one."""
    known = {info.key async for info in store.list("t/")}
    address = urlsplit(installation.url)
    _, writer = await asyncio.open_connection(address.hostname, address.port)
    head = f"POST /v1/uploads HTTP/1.1\r\nHost: x\r\nAuthorization: {customer.http.headers['Authorization']}\r\n"
    writer.write((head + f"Content-Type: audio/wav\r\nContent-Length: {GIGABYTE}\r\n\r\n").encode())
    async for chunk in _recording(64 * CHUNK):
        writer.write(chunk)
        await writer.drain()
    writer.transport.abort()

    async with asyncio.timeout(PATIENCE):
        while "client_closed" not in installation.process("gateway").log.read_text() and " 499" not in _log(installation):
            await asyncio.sleep(0.05)
    assert {info.key async for info in store.list("t/")} == known
    assert await store.sweep_unfinished(0) == 0


def _log(installation: Installation) -> str:
    lines = installation.process("gateway").log_lines()
    return " ".join(f" {line.get('status')}" for line in lines)


async def _recording(size: int) -> AsyncIterator[bytes]:
    """A sound file of so many bytes, made as it is sent."""
    yield WAV_HEADER
    left = size - len(WAV_HEADER)
    noise = bytes(range(256)) * (CHUNK // 256)
    while left:
        chunk = noise[:left]
        left -= len(chunk)
        yield chunk


async def _peak_of(pid: int) -> int:
    """The most memory the process held until this is cancelled."""
    peak = 0
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            peak = max(peak, _resident_bytes(pid))
            await asyncio.sleep(0.05)
    return peak


async def _result(task: asyncio.Task[int]) -> int:
    return await task


def _resident_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")
