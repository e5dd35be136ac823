"""Assembles the transcriber."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from uuid import uuid4

from services.transcriber.clearing import Cleaner
from services.transcriber.consumers import SERVICE, subscriptions
from services.transcriber.driver import Driver
from services.transcriber.engines.registry import open_engines
from services.transcriber.engines.surroundings import Surroundings, unpaced
from services.transcriber.leases import Leases
from services.transcriber.leftovers import LeftoverStore
from services.transcriber.offers import OfferStore
from services.transcriber.publishing import Publisher
from services.transcriber.scratch import Scratch
from services.transcriber.settings import TranscriberSettings
from services.transcriber.sources import Sources
from services.transcriber.store import TranscriptionStore
from services.transcriber.transcriber import Transcriber
from services.transcriber.transcriptions import Transcriptions
from shared import migrations
from shared.egress import EgressPolicy, EgressSettings
from shared.outbox import Outbox
from shared.runtime import Loop, Platform, Service, outbox_loops
from shared.settings import load


@asynccontextmanager
async def assemble(platform: Platform) -> AsyncIterator[Service]:
    """The transcriber: reads submitted jobs, has engines hear them, stores the transcripts and tells."""
    settings = load(TranscriberSettings, platform.environment)
    policy = EgressPolicy.of(load(EgressSettings, platform.environment))
    pool, owner = platform.database, uuid4()
    await migrations.require_current(pool, SERVICE)
    outbox = Outbox(pool=pool, schema=SERVICE)
    store, leases, leftovers = TranscriptionStore(pool=pool, owner=owner), Leases(pool=pool, owner=owner), LeftoverStore(pool)
    if platform.settings.bus_url.startswith("memory://"):
        await outbox.release_claims()
        await leases.release_everybodys()
    with closing(Scratch.open(platform.settings.data_path / "scratch", str(owner))) as scratch:
        engines = open_engines(
            Surroundings(
                environment=platform.environment,
                settings=settings,
                blobs=platform.blobs,
                scratch=scratch,
                reserve=unpaced,
                hooks=None,
            )
        )
        transcriber = Transcriber(
            pool=pool,
            store=store,
            leftovers=leftovers,
            outbox=outbox,
            blobs=platform.blobs,
            engines=engines,
            sources=Sources(blobs=platform.blobs, policy=policy, settings=settings),
        )
        driver = Driver(
            leases=leases,
            transcriber=transcriber,
            engines=engines,
            cleaner=Cleaner(store=leftovers, blobs=platform.blobs, engines=engines),
            stopping=platform.stopping,
        )
        publisher = Publisher(store=OfferStore(pool=pool, owner=owner), offers=engines.offers)
        transcriptions = Transcriptions(pool=pool, store=store, leftovers=leftovers, outbox=outbox, engines=engines)
        try:
            yield Service(
                name=SERVICE,
                subscriptions=subscriptions(transcriptions=transcriptions, driver=driver),
                loops=[
                    Loop(name="transcriber.driver", run=driver.run),
                    Loop(name="transcriber.publishing", run=publisher.run),
                    *outbox_loops(outbox, platform.bus, service=SERVICE),
                ],
                checks={"driver": driver.check},
            )
        finally:
            await engines.close()
