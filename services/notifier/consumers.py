"""What the notifier reads from the bus."""

from __future__ import annotations

from services.notifier.deliveries import Deliveries
from services.notifier.dispatcher import Dispatcher
from services.notifier.notifications import NotifiedEvent
from services.notifier.store import DeliveryStore
from shared.bus import Subscription, subscription
from shared.schemas.events import JobCompleted, JobErased, JobFailed

SERVICE = "notifier"


def subscriptions(*, deliveries: Deliveries, dispatcher: Dispatcher, store: DeliveryStore) -> list[Subscription]:
    """Ended jobs are told to whoever asked; erased ones are forgotten."""

    async def on_ended(event: NotifiedEvent) -> None:
        await deliveries.add(event)
        dispatcher.wake()

    async def on_erased(event: JobErased) -> None:
        await store.erase_job(event.job_id)

    return [
        subscription(SERVICE, JobCompleted, on_ended),
        subscription(SERVICE, JobFailed, on_ended),
        subscription(SERVICE, JobErased, on_erased),
    ]
