"""Assembles the transcriber."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from uuid import uuid4

from services.transcriber.accounts import Accounts
from services.transcriber.answering import Answering
from services.transcriber.clearing import Cleaner
from services.transcriber.consumers import SERVICE, subscriptions
from services.transcriber.driver import Driver
from services.transcriber.engines import Hooks, RentedEngine
from services.transcriber.engines.registry import open_engines
from services.transcriber.engines.surroundings import Surroundings
from services.transcriber.hooks import Callbacks, HooksApp
from services.transcriber.kept_answers import KeptAnswers
from services.transcriber.leases import Leases
from services.transcriber.leftovers import LeftoverStore
from services.transcriber.lengths import Lengths
from services.transcriber.offers import OfferStore
from services.transcriber.pacing import Pacing
from services.transcriber.poller import Poller
from services.transcriber.publishing import Publisher
from services.transcriber.renting import Renting, Tasks
from services.transcriber.rules import RulesStore
from services.transcriber.scratch import Scratch
from services.transcriber.settings import TranscriberSettings
from services.transcriber.sources import Sources
from services.transcriber.store import TranscriptionStore
from services.transcriber.store.answers import AnswerStore
from services.transcriber.store.submissions import SubmissionStore
from services.transcriber.store.waits import WaitStore
from services.transcriber.transcriber import Transcriber
from services.transcriber.transcriptions import Transcriptions
from services.transcriber.waits import Waits
from shared import migrations
from shared.egress import EgressPolicy, EgressSettings
from shared.health import HOOKS
from shared.loops import Loop
from shared.outbox import Outbox
from shared.runtime import Platform, Service, outbox_loops
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
    accounts, rules = Accounts(pool=pool, secret_key=platform.secret_key), RulesStore(pool)
    submissions, pacing = SubmissionStore(pool=pool, owner=owner), Pacing(pool=pool, settings=settings)
    with closing(Scratch.open(platform.settings.data_path / "scratch", str(owner))) as scratch:
        engines = open_engines(
            Surroundings(
                environment=platform.environment,
                settings=settings,
                blobs=platform.blobs,
                scratch=scratch,
                reserve=pacing.reserve,
                hooks=_hooks(platform, settings),
            )
        )
        tasks = Tasks(
            engines=engines, accounts=accounts, rules=rules, submissions=submissions, pacing=pacing, blobs=platform.blobs
        )
        renting = Renting(submissions=submissions, leftovers=leftovers, pacing=pacing)
        transcriber = Transcriber(
            pool=pool,
            store=store,
            leftovers=leftovers,
            outbox=outbox,
            blobs=platform.blobs,
            engines=engines,
            sources=Sources(blobs=platform.blobs, policy=policy, settings=settings),
            lengths=Lengths(blobs=platform.blobs, scratch=scratch, most_ms=settings.max_audio_ms),
            tasks=tasks,
            submissions=submissions,
            renting=renting,
            answering=Answering(pool=pool, owner=owner, blobs=platform.blobs),
            kept=KeptAnswers(answers=AnswerStore(pool=pool, owner=owner), blobs=platform.blobs),
            chinese_script=settings.chinese_script,
        )
        driver = Driver(
            leases=leases,
            transcriber=transcriber,
            engines=engines,
            tasks=tasks,
            pacing=pacing,
            waits=Waits(pool=pool, store=WaitStore(), outbox=outbox),
            cleaner=Cleaner(store=leftovers, blobs=platform.blobs, engines=engines, accounts=accounts, pacing=pacing),
            account_concurrency=settings.account_concurrency,
            stopping=platform.stopping,
        )
        poller = Poller(
            engines={engine.name: engine for engine in engines if isinstance(engine, RentedEngine)},
            leases=leases,
            submissions=submissions,
            tasks=tasks,
            renting=renting,
            pacing=pacing,
            transcriber=transcriber,
            blobs=platform.blobs,
            answered=driver.wake,
            stopping=platform.stopping,
        )
        callbacks = Callbacks(submissions=submissions, leftovers=leftovers, blobs=platform.blobs, wake=poller.wake)
        publisher = Publisher(store=OfferStore(pool=pool, owner=owner), offers=engines.offers)
        await publisher.publish()  # before anybody is told that we are ready
        transcriptions = Transcriptions(
            pool=pool, store=store, leftovers=leftovers, outbox=outbox, engines=engines, rules=rules, accounts=accounts
        )
        try:
            yield Service(
                name=SERVICE,
                subscriptions=subscriptions(transcriptions=transcriptions, driver=driver),
                loops=[
                    Loop(name="transcriber.driver", run=driver.run),
                    Loop(name="transcriber.poller", run=poller.run),
                    Loop(name="transcriber.publishing", run=publisher.run),
                    *outbox_loops(outbox, platform.bus, service=SERVICE),
                ],
                checks={"driver": driver.check},
                hooks=HooksApp(engines=engines, callbacks=callbacks),
            )
        finally:
            await engines.close()


def _hooks(platform: Platform, settings: TranscriberSettings) -> Hooks | None:
    """Where providers can call back. In one process, what customers reach at the public URL is we ourselves."""
    url = settings.hooks_url
    if url is None and platform.settings.public_url and platform.settings.bus_url.startswith("memory://"):
        url = platform.settings.public_url.rstrip("/") + HOOKS.rstrip("/")
    secret = hmac.digest(platform.secret_key, b"audio2txt hooks", "sha256")
    return None if url is None else Hooks(url=url, secret=secret)
