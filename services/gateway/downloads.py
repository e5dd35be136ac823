"""Answers with a blob: whole or a range of it, with validators, streamed in constant memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

from litestar import Response
from litestar.response import Stream

from services.gateway.entity_tags import etag_of, matches
from services.gateway.problems import Problem
from services.gateway.ranges import ByteRange, Unsatisfiable, attachment, parse_range
from shared.blobs import BlobInfo, BlobStore


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What a request for a blob says about which bytes it wants."""

    method: str
    range: str | None = None
    if_range: str | None = None
    if_none_match: str | None = None


async def download(
    blobs: BlobStore, info: BlobInfo, conditions: Conditions, *, media_type: str, file_name: str | None = None
) -> Stream | Response[bytes]:
    """200, 206, 304 or 416, as RFC 9110 says. With a file name, browsers save instead of showing."""
    headers = {"ETag": etag_of(info.etag), "Accept-Ranges": "bytes"}
    if matches(conditions.if_none_match, etag_of(info.etag)):
        return Response(b"", status_code=304, headers=headers)
    wanted = _range(conditions, info)
    part = wanted or ByteRange(start=0, end=info.size)
    headers |= {"Content-Type": _with_charset(media_type), "Content-Length": str(part.end - part.start)}
    if file_name is not None:
        headers["Content-Disposition"] = attachment(file_name)
    if wanted is not None:
        headers["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{info.size}"
    status = 200 if wanted is None else 206
    if conditions.method == "HEAD" or part.start == part.end:
        return Response(b"", status_code=status, headers=headers)
    chunks = await begun(blobs.stream(info.key, start=part.start, end=part.end))
    return Stream(chunks, status_code=status, headers=headers)


async def begun(stream: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    """The stream with its first chunk made: what fails at once becomes an answer of its own, and no broken 200."""
    first = await anext(stream, b"")
    return _chunks(first, stream)


def _range(conditions: Conditions, info: BlobInfo) -> ByteRange | None:
    """A range is of the bytes the client knows, or none."""
    if conditions.method == "HEAD" or conditions.if_range not in (None, etag_of(info.etag)):
        return None
    try:
        return parse_range(conditions.range, info.size)
    except Unsatisfiable:
        detail = f"The range lies beyond the end; the file has {info.size:,} bytes."
        headers = {"Content-Range": f"bytes */{info.size}"}
        raise Problem(416, "range_not_satisfiable", detail, headers=headers) from None


async def _chunks(first: bytes, stream: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    async with aclosing(stream):
        yield first
        async for chunk in stream:
            yield chunk


def _with_charset(media_type: str) -> str:
    textual = media_type.startswith("text/") and "charset=" not in media_type
    return f"{media_type}; charset=utf-8" if textual else media_type
