"""Where providers call back: a plain ASGI application below `/hooks/`, and what becomes of the news.

News only hasten what polls would find out anyway, save where a provider sends its answer just once. A provider gives up for
good at an answer from 400 to 499, so what is true but of no use any more is answered with 200, and an outage with 503.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl

import structlog

from services.transcriber.engines import News, RentedEngine, checkpoint_prefix
from services.transcriber.engines.registry import Engines
from services.transcriber.leftovers import Leftover, LeftoverStore
from services.transcriber.store import Transcription
from services.transcriber.store.submissions import SubmissionStore
from shared.blobs import BlobStore
from shared.database import is_outage
from shared.errors import RetryableError
from shared.health import HOOKS, Receive, Scope, Send
from shared.metrics import ENGINE_CALLBACKS

CALLBACK = "callback.json"
"""Under this name an answer that came by callback lies with the checkpoints, where its engine's `poll` finds it."""
READ_SECONDS = 30.0
LARGE_AT_ONCE = 2
"""Callbacks that bring answers are kept in memory; more of them wait."""

log = structlog.get_logger(__name__)


class Callbacks:
    """Decides what becomes of news."""

    def __init__(
        self, *, submissions: SubmissionStore, leftovers: LeftoverStore, blobs: BlobStore, wake: Callable[[], None]
    ) -> None:
        self._submissions = submissions
        self._leftovers = leftovers
        self._blobs = blobs
        self._wake = wake

    async def heed(self, engine: RentedEngine, news: News) -> bool:
        """Have the task asked for at once, and written down when nobody knew that it was taken. False when nobody knows it."""
        row = await self._submissions.called(engine.name, news.token, news.provider_id)
        if row is not None and news.raw is not None:
            await self._keep(row, news.token, news.raw)
        if news.provider_id is not None:
            await self._recognise(engine, row, news.token, news.provider_id)
        self._wake()
        return row is not None

    async def _keep(self, row: Transcription, token: str, raw: bytes) -> None:
        key = checkpoint_prefix(row.tenant_id, row.job_id, row.run) + CALLBACK
        await self._blobs.put(key, raw)
        if not await self._submissions.brought(row.engine, token):
            await self._blobs.delete(key)

    async def _recognise(self, engine: RentedEngine, row: Transcription | None, token: str, provider_id: str) -> None:
        """A submission has one task. A second one is dismissed."""
        known: Transcription | Leftover | None = row
        if row is None or row.provider_id is None:  # it was cancelled or erased before anybody knew
            known = await self._leftovers.named(engine.name, token, provider_id)
        if known is None or known.provider_id in (None, provider_id):
            return
        extra = Leftover(
            engine=engine.name, tenant_id=known.tenant_id, account_id=known.account_id, provider_id=provider_id, token=token
        )
        await self._leftovers.taken_twice(extra)


class HooksApp:
    """`POST /hooks/<engine>`."""

    def __init__(self, *, engines: Engines, callbacks: Callbacks) -> None:
        self._engines = engines
        self._callbacks = callbacks
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one callback."""
        engine = self._engines.get(scope["path"].removeprefix(HOOKS))
        if not isinstance(engine, RentedEngine):
            await _answer(send, 404)
        elif scope["method"] != "POST":
            await _answer(send, 405)
        else:
            status, outcome = await self._heed(engine, scope, receive)
            ENGINE_CALLBACKS.labels(engine.name, outcome).inc()
            await _answer(send, status)

    async def _heed(self, engine: RentedEngine, scope: Scope, receive: Receive) -> tuple[int, str]:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        if not engine.may_call(headers, query):  # no stranger takes room, or has its body read
            return 401, "refused"
        if engine.largest_callback <= RentedEngine.largest_callback:
            return await self._heed_now(engine, headers, query, receive)
        async with self._large:
            return await self._heed_now(engine, headers, query, receive)

    async def _heed_now(
        self, engine: RentedEngine, headers: Mapping[str, str], query: Mapping[str, str], receive: Receive
    ) -> tuple[int, str]:
        try:
            async with asyncio.timeout(READ_SECONDS):
                body = await _read(receive, engine.largest_callback)
        except TimeoutError:
            return 408, "broken"
        if body is None:
            return 413, "too_large"
        news = engine.heed(headers, query, body)
        if news is None:
            return 401, "refused"
        try:
            return 200, "heeded" if await self._callbacks.heed(engine, news) else "unknown"
        except Exception as error:
            if not (isinstance(error, RetryableError) or is_outage(error)):
                raise
            log.warning("callback.outage", engine=engine.name, error=repr(error))
            return 503, "outage"


async def _read(receive: Receive, most: int) -> bytes | None:
    """The body; null when it is too large."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise TimeoutError
        body += message.get("body", b"")
        if len(body) > most:
            return None
        if not message.get("more_body", False):
            return bytes(body)


async def _answer(send: Send, status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})
