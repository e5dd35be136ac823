"""Assembles the notifier."""

from __future__ import annotations

import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.notifier.bodies import Bodies
from services.notifier.callbacks import SEALING_PURPOSE
from services.notifier.channels.opening import open_channels
from services.notifier.consumers import SERVICE, subscriptions
from services.notifier.deliveries import Deliveries
from services.notifier.dispatcher import START_SECONDS, Dispatcher
from services.notifier.intake import Intake, news_intake
from services.notifier.lanes import Capacity
from services.notifier.measuring import measure
from services.notifier.partitions import Partitions
from services.notifier.retention import forget_old
from services.notifier.settings import NotifierSettings
from services.notifier.signals import Signals
from services.notifier.store.allowances import AllowanceStore
from services.notifier.store.bodies import BodyStore
from services.notifier.store.claims import ClaimStore
from services.notifier.store.holds import HoldStore
from services.notifier.store.notices import NoticeStore
from services.notifier.store.partitions import PartitionStore
from services.notifier.store.results import ResultStore
from services.notifier.store.signals import SignalStore
from services.notifier.store.upkeep import UpkeepStore
from services.notifier.warnings import Warnings
from services.notifier.writer import writer
from shared import migrations
from shared.egress import EgressPolicy, EgressSettings
from shared.loops import Loop
from shared.outbox import Outbox
from shared.runtime import Platform, Service, outbox_loops
from shared.sealing import Sealer
from shared.settings import load

CHANNEL_MARGIN_SECONDS = 3.0
"""How much longer than one request an attempt may take: a second connection, the end of the answer's body."""
MAIL_SECONDS = 60.0
LEASE_MARGIN_SECONDS = START_SECONDS + 10.0
"""How much longer than it may take an attempt keeps its lease, to start and to write down what came of it."""
SOCKETS_A_SLOT = 4
FILES_BESIDE_SOCKETS = 256


@asynccontextmanager
async def assemble(platform: Platform) -> AsyncIterator[Service]:
    """The notifier: reads what happens to jobs, tells whoever listens, and how that ended."""
    settings = load(NotifierSettings, platform.environment)
    policy = EgressPolicy.of(load(EgressSettings, platform.environment))
    await migrations.require_current(platform.database, SERVICE)
    pool = platform.database
    outbox, claims, upkeep = Outbox(pool=pool, schema=SERVICE), ClaimStore(pool), UpkeepStore(pool)
    alone = platform.settings.bus_url.startswith("memory://")
    if alone:
        await outbox.release_claims()
        await claims.end_leases()
    signals = Signals(SignalStore(pool, platform.database_url))
    sealer = Sealer(platform.secret_key, purpose=SEALING_PURPOSE)
    timeout = settings.webhook_timeout_seconds + CHANNEL_MARGIN_SECONDS
    async with (
        open_channels(
            platform, policy=policy, timeout=settings.webhook_timeout_seconds, allowances=AllowanceStore(pool)
        ) as channel,
        writer(ResultStore(pool)) as results,
        news_intake(pool, platform.blobs) as news,
    ):
        intake = Intake(pool=pool, news=news, sealer=sealer, public_url=platform.settings.public_url)
        await intake.adopt_callbacks()
        deliveries = Deliveries(
            channel=channel,
            bodies=Bodies(store=BodyStore(pool), blobs=platform.blobs),
            sealer=sealer,
            master=platform.secret_key,
            schedule=settings.schedule(),
            timeout=timeout,
            mail_timeout=MAIL_SECONDS,
        )
        dispatcher = Dispatcher(
            store=claims,
            holds=HoldStore(pool),
            partitions=Partitions(PartitionStore(pool)),
            deliveries=deliveries,
            writer=results,
            warnings=Warnings(NoticeStore(pool)),
            outbox=outbox,
            signals=signals,
            capacity=_capacity(settings.delivery_slots),
            lease_seconds=timeout + LEASE_MARGIN_SECONDS,
            mail_lease_seconds=MAIL_SECONDS + LEASE_MARGIN_SECONDS,
            stopping=platform.stopping,
            grace=platform.settings.drain_seconds,
        )
        yield Service(
            name=SERVICE,
            subscriptions=subscriptions(intake=intake, dispatcher=dispatcher),
            loops=[
                Loop(name="notifier.dispatcher", run=dispatcher.run),
                Loop(name="notifier.retention", run=lambda: forget_old(upkeep, days=settings.delivery_log_days)),
                Loop(name="notifier.measuring", run=lambda: measure(upkeep, shares=dispatcher.shares, hosts=dispatcher.hosts)),
                *([] if alone else _signal_loops(signals, dispatcher)),
                *outbox_loops(outbox, platform.bus, service=SERVICE),
            ],
        )


def _signal_loops(signals: Signals, dispatcher: Dispatcher) -> list[Loop]:
    """Where there may be other notifiers."""
    return [
        Loop(name="notifier.saying", run=signals.say),
        Loop(name="notifier.listening", run=lambda: signals.listen(dispatcher.wake)),
    ]


def _capacity(slots: int) -> Capacity:
    """Waiting sockets cost little, but each is a file: as many as the system lets this process have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = slots * SOCKETS_A_SLOT + FILES_BESIDE_SOCKETS
    if soft < wanted:
        soft = min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return Capacity(slots=slots, sockets=max(slots, min(slots * SOCKETS_A_SLOT, soft - FILES_BESIDE_SOCKETS)))
