"""Carries out for how long things are kept, by what lies in the store: it lists everything there is, and asks of each what it
is still there for. So nothing is passed over, whatever a row says: failed jobs, earlier runs and revisions, late work.

A step that was broken off is begun again by the next round, on whichever process.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from services.gateway import announcements
from services.gateway.places import Place, is_replaced, keys_of
from services.gateway.privacy.rules import RECORD, due, effective
from services.gateway.store.retention import Remaining, RetentionStore, RoundStore
from services.gateway.store.transitions import Transitions
from services.gateway.wakeups import Wakeups
from shared import metrics
from shared.blobs import BlobStore, job_prefix
from shared.outbox import Outbox
from shared.schemas.events import ContentErased
from shared.schemas.privacy import Part, RetentionDays, RetentionRules

ROUND = "retention"
HOLD_SECONDS = 600.0
"""How long a round stays with a process that does not say that it is still at it."""
JOBS_AT_ONCE = 100

log = structlog.get_logger(__name__)


@dataclass(kw_only=True)
class _Tally:
    """What a round came to."""

    removed: dict[Part, int] = field(default_factory=lambda: dict.fromkeys(Part, 0))
    """Jobs, by the part that was taken away."""
    records: int = 0
    blobs: int = 0
    unknown: int = 0
    """Jobs that only the store knows."""
    late: int = 0
    """Blobs of parts that were taken away before."""
    replaced: int = 0
    """Files of transcripts that were edited since."""


@dataclass(frozen=True, kw_only=True)
class Retention:
    """Looks through the store, one process at a time."""

    store: RetentionStore
    rounds: RoundStore
    transitions: Transitions
    blobs: BlobStore
    outbox: Outbox
    wakeups: Wakeups
    installation: RetentionDays
    every: float
    """Seconds from the end of a round to the next."""

    async def carry_out(self) -> None:
        """Go round once, when it is time and nobody else is at it."""
        if not await self.rounds.begin(ROUND, hold=HOLD_SECONDS):
            return
        decisions = {decision.tenant_id: decision.rules for decision in await self.store.decisions()}
        tally = _Tally()
        async for batch in _by_job(self.blobs):
            await self._look(batch, decisions, tally)
            if not await self.rounds.keep(ROUND, hold=HOLD_SECONDS):
                return
        for tenant_id, rules in decisions.items():
            await self._end_records(tenant_id, rules, tally)
        await self.rounds.end(ROUND, next_after=self.every)
        metrics.RETENTION_UNKNOWN.set(tally.unknown)
        metrics.RETENTION_ROUND.set_to_current_time()
        log.info(
            "retention.verified",
            blobs=tally.blobs,
            records=tally.records,
            unknown_jobs=tally.unknown,
            late_blobs=tally.late,
            replaced_blobs=tally.replaced,
            **{part.value: count for part, count in tally.removed.items()},
        )

    async def _look(self, batch: Mapping[UUID, list[Place]], decisions: Mapping[UUID, RetentionRules], tally: _Tally) -> None:
        known = {job.id: job for job in await self.store.remaining(batch)}
        strangers = batch.keys() - known.keys()
        strangers -= await self.store.expected(strangers)
        for job_id in strangers:
            # Never removed by itself: a database that was brought back from a backup knows no job that came after it.
            tally.unknown += 1
            log.warning("retention.unknown_job", tenant_id=str(batch[job_id][0].tenant_id), job_id=str(job_id))
        for job_id, job in known.items():
            tally.blobs += len(batch[job_id])
            if job.at_rest:
                await self._drop_replaced(job, batch[job_id], tally)
                await self._take_away(job, batch[job_id], decisions.get(job.tenant_id, RetentionRules()), tally)

    async def _drop_replaced(self, job: Remaining, places: Sequence[Place], tally: _Tally) -> None:
        """Each edit has all files made anew; those before it only take up room."""
        for place in places:
            if is_replaced(place.key, run=job.run, before=job.replaced_before) and place.key not in job.shown:
                await self.blobs.delete(place.key)
                tally.replaced += 1

    async def _take_away(self, job: Remaining, places: Sequence[Place], rules: RetentionRules, tally: _Tally) -> None:
        assert job.finished_at is not None
        kept = effective(self.installation, rules, job.solution)
        there = {place.part for place in places}
        over = due(kept, job.finished_at, now=dt.datetime.now(dt.UTC)) & there - job.removed.keys()
        if over:
            event = ContentErased(tenant_id=job.tenant_id, job_id=job.id, run=job.run, parts=tuple(sorted(over)))
            if not await self.store.mark(job, over, event):
                return
            self.outbox.wake()
            self.wakeups.tell(job.tenant_id, job.id)
        if late := there & job.removed.keys():
            tally.late += len(keys_of(places, late))
        if over | late:
            await self._empty(job, tally, over)

    async def _empty(self, job: Remaining, tally: _Tally, over: set[Part]) -> None:
        """Take away what is marked, and look whether it is gone."""
        async with self.store.holding(job.id) as removed:
            for key in keys_of(await places_of(self.blobs, job.tenant_id, job.id), removed):
                await self.blobs.delete(key)
            left = keys_of(await places_of(self.blobs, job.tenant_id, job.id), removed)
        names = {"tenant_id": str(job.tenant_id), "job_id": str(job.id)}
        if left:
            log.error("retention.not_removed", **names, blobs=len(left))
            return
        for part in over & removed:
            tally.removed[part] += 1
            metrics.RETENTION_REMOVED.labels(part).inc()
        log.info("retention.removed", **names, parts=sorted(over & removed) or sorted(removed))

    async def _end_records(self, tenant_id: UUID, rules: RetentionRules, tally: _Tally) -> None:
        """Erase jobs whose own time is over, with all that is left of them anywhere."""
        named = rules.solutions
        groups: list[tuple[Sequence[str] | None, RetentionDays]] = [
            ([solution], effective(self.installation, rules, solution)) for solution in named
        ]
        groups.append((None, effective(self.installation, rules)))
        for solutions, kept in groups:
            if isinstance(kept.record, int):
                before = dt.datetime.now(dt.UTC) - dt.timedelta(days=kept.record)
                others = list(named) if solutions is None else []
                while jobs := await self.store.over(tenant_id, before=before, solutions=solutions, others=others):
                    for job in jobs:
                        if await self.transitions.erased(job, announcements.erased(job), unless_changed=True):
                            tally.records += 1
                            metrics.RETENTION_REMOVED.labels(RECORD).inc()
                            self.wakeups.tell(job.tenant_id, job.id)
                    self.outbox.wake()
                    if not await self.rounds.keep(ROUND, hold=HOLD_SECONDS):
                        return


async def places_of(blobs: BlobStore, tenant_id: UUID, job_id: UUID) -> list[Place]:
    """What lies in the store of a job, now."""
    found = [Place.of(info.key) async for info in blobs.list(job_prefix(tenant_id, job_id))]
    return [place for place in found if place is not None]


async def _by_job(blobs: BlobStore) -> AsyncIterator[dict[UUID, list[Place]]]:
    """Everything in the store, so many jobs at a time. Keys come sorted, so those of one job come together."""
    batch: dict[UUID, list[Place]] = defaultdict(list)
    async for info in blobs.list("t/"):
        place = Place.of(info.key)
        if place is None:
            continue
        if place.job_id not in batch and len(batch) == JOBS_AT_ONCE:
            yield dict(batch)
            batch.clear()
        batch[place.job_id].append(place)
    if batch:
        yield dict(batch)
