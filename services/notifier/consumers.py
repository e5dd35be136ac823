"""What the notifier reads from the bus."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from services.notifier.dispatcher import Dispatcher
from services.notifier.intake import Intake
from shared.bus import Subscription, subscription
from shared.schemas.events import (
    BatchCompleted,
    BatchErased,
    ContentErased,
    DeliveryRequested,
    EndpointChanged,
    Event,
    JobCancelled,
    JobCompleted,
    JobErased,
    JobFailed,
    ReportProgressed,
    TenantErased,
    TranscriptionProgressed,
    UsageThresholdReached,
    UserMailRequested,
)

SERVICE = "notifier"

AT_ONCE = 64
"""Ends of jobs that are taken in at once: together, in one transaction."""

E = TypeVar("E", bound=Event)


def subscriptions(*, intake: Intake, dispatcher: Dispatcher) -> list[Subscription]:
    """What happens to jobs is told to whoever listens; what customers set up and wish for is done."""

    def and_tell(handle: Callable[[E], Awaitable[None]]) -> Callable[[E], Awaitable[None]]:
        async def handle_and_tell(event: E) -> None:
            await handle(event)
            dispatcher.made()

        return handle_and_tell

    return [
        subscription(SERVICE, JobCompleted, and_tell(intake.ended), concurrency=AT_ONCE),
        subscription(SERVICE, JobFailed, and_tell(intake.ended), concurrency=AT_ONCE),
        subscription(SERVICE, JobCancelled, and_tell(intake.ended), concurrency=AT_ONCE),
        subscription(SERVICE, TranscriptionProgressed, and_tell(intake.progressed)),
        subscription(SERVICE, ReportProgressed, and_tell(intake.progressed)),
        subscription(SERVICE, JobErased, intake.erased),
        subscription(SERVICE, ContentErased, intake.content_erased),
        subscription(SERVICE, TenantErased, intake.tenant_erased),
        subscription(SERVICE, EndpointChanged, and_tell(intake.endpoint_changed)),
        subscription(SERVICE, DeliveryRequested, and_tell(intake.wished)),
        subscription(SERVICE, BatchCompleted, and_tell(intake.batch_completed)),
        subscription(SERVICE, BatchErased, intake.batch_erased),
        subscription(SERVICE, UsageThresholdReached, and_tell(intake.threshold_reached)),
        subscription(SERVICE, UserMailRequested, and_tell(intake.letter_wanted)),
    ]
