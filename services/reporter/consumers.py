"""Which events the reporter reads."""

from __future__ import annotations

from services.reporter.places import PLACES
from services.reporter.reporting import Reporter
from shared.bus import Subscription, subscription
from shared.schemas.events import TranscriptReady, TranscriptRevised


def subscriptions(reporter: Reporter) -> list[Subscription]:
    """The reporter's subscriptions."""
    return [
        subscription("reporter", TranscriptReady, reporter.report, concurrency=PLACES),
        subscription("reporter", TranscriptRevised, reporter.revise, concurrency=PLACES),
    ]
