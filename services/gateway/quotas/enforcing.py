"""Holds what a job or an upload may use before it uses it, so that a tenant's plan is never overdrawn."""

from __future__ import annotations

import datetime as dt
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import msgspec

from services.gateway.allowances import Allowances, Granted, month_of, with_allowance
from services.gateway.jobs import Job
from services.gateway.problems import Problem
from services.gateway.quotas import refusals
from services.gateway.store.engines import Choice
from services.gateway.store.minutes import Held, MinuteStore
from services.gateway.store.plans import Feature, Plan, PlanStore
from services.gateway.store.storage import Room, StorageFull, StorageStore
from shared.engines import engine_for
from shared.schemas.jobs import ReportMode
from shared.schemas.solutions import Solution

KNOWN_SECONDS = 5.0
"""How long the plan that a tenant had may still count here after it has changed."""
UNKNOWN_MS = 60 * refusals.MINUTE_MS
"""What is held for a recording of which nothing is known."""

_REMEMBERED = 4096
_BYTES_A_MS = 3
"""24 kbit/s: hardly any speech is compressed more. A recording that turns out longer than that is asked for again."""
_PLAIN_BYTES_A_MS = 32
_PLAIN = frozenset({"audio/wav", "audio/aiff", "audio/flac"})


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What was taken for one job; whoever makes no job of it gives it back."""

    allowance: Granted | None = None
    minutes: Held | None = None


@dataclass(frozen=True, kw_only=True)
class PlanStanding:
    """Where a tenant stands."""

    plan: Plan | None
    month: dt.date
    used_ms: int
    """Of audio in this month; used, or held for jobs at work."""
    stored_bytes: int


class Plans:
    """Knows each tenant's plan; a few seconds old at most."""

    def __init__(self, store: PlanStore, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._known: OrderedDict[UUID, tuple[float, Plan | None]] = OrderedDict()

    async def of(self, tenant_id: UUID) -> Plan | None:
        """A tenant's plan; null where nothing is limited."""
        now = self._clock()
        remembered = self._known.get(tenant_id)
        if remembered is not None and remembered[0] > now:
            return remembered[1]
        plan = await self._store.of(tenant_id)
        self._known[tenant_id] = (now + KNOWN_SECONDS, plan)
        self._known.move_to_end(tenant_id)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return plan


@dataclass(frozen=True, kw_only=True)
class Quotas:
    """Tenants' plans, and what is taken of them."""

    plans: Plans
    minutes: MinuteStore
    storage: StorageStore
    allowances: Allowances

    async def check(self, job: Job, choice: Choice) -> Job:
        """The job as the plan allows it, with an engine in the house where rented ones are not part of it and none was
        named. Raises `Problem` 403."""
        plan = await self.plans.of(job.tenant_id)
        if plan is None or plan.features is None:
            return job
        options = job.options
        if options.redaction is not None and not plan.has(Feature.REDACTION):
            raise refusals.not_in_plan(plan, Feature.REDACTION)
        if options.report_mode is ReportMode.LLM and not plan.has(Feature.LANGUAGE_MODELS):
            raise refusals.not_in_plan(plan, Feature.LANGUAGE_MODELS)
        if plan.has(Feature.RENTED_ENGINES):
            return job
        rented = {offer.name for offer in choice.offers if offer.rented}
        if options.engine in rented:
            raise refusals.not_in_plan(plan, Feature.RENTED_ENGINES)
        engine = engine_for(options, msgspec.structs.replace(choice.rules, allow_rented=False), choice.offers)
        if engine in rented:  # the tenant's own default
            raise refusals.not_in_plan(plan, Feature.RENTED_ENGINES)
        return msgspec.structs.replace(job, options=msgspec.structs.replace(options, engine=engine))

    async def take(
        self, job: Job, solution: Solution | None, choice: Choice, *, size: int | None = None, transcribes: bool
    ) -> tuple[Job, Taken]:
        """Take what the job may use of language models, and of the month's minutes where it is to be transcribed. The job
        with it. Raises `Problem`: 402, 422."""
        plan = await self.plans.of(job.tenant_id)
        held = await self._hold(job, plan, size) if transcribes and plan is not None else None
        try:
            may_ask = solution is not None and (plan is None or plan.has(Feature.LANGUAGE_MODELS))
            granted = await self.allowances.grant(job, solution, choice.rules) if solution is not None and may_ask else None
        except BaseException:
            await self.give_back(Taken(minutes=held))
            raise
        job = with_allowance(job, granted)
        if transcribes:
            limit = None if held is None else held.ms
            job = msgspec.structs.replace(job, options=msgspec.structs.replace(job.options, audio_limit_ms=limit))
        return job, Taken(allowance=granted, minutes=held)

    async def give_back(self, taken: Taken) -> None:
        """Nothing came of the job."""
        await self.allowances.give_back(taken.allowance)
        if taken.minutes is not None:
            await self.minutes.give_back(taken.minutes.id)

    async def extend(self, job: Job, duration_ms: int) -> Plan | None:
        """Hold as much for the next run of a job as its recording turned out to need. Null when that is done, or the plan
        that has not so much left."""
        plan = await self.plans.of(job.tenant_id)
        if plan is None or plan.minutes_per_month is None:
            return None
        limit = plan.minutes_per_month * refusals.MINUTE_MS
        done = await self.minutes.extend(job.tenant_id, job.id, run=job.run, ms=duration_ms, limit=limit)
        return None if done else plan

    async def most_waiting(self, tenant_id: UUID) -> int | None:
        """How many jobs may wait; null for any number."""
        plan = await self.plans.of(tenant_id)
        return None if plan is None else plan.waiting_jobs

    async def most_at_once(self, tenant_id: UUID) -> int | None:
        """How many jobs may be in work at once; null where the plan says nothing."""
        plan = await self.plans.of(tenant_id)
        return None if plan is None else plan.concurrent_jobs

    async def too_many_waiting(self, tenant_id: UUID, waiting: int) -> Problem:
        """What is said to whoever creates one more."""
        return refusals.too_many_waiting(await self.plans.of(tenant_id) or Plan(name="of before"), waiting=waiting)

    @asynccontextmanager
    async def room(self, tenant_id: UUID, size: int | None) -> AsyncIterator[Room | None]:
        """What an upload wants of the tenant's storage, which whoever enters it takes; null for no limit. Raises
        `Problem` 402."""
        plan = await self.plans.of(tenant_id)
        try:
            limited = plan is not None and plan.storage_bytes is not None
            yield Room(limit=plan.storage_bytes or 0, wanted=size) if plan is not None and limited else None
        except StorageFull as full:
            assert plan is not None
            raise refusals.storage_full(plan, used=full.used, wanted=full.room.wanted) from None

    async def standing(self, tenant_id: UUID) -> PlanStanding:
        """What the tenant may use, and what it has used."""
        return PlanStanding(
            plan=await self.plans.of(tenant_id),
            month=(month := month_of(dt.datetime.now(dt.UTC))),
            used_ms=await self.minutes.used(tenant_id, month),
            stored_bytes=await self.storage.stored(tenant_id),
        )

    async def _hold(self, job: Job, plan: Plan, size: int | None) -> Held | None:
        """As much of the month as the recording seems to need, or as is left; exactly as much where its length is known."""
        if plan.minutes_per_month is None:
            return None
        limit, month = plan.minutes_per_month * refusals.MINUTE_MS, month_of(dt.datetime.now(dt.UTC))
        known = job.duration_ms
        wanted = known or _estimate(size, job.media_type)
        held = await self.minutes.hold(
            job.tenant_id, month, job_id=job.id, run=job.run, wanted=wanted, least=known or 1, limit=limit
        )
        if held is None:
            used = await self.minutes.used(job.tenant_id, month)
            raise refusals.minutes_used_up(plan, used_ms=used, month=month, wanted_ms=known)
        return held


def _estimate(size: int | None, media_type: str | None) -> int:
    """How long a recording of so many bytes is, roughly."""
    if size is None:
        return UNKNOWN_MS
    return max(1, size // (_PLAIN_BYTES_A_MS if media_type in _PLAIN else _BYTES_A_MS))
