"""Assembles the gateway."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.gateway.addresses import networks_of
from services.gateway.admission import admission
from services.gateway.allowances import Allowances
from services.gateway.api_keys import ApiKeys
from services.gateway.audit_trail import AuditTrail
from services.gateway.auth import Authenticator, KeyUses, seed_first_key
from services.gateway.changes import Changes
from services.gateway.choosing import Choosing
from services.gateway.consumers import SERVICE, subscriptions
from services.gateway.direct import DirectUploads
from services.gateway.endpoints import Endpoints
from services.gateway.endpoints.addresses import Addresses
from services.gateway.leases import Leases
from services.gateway.lifecycle import Lifecycle
from services.gateway.live import Hub
from services.gateway.privacy.erasures import Erasures
from services.gateway.privacy.retention import Retention
from services.gateway.privacy.rules import of_installation
from services.gateway.resuming import Resumables
from services.gateway.revisions import Revisions
from services.gateway.routes.context import Gateway
from services.gateway.settings import GatewaySettings
from services.gateway.store.accounts import AccountStore
from services.gateway.store.addresses import AddressStore
from services.gateway.store.allowances import AllowanceStore
from services.gateway.store.audit import AuditStore
from services.gateway.store.changes import ChangeStore
from services.gateway.store.deliveries import DeliveryLog
from services.gateway.store.endpoints import EndpointStore
from services.gateway.store.engines import EngineStore
from services.gateway.store.erasures import ErasureStore
from services.gateway.store.jobs import JobStore
from services.gateway.store.keys import KeyStore
from services.gateway.store.listing import JobList
from services.gateway.store.resumables import ResumableStore
from services.gateway.store.retention import RetentionStore, RoundStore
from services.gateway.store.revisions import RevisionStore
from services.gateway.store.transitions import Transitions
from services.gateway.store.upkeep import UpkeepStore
from services.gateway.store.uploads import UploadStore
from services.gateway.submission import Submissions
from services.gateway.sweeper import Sweeper, repeat
from services.gateway.uploads import Uploads
from services.gateway.views import Views
from services.gateway.wakeups import Wakeups
from services.gateway.web import web_app
from shared import migrations
from shared.egress import EgressPolicy, EgressSettings
from shared.outbox import Outbox
from shared.runtime import Loop, Platform, Service, outbox_loops
from shared.schemas.ids import new_id
from shared.sealing import Sealer
from shared.settings import load
from shared.solutions import load_solutions


@asynccontextmanager
async def assemble(platform: Platform) -> AsyncIterator[Service]:
    """The gateway on this platform."""
    settings = load(GatewaySettings, platform.environment)
    pool = platform.database
    await migrations.require_current(pool, SERVICE)
    if settings.bootstrap_api_key is not None:
        await seed_first_key(pool, settings.bootstrap_api_key)

    outbox = Outbox(pool=pool, schema=SERVICE)
    if platform.settings.bus_url.startswith("memory://"):
        await outbox.release_claims()

    deadline = dt.timedelta(hours=settings.job_deadline_hours)
    solutions = load_solutions(platform.settings.solutions)
    jobs, uploads = JobStore(pool), UploadStore(pool)
    choosing = Choosing(EngineStore(pool))
    allowances = Allowances.of(settings, AllowanceStore(pool))
    egress = EgressPolicy.of(load(EgressSettings, platform.environment))
    hub = Hub(jobs=jobs, stopping=platform.stopping, per_tenant=settings.streams_per_tenant)
    wakeups = Wakeups(platform.bus, hub)
    erasure_store = ErasureStore(pool)
    lifecycle = Lifecycle(
        jobs=jobs,
        transitions=Transitions(pool),
        blobs=platform.blobs,
        outbox=outbox,
        wakeups=wakeups,
        solutions=solutions,
        choosing=choosing,
        allowances=allowances,
        deadline=deadline,
        erased=erasure_store.removed,
    )
    revisions = Revisions(
        jobs=jobs,
        store=RevisionStore(pool),
        transitions=lifecycle.transitions,
        blobs=platform.blobs,
        outbox=outbox,
        wakeups=wakeups,
    )
    endpoint_store = EndpointStore(pool)
    addresses = Addresses(
        store=AddressStore(pool),
        confirming=settings.mail_confirm,
        public_url=platform.settings.public_url,
        most_a_day=settings.mail_confirmations_per_day,
        wake=outbox.wake,
    )
    await addresses.adopt(await endpoint_store.unaddressed())
    endpoints = Endpoints(
        store=endpoint_store,
        log=DeliveryLog(pool),
        addresses=addresses,
        sealer=Sealer(platform.secret_key, purpose="endpoint"),
        policy=egress,
        most=settings.endpoints_per_tenant,
        wake=outbox.wake,
    )
    authenticator, keys = Authenticator(AccountStore(pool)), KeyStore(pool)
    uses, trail = KeyUses(keys), AuditTrail(AuditStore(pool))
    sweeper = Sweeper(
        pool=pool,
        upkeep=UpkeepStore(pool),
        allowances=allowances.store,
        blobs=platform.blobs,
        outbox=outbox,
        lifecycle=lifecycle,
        settings=settings,
    )
    retention = Retention(
        store=RetentionStore(pool),
        rounds=RoundStore(pool, new_id()),
        transitions=lifecycle.transitions,
        blobs=platform.blobs,
        outbox=outbox,
        wakeups=wakeups,
        installation=of_installation(settings),
        every=settings.retention_seconds,
    )
    erasures = Erasures(
        pool=pool,
        store=erasure_store,
        uploads=uploads,
        lifecycle=lifecycle,
        transitions=lifecycle.transitions,
        blobs=platform.blobs,
        outbox=outbox,
        bus=platform.bus,
        wakeups=wakeups,
        master=platform.secret_key,
        settle=settings.erasure_settle_seconds,
    )
    ttl = dt.timedelta(hours=settings.upload_ttl_hours)
    receiver = Uploads(store=uploads, blobs=platform.blobs, ttl=ttl)
    resumables = ResumableStore(pool)
    gateway = Gateway(
        settings=settings,
        secret_key=platform.secret_key,
        solutions=solutions,
        blobs=platform.blobs,
        jobs=jobs,
        listing=JobList(pool),
        changes=Changes(jobs=jobs, store=ChangeStore(pool), hub=hub),
        uploads=receiver,
        resumables=Resumables(
            store=resumables,
            uploads=receiver,
            blobs=platform.blobs,
            leases=Leases(resumables, stopping=platform.stopping),
            ttl=ttl,
        ),
        direct=DirectUploads(
            uploads=receiver,
            blobs=platform.blobs,
            allowed=settings.direct_uploads,
            most_bytes=settings.upload_max_bytes,
        ),
        submissions=Submissions(
            jobs=jobs,
            uploads=uploads,
            solutions=solutions,
            egress=egress,
            choosing=choosing,
            allowances=allowances,
            deadline=deadline,
            wakeups=wakeups,
            wake=outbox.wake,
        ),
        lifecycle=lifecycle,
        revisions=revisions,
        endpoints=endpoints,
        audit=trail,
        keys=ApiKeys(store=keys, most=settings.keys_per_tenant, forget=authenticator.forget),
        choosing=choosing,
        allowances=allowances,
        retention=retention.store,
        erasures=erasures,
        hub=hub,
        views=Views(platform.settings.public_url),
    )
    yield Service(
        name=SERVICE,
        subscriptions=subscriptions(lifecycle=lifecycle, addresses=addresses),
        listeners=[wakeups.listener],
        loops=[
            *outbox_loops(outbox, platform.bus, service=SERVICE),
            Loop(name="gateway.sweeper", run=sweeper.run),
            Loop(
                name="gateway.retention",
                run=lambda: repeat(lambda: [retention.carry_out, erasures.carry_out], settings.sweep_seconds),
            ),
            Loop(name="gateway.live", run=hub.run),
            Loop(name="gateway.wakeups", run=wakeups.run),
            Loop(name="gateway.key_uses", run=uses.run),
            Loop(name="gateway.audit", run=trail.run),
        ],
        app=web_app(gateway, admission(authenticator, uses, proxies=networks_of(settings.trusted_proxies))),
    )
