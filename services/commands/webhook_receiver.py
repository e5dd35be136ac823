"""A customer's system in small: receives webhooks and verifies their signatures, for the demonstration."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from shared.signing import verify

TOLERANCE_SECONDS = 300
"""How far a webhook's timestamp may be from now, as the official libraries have it."""


@dataclass(frozen=True, kw_only=True)
class Received:
    """One webhook as it came in."""

    webhook_id: str
    timestamp: int
    signatures: str
    body: bytes

    def is_signed_with(self, secret: str) -> bool:
        """Whether the tenant's secret made the signature, just now."""
        fresh = abs(time.time() - self.timestamp) <= TOLERANCE_SECONDS
        return fresh and verify(
            secret, message_id=self.webhook_id, timestamp=self.timestamp, body=self.body, signatures=self.signatures
        )


class WebhookReceiver:
    """Listens on loopback; `received` yields the next webhook."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._queue: asyncio.Queue[Received] = asyncio.Queue()

    async def received(self) -> Received:
        """Wait for the next webhook."""
        return await self._queue.get()

    async def take(self, request: web.Request) -> web.Response:
        """Answer 204 at once, as a receiver should, and look at it later."""
        self._queue.put_nowait(
            Received(
                webhook_id=request.headers["webhook-id"],
                timestamp=int(request.headers["webhook-timestamp"]),
                signatures=request.headers["webhook-signature"],
                body=await request.read(),
            )
        )
        return web.Response(status=204)


@asynccontextmanager
async def listening() -> AsyncIterator[WebhookReceiver]:
    """A receiver on a free port of 127.0.0.1."""
    receiver: WebhookReceiver | None = None

    async def take(request: web.Request) -> web.Response:
        assert receiver is not None
        return await receiver.take(request)

    app = web.Application()
    app.router.add_post("/webhooks", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        receiver = WebhookReceiver(f"http://{host}:{port}/webhooks")
        yield receiver
    finally:
        await runner.cleanup()
