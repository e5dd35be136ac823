"""Which service reads which event, taken from the services as they are assembled."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

from shared import migrations
from shared.database import Pool
from shared.runtime import SERVICES, assembler, open_platform
from shared.schemas.events import EVENT_TYPES, routing_key
from shared.settings import PlatformSettings

QUEUES = {
    "transcriber.job.submitted",
    "transcriber.job.cancelled",
    "transcriber.job.erased",
    "reporter.transcript.ready",
    "reporter.transcript.revised",
    "gateway.transcription.progressed",
    "gateway.transcript.ready",
    "gateway.report.progressed",
    "gateway.report.ready",
    "gateway.delivery.finished",
    "gateway.address.refused",
    "notifier.job.completed",
    "notifier.job.failed",
    "notifier.job.cancelled",
    "notifier.job.erased",
    "notifier.content.erased",
    "notifier.tenant.erased",
    "transcriber.tenant.erased",
    "notifier.transcription.progressed",
    "notifier.report.progressed",
    "notifier.endpoint.changed",
    "notifier.delivery.requested",
    "notifier.user.mail_requested",
    "notifier.usage.threshold",
    "notifier.batch.completed",
    "notifier.batch.erased",
}
"""Operators know these names: a queue that is no longer read keeps its events for ever."""


async def test_every_event_has_its_readers(pool: Pool, database_url: str, tmp_path: Path) -> None:
    """No event is published to nobody, and the queues are the documented ones."""
    settings = PlatformSettings(data_dir=str(tmp_path), secret_key="a secret of the tests, long enough for everyone")
    for service in SERVICES:
        await migrations.apply(pool, service)
    async with (
        open_platform(settings, {}, needs_database=True, database_url=database_url) as platform,
        AsyncExitStack() as stack,
    ):
        services = [await stack.enter_async_context(assembler(name)(platform)) for name in SERVICES]
        subscriptions = [item for service in services for item in service.subscriptions]
    assert {item.queue for item in subscriptions} == QUEUES
    assert {routing_key(item.event) for item in subscriptions} == {routing_key(event) for event in EVENT_TYPES}
