"""What the transcriber reads from the bus."""

from __future__ import annotations

from services.transcriber.driver import Driver
from services.transcriber.transcriptions import Transcriptions
from shared.bus import Subscription, subscription
from shared.schemas.events import JobCancelled, JobErased, JobSubmitted, TenantErased

SERVICE = "transcriber"


def subscriptions(*, transcriptions: Transcriptions, driver: Driver) -> list[Subscription]:
    """Write it down, and wake whoever does it."""

    async def on_submitted(event: JobSubmitted) -> None:
        await transcriptions.submitted(event)
        driver.wake()

    async def on_cancelled(event: JobCancelled) -> None:
        await transcriptions.cancelled(event)
        driver.look_round()

    async def on_erased(event: JobErased) -> None:
        await transcriptions.erased(event)
        driver.look_round()

    return [
        subscription(SERVICE, TenantErased, transcriptions.tenant_erased),
        subscription(SERVICE, JobSubmitted, on_submitted),
        subscription(SERVICE, JobCancelled, on_cancelled),
        subscription(SERVICE, JobErased, on_erased),
    ]
