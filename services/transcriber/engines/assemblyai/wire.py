"""The way to AssemblyAI: its package's client, and failures that know whether a request was sent.

One client serves all accounts, whose key goes with each request: a client of its own would cost each tenant a megabyte.
Answers are read as bytes and never through the package's models, which refuse values that they do not know yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING

from services.transcriber.engines import Account, Reserve
from services.transcriber.engines.http import Answer
from shared.errors import Audio2txtError, RetryableError

if TYPE_CHECKING:
    import httpx

CONNECT_SECONDS = 10.0
SILENCE_SECONDS = 120.0
"""Longest silence while a recording travels, and after it."""
SLOWEST_BYTES = 256 * 1024
"""Bytes a second below which a recording takes too long."""
LARGEST_ANSWER = 512 * 1024**2

Connect = Callable[[], "httpx.AsyncClient"]
"""Makes a client; called in a thread, for it loads the package."""


class Lost(RetryableError):
    """A request was sent, wholly or in part, and has no whole answer."""


@dataclass(frozen=True, kw_only=True)
class Timeout:
    """How long a request may take, in seconds."""

    silence: float
    """Without a byte in either direction."""
    total: float


def connector(service: str) -> Connect:
    """Makes the package's client for a URL of the API."""

    def connect() -> httpx.AsyncClient:
        import assemblyai

        settings = assemblyai.Settings(api_key=None, base_url=service, http_timeout=CONNECT_SECONDS)
        client = assemblyai.AsyncClient(settings=settings, api_key_required=False).http_client
        # What it remembers of one account must not reach another.
        client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=()))
        return client

    return connect


class Wire:
    """Sends requests, each in its account's turn, and hands back whole answers whatever their status."""

    def __init__(self, *, connect: Connect, reserve: Reserve) -> None:
        self._connect = connect
        self._reserve = reserve
        self._opening: asyncio.Future[httpx.AsyncClient] | None = None

    async def send(
        self,
        account: Account,
        method: str,
        url: str,
        *,
        timeout: Timeout,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """One request, tried once. `RetryableError` says that it was not sent, `Lost` that it may have been."""
        client = await self._client()
        headers = {**_headers(account), **({} if body is None else {"Content-Type": "application/json"})}
        request = client.build_request(
            method, url, params=params, content=body, headers=headers, timeout=_httpx_timeout(timeout)
        )
        return await self._exchange(client, account, request, timeout.total)

    async def upload(self, account: Account, url: str, chunks: AsyncIterator[bytes], size: int) -> Answer:
        """Post `size` bytes in constant memory."""
        client = await self._client()
        headers = {**_headers(account), "Content-Type": "application/octet-stream", "Content-Length": str(size)}
        timeout = _of_size(size)
        request = client.build_request("POST", url, content=chunks, headers=headers, timeout=_httpx_timeout(timeout))
        return await self._exchange(client, account, request, timeout.total)

    async def download(self, account: Account, url: str, *, most_bytes: int) -> AsyncIterator[bytes]:
        """A file of the account that lies elsewhere, from where no key is needed. `RetryableError` when it does not come."""
        client = await self._client()
        timeout, size = _of_size(most_bytes), 0
        request = client.build_request("GET", url, timeout=_httpx_timeout(timeout))
        try:
            async with self._reserve(account), asyncio.timeout(timeout.total), _sent(client, request) as response:
                if response.status_code != 200:
                    raise RetryableError(f"A file of AssemblyAI cannot be fetched: it answered {response.status_code}.")
                async for chunk in response.aiter_bytes():
                    size += len(chunk)
                    if size > most_bytes:
                        raise RetryableError(f"A file of AssemblyAI has more than {most_bytes:,} bytes.")
                    yield chunk
        except Exception as error:
            raise _failure(error) from None

    async def close(self) -> None:
        """Let go of all connections."""
        if self._opening is not None:
            await (await self._opening).aclose()

    async def _exchange(self, client: httpx.AsyncClient, account: Account, request: httpx.Request, seconds: float) -> Answer:
        try:
            async with self._reserve(account), asyncio.timeout(seconds), _sent(client, request) as response:
                return await _read(response)
        except Exception as error:
            raise _failure(error) from None

    async def _client(self) -> httpx.AsyncClient:
        if self._opening is None:
            self._opening = asyncio.ensure_future(asyncio.to_thread(self._connect))
        return await asyncio.shield(self._opening)


def _headers(account: Account) -> dict[str, str]:
    return {"Authorization": account.key, "Accept-Encoding": "identity"}


def _of_size(size: int) -> Timeout:
    return Timeout(silence=SILENCE_SECONDS, total=SILENCE_SECONDS + size / SLOWEST_BYTES)


def _httpx_timeout(timeout: Timeout) -> httpx.Timeout:
    import httpx

    return httpx.Timeout(timeout.silence, connect=min(CONNECT_SECONDS, timeout.silence))


@asynccontextmanager
async def _sent(client: httpx.AsyncClient, request: httpx.Request) -> AsyncIterator[httpx.Response]:
    response = await client.send(request, stream=True)
    try:
        yield response
    finally:
        await response.aclose()


async def _read(response: httpx.Response) -> Answer:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > LARGEST_ANSWER:
            raise Lost(f"AssemblyAI answered with more than {LARGEST_ANSWER:,} bytes.")
    return Answer(status=response.status_code, headers=dict(response.headers), body=bytes(body))


def _failure(error: Exception) -> Exception:
    """What a request that has no answer means; of the cause only its kind is told, for its words may name what is secret."""
    import httpx

    if isinstance(error, Audio2txtError):
        return error
    kind = type(error).__name__
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout | httpx.UnsupportedProtocol):
        return RetryableError(f"AssemblyAI cannot be reached ({kind}).")
    if isinstance(error, httpx.HTTPError | TimeoutError | OSError):
        return Lost(f"AssemblyAI gave no whole answer ({kind}).")
    return error
