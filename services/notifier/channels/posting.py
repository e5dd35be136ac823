"""One POST to a receiver: guarded, no redirects, and as little patience as fairness needs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from types import SimpleNamespace, TracebackType
from typing import TYPE_CHECKING, Self

import msgspec

from services.notifier.channels import Answer, Contact, Trouble
from services.notifier.channels.waiting import seconds_to_wait
from shared.egress import EgressPolicy, EgressTrouble, check_url, guarded_session, trouble_of

if TYPE_CHECKING:
    import aiohttp

MASK = "***"
"""Stands for a secret."""
READ_BYTES = 16 * 1024
"""Where an answer's body is cut off. The status counts; nobody waits for the rest."""
READ_SECONDS = 3.0
EXCERPT_BYTES = 4 * 1024
"""How much of it the log keeps."""
MOST_HEADERS = 50
LONGEST_HEADER = 500
"""Of the answer's headers, what the log keeps."""
PROXY_LOGIN = 407
STALE_SECONDS = 1.0
MOST_STALE = 5

SHORTEST_SECRET = 6
"""Characters. What is shorter is a word like any other."""


class Poster:
    """Posts over one guarded session, which is opened at the first use: an idle process needs no client."""

    def __init__(
        self, *, policy: EgressPolicy, timeout: float, open_session: Callable[..., aiohttp.ClientSession] = guarded_session
    ) -> None:
        self._policy = policy
        self._timeout = timeout
        self._new_session = open_session
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        """What came back. Says nothing about the request; a refused URL is final, as waiting does not change it."""
        link = _Link()
        try:
            check_url(url, self._policy)
            return await self._post(url, headers, body, link)
        except Exception as error:
            trouble = trouble_of(error, proxied=self._policy.proxy is not None)
            return Answer(
                trouble=Trouble(reason=trouble, charged=not trouble.ours),
                contact=_contact(trouble, link),
                stop=trouble is EgressTrouble.REFUSED,
            )

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes, link: _Link) -> Answer:
        """A kept-alive connection that the receiver has closed meanwhile says nothing about the receiver: try another."""
        import aiohttp

        for _ in range(MOST_STALE):
            began, link.made, link.reused = time.monotonic(), False, False
            try:
                return await self._post_once(url, headers, body, link)
            except aiohttp.ClientConnectionError:
                if not link.reused or time.monotonic() - began > STALE_SECONDS:
                    raise
        link.made, link.reused = False, False
        return await self._post_once(url, headers, body, link)

    async def _post_once(self, url: str, headers: Mapping[str, str], body: bytes, link: _Link) -> Answer:
        sent = {"User-Agent": "Audio2txt-Webhooks/1", "Accept-Encoding": "identity", **headers}
        request = self._open_session().post(url, data=body, headers=sent, allow_redirects=False, trace_request_ctx=link)
        async with request as response:
            if response.status == PROXY_LOGIN and self._policy.proxy is not None:
                return Answer(trouble=Trouble(reason=EgressTrouble.PROXY, charged=False))
            delivered = 200 <= response.status < 300
            return Answer(
                status=response.status,
                delivered=delivered,
                contact=Contact.REACHED,
                trouble=None if delivered else Trouble(reason=f"http_{response.status}"),
                response_headers=_kept(response.headers),
                excerpt=await _read(response),
                retry_after=seconds_to_wait(response.headers.get("Retry-After", "")),
            )

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = self._new_session(self._policy, total=self._timeout, traces=(_link_trace(),))
        return self._session


class _Link:
    """Learns from aiohttp's tracing whether a request had a connection, and one that had been used before."""

    made = False
    reused = False


def _contact(trouble: EgressTrouble, link: _Link) -> Contact:
    if link.made or link.reused:
        return Contact.REACHED
    match trouble:
        case EgressTrouble.NAME | EgressTrouble.CONNECT | EgressTrouble.TIMEOUT:
            return Contact.UNREACHED
        case EgressTrouble.TLS | EgressTrouble.DROPPED | EgressTrouble.INVALID:
            return Contact.REACHED  # somebody speaks there
        case EgressTrouble.REFUSED | EgressTrouble.PROXY | EgressTrouble.RESOLVER:
            return Contact.UNKNOWN


def _link_trace() -> aiohttp.TraceConfig:
    import aiohttp

    async def mark_made(
        _session: aiohttp.ClientSession, context: SimpleNamespace, _params: aiohttp.TraceConnectionCreateEndParams
    ) -> None:
        context.trace_request_ctx.made = True

    async def mark_reused(
        _session: aiohttp.ClientSession, context: SimpleNamespace, _params: aiohttp.TraceConnectionReuseconnParams
    ) -> None:
        context.trace_request_ctx.reused = True

    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(mark_made)
    trace.on_connection_reuseconn.append(mark_reused)
    return trace


def masked(answer: Answer, secrets: Iterable[str]) -> Answer:
    """The answer without secrets that were sent and that the receiver said back."""
    headers, excerpt = dict(answer.response_headers), answer.excerpt
    for secret in secrets:
        if len(secret) >= SHORTEST_SECRET:
            headers = {name: value.replace(secret, MASK) for name, value in headers.items()}
            excerpt = excerpt.replace(secret.encode(), MASK.encode())
    return msgspec.structs.replace(answer, response_headers=headers, excerpt=excerpt)


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    """The answer's headers in lower case, as the log keeps them: not all of a flood, and never cookies."""
    kept = {name.lower(): value[:LONGEST_HEADER] for name, value in list(headers.items())[:MOST_HEADERS]}
    return {name: MASK if name == "set-cookie" else value for name, value in kept.items()}


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The beginning of the body, or what came of it: however it ends, the status has been said."""
    if response.content.at_eof():
        return b""
    received = bytearray()
    try:
        async with asyncio.timeout(READ_SECONDS):
            while len(received) < READ_BYTES and (chunk := await response.content.read(READ_BYTES)):
                received += chunk
    except Exception as error:
        trouble_of(error)
    if not response.content.at_eof():
        response.close()
    return bytes(received[:EXCERPT_BYTES])
