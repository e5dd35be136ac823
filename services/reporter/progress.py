"""Tells how far a report is. Nobody waits for it, and nothing depends on it."""

from __future__ import annotations

import time

import structlog

from shared.bus import Bus, Envelope
from shared.errors import RetryableError
from shared.schemas.events import ReportProgressed, TranscriptReady, TranscriptRevised

WRITING = 0.8
"""What of the whole is done when everything is written; the rest is rendering."""

OF_A_ROUND = 0.6
"""How much of what is left of the writing a round of questions is taken for: nobody knows how many there will be."""

TELL_SECONDS = 1.0

log = structlog.get_logger(__name__)


class Progress:
    """That of one report. What takes less than a second is not worth telling."""

    def __init__(self, bus: Bus, event: TranscriptReady | TranscriptRevised) -> None:
        self._bus = bus
        self._event = event
        self._told_at = time.monotonic()
        self._written = 0.0
        self._round: tuple[float, float] = (0.0, 0.0)
        self._open = self._asked = 0

    def begin_round(self, questions: int) -> None:
        """So many questions are asked now."""
        self._written += self._round[1]
        self._round = (self._written, (1.0 - self._written) * OF_A_ROUND)
        self._asked, self._open = questions, questions

    async def answered(self) -> None:
        """One of them is answered."""
        self._open -= 1
        begun, share = self._round
        await self._tell(WRITING * (begun + share * (1 - self._open / self._asked)))

    async def rendered(self, done: int, files: int) -> None:
        """So many of the files are rendered."""
        await self._tell(WRITING + (1 - WRITING) * done / files)

    async def _tell(self, progress: float) -> None:
        if time.monotonic() - self._told_at < TELL_SECONDS:
            return
        self._told_at = time.monotonic()
        event = self._event
        news = ReportProgressed(
            tenant_id=event.tenant_id,
            job_id=event.job_id,
            run=event.run,
            traceparent=event.traceparent,
            progress=round(progress, 4),
            attempt=event.options.attempt,
        )
        try:
            await self._bus.publish(Envelope.of(news))
        except RetryableError as error:
            log.debug("progress.untold", error=str(error))
