"""Makes a service of the gateway's parts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from services.gateway.addresses import networks_of
from services.gateway.admission import admission
from services.gateway.assembly import Ground
from services.gateway.assembly.endpoints import endpoints_on
from services.gateway.assembly.jobs import Jobs
from services.gateway.assembly.people import People
from services.gateway.assembly.privacy import Privacy
from services.gateway.assembly.recordings import Recordings
from services.gateway.assembly.streams import Streams
from services.gateway.auth import seed_first_key
from services.gateway.batches.making import Batches
from services.gateway.changes import Changes
from services.gateway.consumers import SERVICE, subscriptions
from services.gateway.endpoints import Endpoints
from services.gateway.rates.limiter import Limiter
from services.gateway.rates.policy import policies_of
from services.gateway.routes.context import Gateway
from services.gateway.search.finding import Search
from services.gateway.settings import GatewaySettings
from services.gateway.store.alerts import AlertStore
from services.gateway.store.batches import BatchStore
from services.gateway.store.changes import ChangeStore
from services.gateway.store.listing import JobList
from services.gateway.store.policies import PolicyStore
from services.gateway.store.rates import RateStore
from services.gateway.store.search import SearchStore
from services.gateway.store.speeds import SpeedStore
from services.gateway.store.upkeep import UpkeepStore
from services.gateway.store.walled import WalledPool, walled_pool
from services.gateway.sweeper import Sweeper, repeating
from services.gateway.tenancy import by_system
from services.gateway.usage.alerts import EVERY, Alerts
from services.gateway.web import web_app
from shared import migrations
from shared.egress import EgressPolicy, EgressSettings
from shared.loops import Loop
from shared.outbox import Outbox
from shared.runtime import Platform, Service, outbox_loops
from shared.settings import load
from shared.solutions import load_solutions


@asynccontextmanager
async def assemble(platform: Platform) -> AsyncIterator[Service]:
    """The gateway on this platform."""
    system, size = platform.database, platform.settings.database_pool
    await migrations.require_current(system, SERVICE)
    async with walled_pool(system, platform.database_url, size=size) as pool:
        yield _service(await _assembled(await _ground(platform, pool)))


@dataclass(frozen=True, kw_only=True)
class _Parts:
    ground: Ground
    streams: Streams
    jobs: Jobs
    recordings: Recordings
    people: People
    privacy: Privacy
    endpoints: Endpoints


async def _ground(platform: Platform, pool: WalledPool) -> Ground:
    settings = load(GatewaySettings, platform.environment)
    if settings.bootstrap_api_key is not None:
        await seed_first_key(platform.database, settings.bootstrap_api_key)
    outbox = Outbox(pool=platform.database, schema=SERVICE)
    if platform.settings.bus_url.startswith("memory://"):
        await outbox.release_claims()
    return Ground(
        platform=platform,
        pool=pool,
        settings=settings,
        outbox=outbox,
        egress=EgressPolicy.of(load(EgressSettings, platform.environment)),
        solutions=load_solutions(platform.settings.solutions),
    )


async def _assembled(ground: Ground) -> _Parts:
    streams = Streams.on(ground)
    jobs = Jobs.on(ground, streams)
    return _Parts(
        ground=ground,
        streams=streams,
        jobs=jobs,
        recordings=Recordings.on(ground, jobs.quotas),
        people=People.on(ground),
        privacy=Privacy.on(ground, streams, jobs),
        endpoints=await endpoints_on(ground),
    )


def _service(parts: _Parts) -> Service:
    ground, platform = parts.ground, parts.ground.platform
    rates = RateStore(platform.database)
    limiter = Limiter(rates, policies_of(ground.settings))
    proxies = networks_of(ground.settings.trusted_proxies)
    return Service(
        name=SERVICE,
        subscriptions=subscriptions(news=parts.jobs.news, addresses=parts.endpoints.addresses),
        listeners=[parts.streams.wakeups.listener],
        loops=[
            *outbox_loops(ground.outbox, platform.bus, service=SERVICE),
            *_upkeep(parts, rates),
            *parts.streams.loops,
            *parts.jobs.loops,
            *parts.people.loops,
            *parts.privacy.loops,
        ],
        app=web_app(_gateway(parts), admission(parts.people.identification, limiter, proxies=proxies)),
    )


def _upkeep(parts: _Parts, rates: RateStore) -> list[Loop]:
    ground, system, quotas = parts.ground, parts.ground.platform.database, parts.jobs.quotas
    sweeper = Sweeper(
        pool=system,
        upkeep=UpkeepStore(system),
        allowances=quotas.allowances.store,
        minutes=quotas.minutes,
        feed=parts.streams.feeds.store,
        rates=rates,
        blobs=ground.platform.blobs,
        outbox=ground.outbox,
        lifecycle=parts.jobs.lifecycle,
        settings=ground.settings,
    )
    alerts = Alerts(pool=system, store=AlertStore(), outbox=ground.outbox, llm_month=quotas.allowances.month)
    return [
        Loop(name="gateway.sweeper", run=by_system(sweeper.run)),
        repeating("gateway.usage_alerts", alerts.look, every=EVERY),
    ]


def _gateway(parts: _Parts) -> Gateway:
    """What answers requests."""
    ground, pool, system, jobs = parts.ground, parts.ground.pool, parts.ground.platform.database, parts.jobs
    return Gateway(
        settings=ground.settings,
        secret_key=ground.platform.secret_key,
        solutions=ground.solutions,
        blobs=ground.platform.blobs,
        jobs=jobs.store,
        listing=JobList(pool),
        changes=Changes(jobs=jobs.store, store=ChangeStore(pool), wakeups=parts.streams.wakeups),
        search=Search(store=SearchStore(pool=pool, index=system)),
        uploads=parts.recordings.uploads,
        resumables=parts.recordings.resumables,
        direct=parts.recordings.direct,
        submissions=jobs.submissions,
        speeds=SpeedStore(pool),
        batches=Batches(store=BatchStore(pool), submissions=jobs.submissions, lifecycle=jobs.lifecycle, endings=jobs.endings),
        lifecycle=jobs.lifecycle,
        revisions=jobs.revisions,
        endpoints=parts.endpoints,
        audit=parts.people.trail,
        keys=parts.people.keys,
        users=parts.people.users,
        sessions=parts.people.identification.sessions,
        links=parts.people.links,
        single_sign_on=parts.people.single_sign_on,
        choosing=jobs.choosing,
        allowances=jobs.quotas.allowances,
        quotas=jobs.quotas,
        ledger=jobs.news.ledger,
        retention=parts.privacy.retention.store,
        policies=PolicyStore(pool),
        erasures=parts.privacy.erasures,
        exports=parts.privacy.exports,
        hub=parts.streams.hub,
        vocabularies=jobs.vocabularies,
        feeds=parts.streams.feeds,
        views=parts.streams.views,
        secure=ground.secure,
    )
