"""Assembles the notifier."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from services.notifier.channels.opening import open_channels
from services.notifier.consumers import SERVICE, subscriptions
from services.notifier.deliveries import Deliveries
from services.notifier.dispatcher import Dispatcher
from services.notifier.retention import forget_old
from services.notifier.settings import NotifierSettings
from services.notifier.store import DeliveryStore
from shared import migrations
from shared.egress import EgressPolicy, EgressSettings
from shared.outbox import Outbox
from shared.runtime import Loop, Platform, Service, outbox_loops
from shared.settings import load
from shared.signing import webhook_secret

LEASE_MARGIN_SECONDS = 15.0
"""How much longer than its time-out an attempt keeps its lease, to write down what came of it."""


@asynccontextmanager
async def assemble(platform: Platform) -> AsyncIterator[Service]:
    """The notifier: reads ended jobs, sends webhooks, tells how that ended."""
    settings = load(NotifierSettings, platform.environment)
    policy = EgressPolicy.of(load(EgressSettings, platform.environment))
    await migrations.require_current(platform.database, SERVICE)
    store = DeliveryStore(platform.database)
    outbox = Outbox(pool=platform.database, schema=SERVICE)
    if platform.settings.bus_url.startswith("memory://"):
        await outbox.release_claims()
        await store.end_leases()
    async with open_channels(platform, policy=policy, timeout=settings.webhook_timeout_seconds) as channel:
        deliveries = Deliveries(
            store=store,
            outbox=outbox,
            channel=channel,
            schedule=settings.schedule(),
            secret_of=partial(webhook_secret, platform.secret_key),
            public_url=platform.settings.public_url,
            lease_seconds=settings.webhook_timeout_seconds + LEASE_MARGIN_SECONDS,
        )
        dispatcher = Dispatcher(
            store=store, deliveries=deliveries, stopping=platform.stopping, grace=platform.settings.drain_seconds
        )
        yield Service(
            name=SERVICE,
            subscriptions=subscriptions(deliveries=deliveries, dispatcher=dispatcher, store=store),
            loops=[
                Loop(name="notifier.dispatcher", run=dispatcher.run),
                Loop(name="notifier.retention", run=lambda: forget_old(store, days=settings.delivery_log_days)),
                *outbox_loops(outbox, platform.bus, service=SERVICE),
            ],
        )
