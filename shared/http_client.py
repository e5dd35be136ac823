"""Requests to providers over HTTP: one request, one whole answer as bytes, and failures that know their fate.

Whoever pays by the request must know whether it was taken. It was not when the connection never stood, or broke before the
last byte of the body was handed over; after that, only a whole answer tells.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from shared.errors import PermanentError, RetryableError

if TYPE_CHECKING:
    import aiohttp

CONNECT_SECONDS = 15.0
READ_SECONDS = 60.0
"""Longest silence of a provider once the request is sent."""
TOTAL_SECONDS = 900.0
LARGEST_ANSWER = 256 * 1024 * 1024
NOT_TAKEN = frozenset({408, 409, 425, 500, 503})
"""The provider itself says that it did not do it. Other statuses from 500 on are those of somebody in between."""

_READ_BYTES = 256 * 1024
_LONGEST_WORDS = 200
_LIKE_A_SECRET = re.compile(r"(?=[\w+/=-]*\d)[\w+/=*-]{20,}")


class OutcomeUnknown(RetryableError):
    """Nobody knows yet whether the provider has taken the request, which then may have to be paid."""


@dataclass(frozen=True, kw_only=True)
class Body:
    """What is sent."""

    media_type: str
    chunks: Callable[[], AsyncIterator[bytes]]
    size: int | None = None
    """Bytes; null is sent in chunks."""

    @classmethod
    def of(cls, data: bytes, media_type: str = "application/json") -> Body:
        """Bytes at hand."""

        async def chunks() -> AsyncIterator[bytes]:
            yield data

        return cls(media_type=media_type, chunks=chunks, size=len(data))


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A whole answer, whatever its status."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the provider has done what it was asked to."""
        return 200 <= self.status < 300


class HttpClient:
    """One session with one provider, opened at the first request.

    Redirects are not followed, and connections not used again: one that the provider has closed meanwhile would swallow a
    request, and nobody could tell whether it was taken.
    """

    def __init__(
        self,
        *,
        provider: str,
        read_seconds: float = READ_SECONDS,
        total_seconds: float | None = TOTAL_SECONDS,
        largest_answer: int = LARGEST_ANSWER,
    ) -> None:
        self._provider = provider
        self._read_seconds = read_seconds
        self._total_seconds = total_seconds
        self._largest_answer = largest_answer
        self._session: aiohttp.ClientSession | None = None

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | list[tuple[str, str]] | None = None,
        body: Body | None = None,
    ) -> Answer:
        """One request, tried once. `RetryableError` says that it was not taken, `OutcomeUnknown` that it may have been,
        `PermanentError` that there is no use in it."""
        sending = _Sending(body)
        try:
            async with self._open().request(
                method,
                url,
                headers={**(headers or {}), **sending.headers},
                params=params,
                data=sending.data,
                allow_redirects=False,
            ) as response:
                return await self._read(response)
        except Exception as error:
            raise self._failure(error, taken=sending.finished) from None

    async def close(self) -> None:
        """Let go of the session."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        import aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(
                    total=self._total_seconds, sock_connect=CONNECT_SECONDS, sock_read=self._read_seconds
                ),
            )
        return self._session

    async def _read(self, response: aiohttp.ClientResponse) -> Answer:
        body = bytearray()
        async for chunk in response.content.iter_chunked(_READ_BYTES):
            body += chunk
            if len(body) > self._largest_answer:
                response.close()
                raise PermanentError(f"{self._provider} answered with more than {self._largest_answer:,} bytes.")
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(status=response.status, headers=headers, body=bytes(body))

    def _failure(self, error: Exception, *, taken: bool) -> Exception:
        """What a request that has no answer means; nothing of it but its kind is told, for it may name what is secret."""
        import aiohttp

        if isinstance(error, aiohttp.InvalidURL):
            return PermanentError(f"The URL of {self._provider} is not valid; tell the operator.")
        if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
            return RetryableError(f"{self._provider} cannot be reached ({type(error).__name__}).")
        if not isinstance(error, aiohttp.ClientError | TimeoutError | OSError):
            return error
        lost = f"{self._provider} gave no whole answer ({type(error).__name__})."
        return OutcomeUnknown(lost) if taken else RetryableError(lost)


class _Sending:
    """A body on its way."""

    def __init__(self, body: Body | None) -> None:
        self.finished = body is None
        """Whether all of it was handed over, so that the provider may have understood the request."""
        self.headers = {} if body is None else _headers(body)
        self.data = None if body is None else self._chunks(body)

    async def _chunks(self, body: Body) -> AsyncIterator[bytes]:
        left = body.size
        async for chunk in body.chunks():
            if left is not None:
                left -= len(chunk)
                self.finished = left <= 0
            yield chunk
        self.finished = True


def _headers(body: Body) -> dict[str, str]:
    length = {} if body.size is None else {"Content-Length": str(body.size)}
    return {"Content-Type": body.media_type, **length}


def wait_of(answer: Answer) -> float | None:
    """Seconds that `Retry-After` asks to wait, given as a number or a date; null when it is absent or makes no sense."""
    text = answer.headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", text, re.ASCII):
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (date - dt.datetime.now(dt.UTC)).total_seconds()) if date.tzinfo else None


def words_of(body: bytes) -> str:
    """What a provider says about a refusal, in one short line; what could be a key or a signature is left out."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return shown(_message(document))


def shown(text: str) -> str:
    """The words of a provider as one short line, to stand in a sentence of ours, without what could be a key or a signature."""
    text = " ".join(_LIKE_A_SECRET.sub("…", text).split())
    return (text if len(text) <= _LONGEST_WORDS else f"{text[:_LONGEST_WORDS]}…").rstrip(".")


def _message(document: object) -> str:
    """The message in the shapes that providers give it: `error.message`, `error`, `err_msg`, `message`, `detail`."""
    match document:
        case {"error": {"message": str(text)}} | {"error": str(text)}:
            return text
        case {"err_msg": str(text)} | {"message": str(text)} | {"detail": str(text)}:
            return text
        case {"detail": [{"msg": str(text)}, *_]}:
            return text
        case _:
            return ""


def named(status: int) -> str:
    """A status with its phrase."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
