"""Tells clients that a transcript is final: ten attempts, and none after a 4xx."""

from __future__ import annotations

import asyncio
from typing import TypeAlias

import aiohttp
import structlog

from services.sandbox.assemblyai.faults import Fault, Faults, Route
from services.sandbox.assemblyai.state import Transcript

ATTEMPTS = 10
ANSWER_SECONDS = aiohttp.ClientTimeout(total=10)

Payload: TypeAlias = dict[str, str]

log = structlog.get_logger(__name__)


class Webhooks:
    """Sends them."""

    def __init__(self, *, session: aiohttp.ClientSession, faults: Faults, interval: float) -> None:
        self._session = session
        self._faults = faults
        self._interval = interval

    async def send(self, transcript: Transcript, payload: Payload) -> None:
        """Return when it was delivered or given up; the transcript says what came of it."""
        if self._faults.strike(Fault.WEBHOOK_LOST, Route.WEBHOOK) is not None:
            return
        if (late := self._faults.strike(Fault.WEBHOOK_LATE, Route.WEBHOOK)) is not None:
            await asyncio.sleep(float(late))
        times = 1 if self._faults.strike(Fault.WEBHOOK_DOUBLED, Route.WEBHOOK) is None else 2
        for _ in range(times):
            await self._deliver(transcript, payload)

    async def _deliver(self, transcript: Transcript, payload: Payload) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            if attempt > 1:
                await asyncio.sleep(self._interval)
            status = await self._attempt(transcript, payload)
            transcript.webhook_attempts += 1
            transcript.webhook_status_code = status
            if status is not None and status < 500 and not 300 <= status < 400:
                return

    async def _attempt(self, transcript: Transcript, payload: Payload) -> int | None:
        order = transcript.order
        assert order.webhook_url is not None
        headers = {}
        if order.webhook_auth_header_name and order.webhook_auth_header_value:
            headers[order.webhook_auth_header_name] = order.webhook_auth_header_value
        try:
            async with self._session.post(
                order.webhook_url, json=payload, headers=headers, timeout=ANSWER_SECONDS, allow_redirects=False
            ) as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            log.info("webhook.failed", transcript=transcript.id, reason=type(error).__name__)
            return None
