"""Assembles the gateway."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from services.gateway.addresses import networks_of
from services.gateway.admission import admission
from services.gateway.allowances import Allowances
from services.gateway.api_keys import ApiKeys
from services.gateway.audit_trail import AuditTrail
from services.gateway.auth import Authenticator, LastUses, seed_first_key
from services.gateway.batches.ending import Endings
from services.gateway.batches.making import Batches
from services.gateway.changes import Changes
from services.gateway.choosing import Choosing
from services.gateway.consumers import SERVICE, subscriptions
from services.gateway.credentials import cookie_name
from services.gateway.direct import DirectUploads
from services.gateway.endpoints import Endpoints
from services.gateway.endpoints.addresses import Addresses
from services.gateway.feed import Feeds
from services.gateway.identification import Identification
from services.gateway.leases import Leases
from services.gateway.lifecycle import Lifecycle
from services.gateway.live import Hub
from services.gateway.oidc import single_sign_on
from services.gateway.oidc.people import People
from services.gateway.privacy.erasures import Erasures
from services.gateway.privacy.exports import Exports
from services.gateway.privacy.retention import Retention
from services.gateway.privacy.rules import of_installation
from services.gateway.quotas.enforcing import Plans, Quotas
from services.gateway.rates.limiter import Limiter
from services.gateway.rates.policy import policies_of
from services.gateway.resuming import Resumables
from services.gateway.revisions import Revisions
from services.gateway.routes.context import Gateway
from services.gateway.search.finding import Search
from services.gateway.search.indexing import Indexing
from services.gateway.settings import GatewaySettings, OidcSettings
from services.gateway.store.account_links import AccountLinkStore
from services.gateway.store.accounts import AccountStore
from services.gateway.store.addresses import AddressStore
from services.gateway.store.alerts import AlertStore
from services.gateway.store.allowances import AllowanceStore
from services.gateway.store.attempts import AttemptStore
from services.gateway.store.audit import AuditStore
from services.gateway.store.batch_ends import BatchEndStore
from services.gateway.store.batches import BatchStore
from services.gateway.store.changes import ChangeStore
from services.gateway.store.deliveries import DeliveryLog
from services.gateway.store.endpoints import EndpointStore
from services.gateway.store.engines import EngineStore
from services.gateway.store.erasures import ErasureStore
from services.gateway.store.exports import ExportStore
from services.gateway.store.feed import FeedStore
from services.gateway.store.identities import IdentityStore
from services.gateway.store.jobs import JobStore
from services.gateway.store.keys import KeyStore
from services.gateway.store.listing import JobList
from services.gateway.store.minutes import MinuteStore
from services.gateway.store.plans import PlanStore
from services.gateway.store.policies import PolicyStore
from services.gateway.store.rates import RateStore
from services.gateway.store.resumables import ResumableStore
from services.gateway.store.retention import RetentionStore, RoundStore
from services.gateway.store.revisions import RevisionStore
from services.gateway.store.search import SearchIndex, SearchStore
from services.gateway.store.sign_ins import SignInStore
from services.gateway.store.speeds import SpeedStore
from services.gateway.store.storage import StorageStore
from services.gateway.store.transitions import Transitions
from services.gateway.store.turns import TurnStore
from services.gateway.store.upkeep import UpkeepStore
from services.gateway.store.uploads import UploadStore
from services.gateway.store.usage import UsageStore
from services.gateway.store.users import UserStore
from services.gateway.store.vocabularies import VocabularyStore
from services.gateway.store.walled import WalledPool, walled_pool
from services.gateway.submission import Submissions
from services.gateway.sweeper import Sweeper, repeat
from services.gateway.tenancy import as_system, by_system
from services.gateway.turns.choice import Room
from services.gateway.turns.releasing import Turns
from services.gateway.uploads import Uploads
from services.gateway.usage.alerts import EVERY, Alerts
from services.gateway.users import Users
from services.gateway.users.links import AccountLinks
from services.gateway.users.passwords import Passwords
from services.gateway.users.sessions import Sessions
from services.gateway.users.signing_in import SigningIn
from services.gateway.views import Views
from services.gateway.vocabularies import Vocabularies
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
    system, size = platform.database, platform.settings.database_pool
    await migrations.require_current(system, SERVICE)
    async with walled_pool(system, platform.database_url, size=size) as pool, _assembled(platform, pool) as service:
        yield service


@asynccontextmanager
async def _assembled(platform: Platform, pool: WalledPool) -> AsyncIterator[Service]:
    """Stores ask for whom the task that asks works; `platform.database` asks for the system, before it is known who comes."""
    settings = load(GatewaySettings, platform.environment)
    if settings.bootstrap_api_key is not None:
        await seed_first_key(platform.database, settings.bootstrap_api_key)

    outbox = Outbox(pool=platform.database, schema=SERVICE)
    if platform.settings.bus_url.startswith("memory://"):
        await outbox.release_claims()

    deadline = dt.timedelta(hours=settings.job_deadline_hours)
    solutions = load_solutions(platform.settings.solutions)
    jobs, uploads = JobStore(pool), UploadStore(pool)
    choosing = Choosing(EngineStore(pool))
    allowances = Allowances.of(settings, AllowanceStore(pool))
    egress = EgressPolicy.of(load(EgressSettings, platform.environment))
    hub = Hub(jobs=jobs, stopping=platform.stopping, per_tenant=settings.streams_per_tenant)
    erasure_store = ErasureStore(pool)
    quotas = Quotas(plans=Plans(PlanStore(pool)), minutes=MinuteStore(pool), storage=StorageStore(pool), allowances=allowances)
    views = Views(platform.settings.public_url)
    feeds = Feeds(store=FeedStore(pool), show=lambda job: msgspec.json.encode(views.job(job)), stopping=platform.stopping)
    wakeups = Wakeups(platform.bus, hub, feeds)
    turns = Turns(
        store=TurnStore(platform.database),
        outbox=outbox,
        wakeups=wakeups,
        room=Room(whole=settings.jobs_at_once, each=settings.tenant_jobs_at_once),
        deadline=deadline,
    )
    vocabularies = Vocabularies(store=VocabularyStore(pool), most=settings.vocabularies_per_tenant)
    endings = Endings(store=BatchEndStore(platform.database), outbox=outbox)
    lifecycle = Lifecycle(
        jobs=jobs,
        transitions=Transitions(pool),
        blobs=platform.blobs,
        outbox=outbox,
        wakeups=wakeups,
        solutions=solutions,
        choosing=choosing,
        quotas=quotas,
        ledger=UsageStore(pool),
        turns=turns,
        vocabularies=vocabularies,
        deadline=deadline,
        erased=erasure_store.removed,
        ended=endings.wake,
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
    with as_system():
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
    keys, user_store, trail = KeyStore(pool), UserStore(pool), AuditTrail(AuditStore(pool))
    rates = RateStore(platform.database)
    limiter = Limiter(rates, policies_of(settings))
    identification = _identification(platform, settings, pool, keys=keys, users=user_store, trail=trail)
    signing_in = identification.signing_in
    sweeper = Sweeper(
        pool=platform.database,
        upkeep=UpkeepStore(platform.database),
        allowances=allowances.store,
        minutes=quotas.minutes,
        feed=feeds.store,
        rates=rates,
        blobs=platform.blobs,
        outbox=outbox,
        lifecycle=lifecycle,
        settings=settings,
    )
    indexing = Indexing(
        index=SearchIndex(platform.database),
        blobs=platform.blobs,
        transcript_key=revisions.transcript_key,
        transcripts=settings.search_transcripts,
    )
    alerts = Alerts(pool=platform.database, store=AlertStore(), outbox=outbox, llm_month=allowances.month)
    retention = Retention(
        store=RetentionStore(pool),
        rounds=RoundStore(platform.database, new_id()),
        transitions=lifecycle.transitions,
        blobs=platform.blobs,
        outbox=outbox,
        wakeups=wakeups,
        installation=of_installation(settings),
        every=settings.retention_seconds,
    )
    exports = Exports(store=ExportStore(pool), blobs=platform.blobs, days=settings.export_days)
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
    receiver = Uploads(store=uploads, blobs=platform.blobs, quotas=quotas, ttl=ttl)
    resumables = ResumableStore(pool)
    oidc = load(OidcSettings, platform.environment)
    people = People.of(oidc, identities=IdentityStore(pool), users=user_store)
    submissions = Submissions(
        jobs=jobs,
        uploads=uploads,
        solutions=solutions,
        egress=egress,
        choosing=choosing,
        quotas=quotas,
        vocabularies=vocabularies,
        deadline=deadline,
        wakeups=wakeups,
        turns=turns,
        wake=outbox.wake,
    )
    gateway = Gateway(
        settings=settings,
        secret_key=platform.secret_key,
        solutions=solutions,
        blobs=platform.blobs,
        jobs=jobs,
        listing=JobList(pool),
        changes=Changes(jobs=jobs, store=ChangeStore(pool), wakeups=wakeups),
        search=Search(store=SearchStore(pool=pool, index=platform.database)),
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
        submissions=submissions,
        speeds=SpeedStore(pool),
        batches=Batches(store=BatchStore(pool), submissions=submissions, lifecycle=lifecycle, endings=endings),
        lifecycle=lifecycle,
        revisions=revisions,
        endpoints=endpoints,
        audit=trail,
        keys=ApiKeys(store=keys, most=settings.keys_per_tenant, forget=identification.keys.forget),
        users=Users(store=user_store, passwords=signing_in.passwords, signing_in=signing_in),
        sessions=identification.sessions,
        links=AccountLinks(
            store=AccountLinkStore(pool),
            users=user_store,
            attempts=signing_in.attempts,
            passwords=signing_in.passwords,
            sealer=Sealer(platform.secret_key, purpose="endpoint"),
            master=platform.secret_key,
            public_url=platform.settings.public_url,
            most_users=settings.users_per_tenant,
            most_a_day=settings.mail_confirmations_per_day,
            wake=outbox.wake,
        ),
        single_sign_on=single_sign_on(oidc, platform, egress, people),
        choosing=choosing,
        allowances=allowances,
        quotas=quotas,
        ledger=lifecycle.ledger,
        retention=retention.store,
        policies=PolicyStore(pool),
        erasures=erasures,
        exports=exports,
        hub=hub,
        vocabularies=vocabularies,
        feeds=feeds,
        views=views,
        secure=_is_secure(platform),
    )
    yield Service(
        name=SERVICE,
        subscriptions=subscriptions(lifecycle=lifecycle, addresses=addresses),
        listeners=[wakeups.listener],
        loops=[
            *outbox_loops(outbox, platform.bus, service=SERVICE),
            Loop(name="gateway.sweeper", run=by_system(sweeper.run)),
            Loop(name="gateway.usage_alerts", run=by_system(lambda: repeat(lambda: [alerts.look], EVERY))),
            Loop(
                name="gateway.exports",
                run=by_system(lambda: repeat(lambda: [exports.carry_out], settings.sweep_seconds)),
            ),
            Loop(
                name="gateway.retention",
                run=by_system(lambda: repeat(lambda: [retention.carry_out], settings.sweep_seconds)),
            ),
            Loop(
                name="gateway.erasures",
                run=by_system(lambda: repeat(lambda: [erasures.carry_out], settings.sweep_seconds)),
            ),
            Loop(name="gateway.live", run=by_system(hub.run)),
            Loop(name="gateway.feeds", run=by_system(feeds.run)),
            Loop(name="gateway.wakeups", run=wakeups.run),
            Loop(name="gateway.key_uses", run=by_system(identification.key_uses.run)),
            Loop(name="gateway.sign_in_uses", run=by_system(identification.sign_in_uses.run)),
            Loop(name="gateway.audit", run=by_system(trail.run)),
            Loop(name="gateway.search", run=by_system(indexing.run)),
            Loop(name="gateway.turns", run=by_system(turns.run)),
            Loop(name="gateway.batches", run=by_system(endings.run)),
        ],
        app=web_app(gateway, admission(identification, limiter, proxies=networks_of(settings.trusted_proxies))),
    )


def _identification(
    platform: Platform, settings: GatewaySettings, pool: WalledPool, *, keys: KeyStore, users: UserStore, trail: AuditTrail
) -> Identification:
    """All by which requests say who makes them. Whoever is not known yet is looked for by the system."""
    sign_ins = SignInStore(pool)
    return Identification(
        keys=Authenticator(AccountStore(platform.database)),
        key_uses=LastUses(keys),
        signing_in=SigningIn(users=users, attempts=AttemptStore(platform.database), passwords=Passwords(), noted=trail.note),
        sessions=Sessions(
            store=sign_ins,
            master=platform.secret_key,
            longest=dt.timedelta(hours=settings.session_hours),
            idle=dt.timedelta(hours=settings.session_idle_hours),
        ),
        sign_in_uses=LastUses(sign_ins),
        cookie=cookie_name(secure=_is_secure(platform)),
    )


def _is_secure(platform: Platform) -> bool:
    """Whether browsers reach the installation by https."""
    return (platform.settings.public_url or "").startswith("https://")
