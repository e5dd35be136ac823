"""Which events the reporter reads."""

from __future__ import annotations

from services.reporter.reporting import Reporter
from shared.bus import Subscription, subscription
from shared.schemas.events import TranscriptReady

CONCURRENCY = 2
"""One report is rendered while another is fetched or stored."""


def subscriptions(reporter: Reporter) -> list[Subscription]:
    """The reporter's subscriptions."""
    return [subscription("reporter", TranscriptReady, reporter.report, concurrency=CONCURRENCY)]
