"""What tells those who follow jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from services.gateway.assembly import Ground
from services.gateway.feed import Feeds
from services.gateway.live import Hub
from services.gateway.store.feed import FeedStore
from services.gateway.store.jobs import JobStore
from services.gateway.tenancy import by_system
from services.gateway.views.building import Views
from services.gateway.wakeups import Wakeups
from shared.loops import Loop


@dataclass(frozen=True, kw_only=True)
class Streams:
    """Streams of one job and of all, and what wakes those of every replica."""

    views: Views
    hub: Hub
    feeds: Feeds
    wakeups: Wakeups

    @classmethod
    def on(cls, ground: Ground) -> Streams:
        """Put together."""
        platform, pool = ground.platform, ground.pool
        views = Views(platform.settings.public_url)
        hub = Hub(jobs=JobStore(pool), stopping=platform.stopping, per_tenant=ground.settings.streams_per_tenant)
        feeds = Feeds(store=FeedStore(pool), show=lambda job: msgspec.json.encode(views.job(job)), stopping=platform.stopping)
        return cls(views=views, hub=hub, feeds=feeds, wakeups=Wakeups(platform.bus, hub, feeds))

    @property
    def loops(self) -> Sequence[Loop]:
        """What goes on while nobody asks."""
        return [
            Loop(name="gateway.live", run=by_system(self.hub.run)),
            Loop(name="gateway.feeds", run=by_system(self.feeds.run)),
            Loop(name="gateway.wakeups", run=self.wakeups.run),
        ]
