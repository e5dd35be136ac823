"""Moving many bytes, from a process of its own: uploads, and the plain transfers they are compared to."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session

from tests.bench import apart

CHUNK = 1 << 20
WAV_HEADER = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x80\x3e\x00\x00\x00\x7d\x00\x00\x02\x00\x10\x00data"
NOISE = os.urandom(CHUNK)


class Upload(msgspec.Struct, frozen=True, kw_only=True, tag="upload"):
    """`POST /v1/uploads` of a sound file that is made as it is sent."""

    url: str
    api_key: str
    size: int


class Copy(msgspec.Struct, frozen=True, kw_only=True, tag="copy"):
    """The same bytes from memory into a file in pieces of 1 MiB, hashed with SHA-256 on the way, and synced."""

    path: str
    size: int


class Put(msgspec.Struct, frozen=True, kw_only=True, tag="put"):
    """The same bytes from memory into an S3 object by a bare aiobotocore multipart upload."""

    endpoint: str
    bucket: str
    credentials: dict[str, str]
    size: int
    part_bytes: int
    at_once: int


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """How fast it went, from the first byte until the other side had everything safe."""

    mb_per_second: float


Transfer = Upload | Copy | Put


async def move(order: Transfer) -> float:
    """MB per second, in a process of its own."""
    return (await apart.carry_out("tests.bench.transfers", order, Moved)).mb_per_second


def _pieces(size: int) -> Iterator[bytes]:
    yield WAV_HEADER
    left = size - len(WAV_HEADER)
    while left:
        piece = NOISE[:left]
        left -= len(piece)
        yield piece


def _upload(order: Upload) -> None:
    address = urlsplit(order.url)
    head = (
        f"POST {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {order.api_key}\r\n"
        f"Content-Type: audio/wav\r\nContent-Length: {order.size}\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection((address.hostname, address.port or 80)) as connection:
        connection.sendall(head.encode())
        for piece in _pieces(order.size):
            connection.sendall(piece)
        answer = connection.recv(CHUNK)
    if not answer.startswith(b"HTTP/1.1 201"):
        raise RuntimeError(f"The upload was refused: {answer.decode()}")


def _copy(order: Copy) -> None:
    digest = hashlib.sha256()
    with Path(order.path).open("wb", buffering=0) as file:
        for piece in _pieces(order.size):
            digest.update(piece)
            file.write(piece)
        os.fsync(file.fileno())


async def _put(order: Put) -> None:
    async with get_session().create_client(
        "s3",
        endpoint_url=order.endpoint,
        region_name="us-east-1",
        aws_access_key_id=order.credentials["access_key_id"],
        aws_secret_access_key=order.credentials["secret_access_key"],
        config=AioConfig(s3={"addressing_style": "path"}, request_checksum_calculation="when_required"),
    ) as client:
        where = {"Bucket": order.bucket, "Key": f"bench/{os.urandom(8).hex()}"}
        upload_id = (await client.create_multipart_upload(**where))["UploadId"]
        places = asyncio.Semaphore(order.at_once)
        part = (NOISE * (order.part_bytes // CHUNK + 1))[: order.part_bytes]

        async def send(number: int, body: bytes) -> dict[str, object]:
            async with places:
                sent = await client.upload_part(**where, UploadId=upload_id, PartNumber=number, Body=body)
            return {"PartNumber": number, "ETag": sent["ETag"]}

        starts = range(0, order.size, order.part_bytes)
        parts = await asyncio.gather(*(send(n, part[: order.size - at]) for n, at in enumerate(starts, start=1)))
        await client.complete_multipart_upload(**where, UploadId=upload_id, MultipartUpload={"Parts": parts})


async def _carry_out(order: Transfer) -> Moved:
    began = time.perf_counter()
    match order:
        case Upload():
            _upload(order)
        case Copy():
            _copy(order)
        case Put():
            await _put(order)
    return Moved(mb_per_second=order.size / 1e6 / (time.perf_counter() - began))


if __name__ == "__main__":
    apart.serve(_carry_out, Transfer)
