"""What keeps, forgets and hands out what tenants own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.gateway.assembly import Ground
from services.gateway.assembly.jobs import Jobs
from services.gateway.assembly.streams import Streams
from services.gateway.privacy.erasures import Erasures
from services.gateway.privacy.exports import Exports
from services.gateway.privacy.retention import Retention
from services.gateway.privacy.rules import of_installation
from services.gateway.store.erasures import ErasureStore
from services.gateway.store.exports import ExportStore
from services.gateway.store.retention import RetentionStore, RoundStore
from services.gateway.store.uploads import UploadStore
from services.gateway.sweeper import repeating
from shared.loops import Loop
from shared.schemas.ids import new_id


@dataclass(frozen=True, kw_only=True)
class Privacy:
    """Retention, erasures and exports."""

    retention: Retention
    erasures: Erasures
    exports: Exports
    every: float
    """Seconds from one look to the next."""

    @classmethod
    def on(cls, ground: Ground, streams: Streams, jobs: Jobs) -> Privacy:
        """Put together."""
        platform, pool, settings = ground.platform, ground.pool, ground.settings
        return cls(
            retention=Retention(
                store=RetentionStore(pool),
                rounds=RoundStore(platform.database, new_id()),
                transitions=jobs.lifecycle.transitions,
                blobs=platform.blobs,
                outbox=ground.outbox,
                wakeups=streams.wakeups,
                installation=of_installation(settings),
                every=settings.retention_seconds,
            ),
            erasures=Erasures(
                pool=pool,
                store=ErasureStore(pool),
                uploads=UploadStore(pool),
                lifecycle=jobs.lifecycle,
                transitions=jobs.lifecycle.transitions,
                blobs=platform.blobs,
                outbox=ground.outbox,
                bus=platform.bus,
                wakeups=streams.wakeups,
                master=platform.secret_key,
                settle=settings.erasure_settle_seconds,
            ),
            exports=Exports(store=ExportStore(pool), blobs=platform.blobs, days=settings.export_days),
            every=settings.sweep_seconds,
        )

    @property
    def loops(self) -> Sequence[Loop]:
        """What goes on while nobody asks."""
        return [
            repeating("gateway.exports", self.exports.carry_out, every=self.every),
            repeating("gateway.retention", self.retention.carry_out, every=self.every),
            repeating("gateway.erasures", self.erasures.carry_out, every=self.every),
        ]
