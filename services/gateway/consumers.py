"""Which events advance a job, and which say something of an address."""

from __future__ import annotations

from services.gateway.endpoints.addresses import Addresses
from services.gateway.news import News
from services.gateway.tenancy import for_its_tenant
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


def subscriptions(*, news: News, addresses: Addresses) -> list[Subscription]:
    """What the gateway reads from the bus. Repeats and old news change nothing: every move is guarded."""
    return [
        subscription(SERVICE, TranscriptionProgressed, for_its_tenant(news.progressed)),
        subscription(SERVICE, TranscriptReady, for_its_tenant(news.transcribed)),
        subscription(SERVICE, ReportProgressed, for_its_tenant(news.report_progressed)),
        subscription(SERVICE, ReportReady, for_its_tenant(news.reported)),
        subscription(SERVICE, DeliveryFinished, for_its_tenant(news.delivered)),
        subscription(SERVICE, AddressRefused, for_its_tenant(addresses.refused)),
    ]
