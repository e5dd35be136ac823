"""What makes jobs, brings them on their way, and changes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.gateway.allowances import Allowances
from services.gateway.assembly import Ground
from services.gateway.assembly.streams import Streams
from services.gateway.batches.ending import Endings
from services.gateway.choosing import Choosing
from services.gateway.lifecycle import Lifecycle
from services.gateway.news import News
from services.gateway.quotas.enforcing import Plans, Quotas
from services.gateway.revisions import Revisions
from services.gateway.search.indexing import Indexing
from services.gateway.store.allowances import AllowanceStore
from services.gateway.store.batch_ends import BatchEndStore
from services.gateway.store.engines import EngineStore
from services.gateway.store.erasures import ErasureStore
from services.gateway.store.jobs import JobStore
from services.gateway.store.minutes import MinuteStore
from services.gateway.store.plans import PlanStore
from services.gateway.store.revisions import RevisionStore
from services.gateway.store.search import SearchIndex
from services.gateway.store.storage import StorageStore
from services.gateway.store.transitions import Transitions
from services.gateway.store.turns import TurnStore
from services.gateway.store.uploads import UploadStore
from services.gateway.store.usage import UsageStore
from services.gateway.store.vocabularies import VocabularyStore
from services.gateway.submission import Submissions
from services.gateway.tenancy import by_system
from services.gateway.turns.choice import Room
from services.gateway.turns.releasing import Turns
from services.gateway.vocabularies import Vocabularies
from shared.loops import Loop


@dataclass(frozen=True, kw_only=True)
class Jobs:
    """Everything that decides about jobs."""

    store: JobStore
    choosing: Choosing
    quotas: Quotas
    vocabularies: Vocabularies
    turns: Turns
    endings: Endings
    lifecycle: Lifecycle
    news: News
    revisions: Revisions
    submissions: Submissions
    indexing: Indexing

    @classmethod
    def on(cls, ground: Ground, streams: Streams) -> Jobs:
        """Put together."""
        platform, pool, settings = ground.platform, ground.pool, ground.settings
        store, choosing, quotas = JobStore(pool), Choosing(EngineStore(pool)), _quotas(ground)
        vocabularies = Vocabularies(store=VocabularyStore(pool), most=settings.vocabularies_per_tenant)
        endings = Endings(store=BatchEndStore(platform.database), outbox=ground.outbox)
        turns = Turns(
            store=TurnStore(platform.database),
            outbox=ground.outbox,
            wakeups=streams.wakeups,
            room=Room(whole=settings.jobs_at_once, each=settings.tenant_jobs_at_once),
            deadline=ground.deadline,
        )
        lifecycle = Lifecycle(
            jobs=store,
            transitions=Transitions(pool),
            blobs=platform.blobs,
            outbox=ground.outbox,
            wakeups=streams.wakeups,
            solutions=ground.solutions,
            choosing=choosing,
            quotas=quotas,
            turns=turns,
            vocabularies=vocabularies,
            deadline=ground.deadline,
            erased=ErasureStore(pool).removed,
            ended=endings.wake,
        )
        revisions = Revisions(
            jobs=store,
            store=RevisionStore(pool),
            transitions=lifecycle.transitions,
            blobs=platform.blobs,
            outbox=ground.outbox,
            wakeups=streams.wakeups,
        )
        return cls(
            store=store,
            choosing=choosing,
            quotas=quotas,
            vocabularies=vocabularies,
            turns=turns,
            endings=endings,
            lifecycle=lifecycle,
            news=News(
                jobs=store,
                transitions=lifecycle.transitions,
                blobs=platform.blobs,
                quotas=quotas,
                ledger=UsageStore(pool),
                lifecycle=lifecycle,
            ),
            revisions=revisions,
            submissions=Submissions(
                jobs=store,
                uploads=UploadStore(pool),
                solutions=ground.solutions,
                egress=ground.egress,
                choosing=choosing,
                quotas=quotas,
                vocabularies=vocabularies,
                deadline=ground.deadline,
                wakeups=streams.wakeups,
                turns=turns,
                wake=ground.outbox.wake,
            ),
            indexing=Indexing(
                index=SearchIndex(platform.database),
                blobs=platform.blobs,
                transcript_key=revisions.transcript_key,
                transcripts=settings.search_transcripts,
            ),
        )

    @property
    def loops(self) -> Sequence[Loop]:
        """What goes on while nobody asks."""
        return [
            Loop(name="gateway.search", run=by_system(self.indexing.run)),
            Loop(name="gateway.turns", run=by_system(self.turns.run)),
            Loop(name="gateway.batches", run=by_system(self.endings.run)),
        ]


def _quotas(ground: Ground) -> Quotas:
    pool = ground.pool
    return Quotas(
        plans=Plans(PlanStore(pool)),
        minutes=MinuteStore(pool),
        storage=StorageStore(pool),
        allowances=Allowances.of(ground.settings, AllowanceStore(pool)),
    )
