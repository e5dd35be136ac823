"""Webhooks after Standard Webhooks: one signed POST, no redirects, and as little patience as fairness needs."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from types import SimpleNamespace, TracebackType
from typing import TYPE_CHECKING, Self

from services.notifier.channels import Answer, Message
from shared.egress import EgressPolicy, EgressTrouble, check_url, guarded_session, trouble_of
from shared.signing import sign

if TYPE_CHECKING:
    import aiohttp

READ_BYTES = 16 * 1024
"""Where an answer's body is cut off. The status counts; nobody waits for the rest."""
READ_SECONDS = 3.0
EXCERPT_BYTES = 4 * 1024
"""How much of it the log keeps."""
STALE_SECONDS = 1.0
MOST_STALE = 5
STOPS = frozenset({"abort-message", "disable"})
"""Values of the answer's `webhook-delivery` header that end the attempts."""
GONE = 410


class WebhookChannel:
    """Sends webhooks over one guarded session, which is opened at the first of them: an idle process needs no client."""

    def __init__(self, *, policy: EgressPolicy, timeout: float) -> None:
        self._policy = policy
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(self, message: Message) -> Answer:
        """One attempt, signed with the time it is made at."""
        try:
            check_url(message.url, self._policy)
            return await self._post(message)
        except Exception as error:
            trouble = trouble_of(error)
            # A refused address is the operator's decision, which waiting does not change.
            return Answer(trouble=trouble, stop=trouble is EgressTrouble.REFUSED)

    async def _post(self, message: Message) -> Answer:
        """A kept-alive connection that the receiver has closed meanwhile says nothing about the receiver: try another."""
        import aiohttp

        for _ in range(MOST_STALE):
            began, link = time.monotonic(), _Link()
            try:
                return await self._post_once(message, link)
            except aiohttp.ClientConnectionError:
                if not link.reused or time.monotonic() - began > STALE_SECONDS:
                    raise
        return await self._post_once(message, _Link())

    async def _post_once(self, message: Message, link: _Link) -> Answer:
        post = self._open_session().post(
            message.url, data=message.body, headers=_headers(message), allow_redirects=False, trace_request_ctx=link
        )
        async with post as response:
            return Answer(
                status=response.status,
                excerpt=await _read(response),
                retry_after=seconds_to_wait(response.headers),
                stop=response.status == GONE or response.headers.get("webhook-delivery") in STOPS,
            )

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = guarded_session(self._policy, total=self._timeout, traces=(_reuse_trace(),))
        return self._session


class _Link:
    """Learns from aiohttp's tracing whether a request went over a connection that had been used before."""

    reused = False


def _reuse_trace() -> aiohttp.TraceConfig:
    import aiohttp

    async def mark(
        _session: aiohttp.ClientSession, context: SimpleNamespace, _params: aiohttp.TraceConnectionReuseconnParams
    ) -> None:
        context.trace_request_ctx.reused = True

    trace = aiohttp.TraceConfig()
    trace.on_connection_reuseconn.append(mark)
    return trace


def _headers(message: Message) -> dict[str, str]:
    timestamp = int(time.time())
    return {
        "Content-Type": "application/json",
        "User-Agent": "Audio2txt-Webhooks/1",
        "Accept-Encoding": "identity",
        "webhook-id": message.id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(message.secret, message_id=message.id, timestamp=timestamp, body=message.body),
    }


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The beginning of the body, or what came of it: however it ends, the status has been said."""
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


def seconds_to_wait(headers: Mapping[str, str]) -> float | None:
    """What `Retry-After` asks for, given as seconds or as a date; None when it is absent or makes no sense."""
    text = headers.get("Retry-After", "")
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    now = dt.datetime.now(dt.UTC)
    return max(0.0, (date - now).total_seconds()) if date.tzinfo else None
