"""Moving many bytes, from a process of its own: uploads, and the plain transfers they are compared to."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import itertools
import json
import os
import socket
import time
from base64 import b64encode
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple
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


class Tus(msgspec.Struct, frozen=True, kw_only=True, tag="tus"):
    """The same file by tus, in requests of so many bytes; with a SHA-256 for each where they are checked."""

    url: str
    api_key: str
    size: int
    piece: int
    checked: bool


class Direct(msgspec.Struct, frozen=True, kw_only=True, tag="direct"):
    """The same file by a signed request straight to the store, and completed."""

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


Transfer = Upload | Tus | Direct | Copy | Put


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


def _tus(order: Tus) -> None:
    address = urlsplit(order.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port)
    common = {"Authorization": f"Bearer {order.api_key}", "Tus-Resumable": "1.0.0"}
    created = _answer(connection, "POST", address.path, None, {**common, "Upload-Length": str(order.size)}, 201)
    place, pieces, offset = urlsplit(created.headers["Location"]).path, _pieces(order.size), 0
    while offset < order.size:
        body: Iterable[bytes] = itertools.islice(pieces, order.piece // CHUNK)
        length = order.size - offset
        if order.piece < order.size:
            body = list(body)
            length = sum(map(len, body))
        headers = {**common, "Content-Type": "application/offset+octet-stream", "Upload-Offset": str(offset)}
        if order.checked:
            digest = hashlib.sha256(b"".join(body)).digest()
            headers["Upload-Checksum"] = f"sha256 {b64encode(digest).decode()}"
        _answer(connection, "PATCH", place, body, {**headers, "Content-Length": str(length)}, 204)
        offset += length
    connection.close()


def _direct(order: Direct) -> None:
    address = urlsplit(order.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port)
    common = {"Authorization": f"Bearer {order.api_key}", "Content-Type": "application/json"}
    begin = msgspec.json.encode({"size": order.size})
    begun = json.loads(_answer(connection, "POST", f"{address.path}/direct", begin, common, 201).body)
    store = urlsplit(begun["url"])
    other = http.client.HTTPConnection(store.hostname or "", store.port)
    _answer(other, "PUT", f"{store.path}?{store.query}", _pieces(order.size), begun["headers"], 200)
    other.close()
    connection.close()  # The server has closed it meanwhile: it was idle for long.
    _answer(connection, "POST", f"{address.path}/{begun['upload']['id']}/complete", None, common, 200)
    connection.close()


class _Answer(NamedTuple):
    headers: http.client.HTTPMessage
    body: bytes


def _answer(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | Iterable[bytes] | None,
    headers: dict[str, str],
    status: int,
) -> _Answer:
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    answer = _Answer(response.headers, response.read())
    if response.status != status:
        raise RuntimeError(f"{method} {path} was refused: {answer.body.decode()}")
    return answer


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
        case Tus():
            _tus(order)
        case Direct():
            _direct(order)
        case Copy():
            _copy(order)
        case Put():
            await _put(order)
    return Moved(mb_per_second=order.size / 1e6 / (time.perf_counter() - began))


if __name__ == "__main__":
    apart.serve(_carry_out, Transfer)
