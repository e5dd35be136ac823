"""Which events advance a job, and which say something of an address."""

from __future__ import annotations

from services.gateway.endpoints.addresses import Addresses
from services.gateway.lifecycle import Lifecycle
from shared.bus import Subscription, subscription
from shared.schemas.events import (
    AddressRefused,
    DeliveryFinished,
    ReportProgressed,
    ReportReady,
    TranscriptionProgressed,
    TranscriptReady,
)

SERVICE = "gateway"


def subscriptions(*, lifecycle: Lifecycle, addresses: Addresses) -> list[Subscription]:
    """What the gateway reads from the bus. Repeats and old news change nothing: every move is guarded."""
    return [
        subscription(SERVICE, TranscriptionProgressed, lifecycle.progressed),
        subscription(SERVICE, TranscriptReady, lifecycle.transcribed),
        subscription(SERVICE, ReportProgressed, lifecycle.report_progressed),
        subscription(SERVICE, ReportReady, lifecycle.reported),
        subscription(SERVICE, DeliveryFinished, lifecycle.delivered),
        subscription(SERVICE, AddressRefused, addresses.refused),
    ]
