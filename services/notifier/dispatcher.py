"""The loop that sends what is due: looks for it, lets the scheduler say whose turn it is, takes just that, and makes the
attempts.

The database's clock says what is due; waiting, and who owns what, go by the monotonic one. So a clock that jumps loses
nothing and sends nothing twice.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

import msgspec
import structlog

from services.notifier import measuring
from services.notifier.deliveries import Deliveries, Made
from services.notifier.health import Health, Notice, health_after
from services.notifier.hosts import Hosts
from services.notifier.lanes import Capacity
from services.notifier.pacing import held_pace
from services.notifier.partitions import Partitions
from services.notifier.scheduler import AGE_SECONDS, Grant, Scheduler
from services.notifier.shares import Shares
from services.notifier.signals import Signals
from services.notifier.store.claims import Claimed, ClaimStore, Due
from services.notifier.store.holds import Hold, HoldStore
from services.notifier.store.partitions import PARTS
from services.notifier.warnings import Warnings
from services.notifier.writer import Writer, Written
from shared import metrics
from shared.database import is_outage
from shared.logs import bound_job
from shared.outbox import Outbox
from shared.schemas.endpoints import EndpointKind

LOOK_SECONDS = 0.5
"""How soon something is found at the latest that was made in another process, and whose signal was lost."""
GAP_SECONDS = 0.01
"""Least time between two rounds, so that many ends of attempts cause one."""
LOOK_SHARE = 5
"""A look is followed by so many times its own duration without one."""
MOST_CLAIMED = 256
START_SECONDS = 5.0
"""An attempt starts within this time after it was claimed, or not at all."""

log = structlog.get_logger(__name__)


class Dispatcher:
    """Claims and attempts. After SIGTERM (`stopping`) it claims nothing more; when cancelled it lets running attempts end
    for `grace` seconds and gives back the rest. Through an outage they go on, and `run` can be called again."""

    def __init__(
        self,
        *,
        store: ClaimStore,
        holds: HoldStore,
        partitions: Partitions,
        deliveries: Deliveries,
        writer: Writer,
        warnings: Warnings,
        outbox: Outbox,
        signals: Signals,
        capacity: Capacity,
        lease_seconds: float,
        mail_lease_seconds: float,
        stopping: asyncio.Event,
        grace: float,
    ) -> None:
        self._store = store
        self._holds = holds
        self._partitions = partitions
        self._deliveries = deliveries
        self._writer = writer
        self._warnings = warnings
        self._outbox = outbox
        self._signals = signals
        self.shares = Shares()
        self.hosts = Hosts()
        self._scheduler = Scheduler(capacity)
        self._lease_seconds = lease_seconds
        self._mail_lease_seconds = mail_lease_seconds
        self._stopping = stopping
        self._grace = grace
        self._health: dict[UUID, Health] = {}
        self._unwritten: Counter[UUID] = Counter()
        self._busy: Counter[int] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._under_way: dict[UUID, Claimed] = {}
        """From the claim until what came of it is written down."""
        self._sending: set[UUID] = set()
        """Those of them whose attempt is not over yet."""
        self._event = asyncio.Event()
        self._woken = True
        self._next_look = 0.0
        self._rested = 0.0
        measuring.show_lanes(self._scheduler.running, capacity)

    def wake(self) -> None:
        """Something may be due."""
        self._woken = True
        self._event.set()

    def made(self) -> None:
        """Something is due, for whichever process."""
        self.wake()
        if len(self._partitions.active) < PARTS:
            self._signals.give()

    async def run(self) -> None:
        """Loop until cancelled."""
        try:
            while True:
                self._event.clear()
                await self._partitions.keep(lambda part: self._busy[part] > 0)
                if not self._stopping.is_set():
                    await self._look()
                    await self._start()
                await asyncio.sleep(GAP_SECONDS)
                await self._wait()
        except asyncio.CancelledError:
            await self._finish()
            raise

    async def _look(self) -> None:
        """Find endpoints that something is due for, when it is time to."""
        began = time.monotonic()
        if began < self._rested or (began < self._next_look and not self._woken):
            return
        self._woken = False
        found = await self._store.due(self._partitions.active, within=LOOK_SECONDS)
        now = time.monotonic()
        self._rested = now + LOOK_SHARE * (now - began)
        soon = min((row.seconds for row in found if row.seconds > 0), default=LOOK_SECONDS)
        self._next_look = max(self._rested, now + min(LOOK_SECONDS, soon))
        for row in found:
            self._note(row, now)
        if empty := [row.endpoint_id for row in found if row.seconds <= 0 and not row.count]:
            await self._store.settle(empty)

    def _note(self, row: Due, now: float) -> None:
        known = self._health.get(row.endpoint_id)
        if known is None or known.revision != row.health.revision:
            self._health[row.endpoint_id] = row.health
            if row.endpoint_id in self._scheduler:
                self._scheduler.repace(row.endpoint_id, row.health.pace, now=now)
        if row.count and self._health[row.endpoint_id].disabled is None:
            pace = self._health[row.endpoint_id].pace
            self._scheduler.due(row.endpoint_id, row.tenant_id, pace, count=row.count, now=now, per_minute=row.rate_per_minute)
        else:
            self._forget(row.endpoint_id)

    async def _start(self) -> None:
        """Claim for whom it is the turn of, and start what was claimed."""
        grants = self._scheduler.grants(now=time.monotonic(), most=MOST_CLAIMED)
        if not grants:
            return
        granted: defaultdict[UUID, list[Grant]] = defaultdict(list)
        for grant in grants:
            granted[grant.endpoint_id].append(grant)
        held, begin_by = [], time.monotonic() + START_SECONDS
        for claimed in await self._claim(grants, granted, begin_by):
            host = self._deliveries.host(claimed)
            if host is not None and (wait := self.hosts.wait(host, time.monotonic())) > 0:
                held.append((claimed, wait))
            else:
                self._begin(claimed, granted[claimed.endpoint_id].pop(), host, begin_by)
        holds = self._rest(held)
        if missing := {endpoint_id for endpoint_id, its in granted.items() if its}:
            self._return([grant for endpoint_id in missing for grant in granted[endpoint_id]])
            await self._store.settle(sorted(missing))
        if held:
            await self._holds.hold([claimed for claimed, _ in held], holds)
        if len(grants) == MOST_CLAIMED:
            self._event.set()

    async def _claim(self, grants: list[Grant], granted: dict[UUID, list[Grant]], begin_by: float) -> list[Claimed]:
        try:
            with metrics.DELIVERY_CLAIM_SECONDS.time():
                claims = await self._store.claim(
                    {endpoint_id: len(its) for endpoint_id, its in granted.items()},
                    owner=self._partitions.owner,
                    parts=self._partitions.active,
                    under_way=[claimed.id for claimed in self._under_way.values() if claimed.endpoint_id in granted],
                    lease_seconds=self._lease_seconds,
                    mail_lease_seconds=self._mail_lease_seconds,
                )
        except BaseException:
            self._return(grants)
            raise
        if time.monotonic() <= begin_by:
            return claims
        # The process was held up: the lease might end before the attempt does.
        self._return(grants)
        granted.clear()
        await self._store.give_back(claims)
        return []

    def _rest(self, held: Sequence[tuple[Claimed, float]]) -> dict[UUID, Hold]:
        """Endpoints whose host is not reached wait as if they had found that out themselves."""
        holds, now = {}, time.monotonic()
        for claimed, wait in held:
            health = self._health[claimed.endpoint_id]
            pace = held_pace(health.pace, wait, now=now)
            self._health[claimed.endpoint_id] = msgspec.structs.replace(health, pace=pace)
            self._scheduler.repace(claimed.endpoint_id, pace, now=now)
            holds[claimed.endpoint_id] = Hold(revision=health.revision, seconds=pace.open_until - now)
        metrics.DELIVERIES_HELD.inc(len(held))
        return holds

    def _begin(self, claimed: Claimed, grant: Grant, host: str | None, begin_by: float) -> None:
        measuring.started(claimed, grant)
        self.shares.started(claimed.tenant_id)
        self._busy[claimed.part] += 1
        self._unwritten[claimed.endpoint_id] += 1
        self._under_way[claimed.id] = claimed
        self._sending.add(claimed.id)
        task = asyncio.create_task(self._attempt(claimed, grant, host, begin_by), name=f"delivery {claimed.id}")
        self._tasks.add(task)
        began = time.monotonic()
        task.add_done_callback(lambda done: self._ended(done, claimed, time.monotonic() - began))

    async def _attempt(self, claimed: Claimed, grant: Grant, host: str | None, begin_by: float) -> None:
        with bound_job(tenant_id=claimed.tenant_id, job_id=claimed.job_id, traceparent=claimed.traceparent):
            began = time.monotonic()
            if began > begin_by:  # frozen since: another may have it by now
                await self._give_up(claimed, grant)
                return
            growing_old = asyncio.get_running_loop().call_later(AGE_SECONDS, self._age, grant)
            try:
                made = await self._deliveries.attempt(claimed)
            except BaseException:
                self._scheduler.returned(grant, now=time.monotonic(), begun=True)
                raise
            finally:
                growing_old.cancel()
            health, notice = self._learn(claimed, grant, made, host)
            self._sending.discard(claimed.id)
            mail = claimed.configuration.kind is EndpointKind.EMAIL
            lease = self._mail_lease_seconds if mail else self._lease_seconds
            ours = await self._writer.carry_out(Written(made.result, health, deadline=began + lease))
            self._written(claimed, made, ours)
            if ours and notice is not None and await self._warnings.say(notice, claimed, health):
                self.made()

    async def _give_up(self, claimed: Claimed, grant: Grant) -> None:
        """What was not begun in time is whoever's comes to claim it."""
        log.warning("dispatcher.held_up", delivery_id=str(claimed.id))
        self._scheduler.returned(grant, now=time.monotonic())
        self._sending.discard(claimed.id)
        await self._store.give_back([claimed])

    def _age(self, grant: Grant) -> None:
        self._scheduler.aged(grant)
        self._event.set()

    def _learn(self, claimed: Claimed, grant: Grant, made: Made, host: str | None) -> tuple[Health, Notice | None]:
        """What the attempt says about its endpoint, and its host."""
        now, verdict = time.monotonic(), made.verdict
        if host is not None and self.hosts.ended(host, made.contact, now):
            log.warning("host.unreachable", host=host, reason=verdict.reason)
        pace = self._scheduler.ended(grant, verdict.sign, seconds=made.seconds, now=now, rest=verdict.rest)
        health, notice = health_after(self._health[claimed.endpoint_id], verdict, pace, now=now, callback=claimed.callback)
        self._health[claimed.endpoint_id] = health
        if health.disabled is not None:
            self._scheduler.drop(claimed.endpoint_id)
        self._event.set()
        return health, notice

    def _written(self, claimed: Claimed, made: Made, ours: bool) -> None:
        result = made.result
        measuring.written(claimed, made, ours=ours)
        if ours and result.event is not None:
            self._outbox.wake()
        if result.end is None and made.verdict.wait < LOOK_SECONDS:
            asyncio.get_running_loop().call_later(made.verdict.wait, self.wake)

    def _ended(self, task: asyncio.Task[None], claimed: Claimed, seconds: float) -> None:
        self._tasks.discard(task)
        self.shares.ended(claimed.tenant_id, seconds)
        self._sending.discard(claimed.id)
        self._under_way.pop(claimed.id, None)
        self._busy[claimed.part] -= 1
        self._unwritten[claimed.endpoint_id] -= 1
        self._forget(claimed.endpoint_id)
        self._event.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("delivery.broke_off", delivery_id=str(claimed.id), job_id=str(claimed.job_id), exc_info=error)

    def _forget(self, endpoint_id: UUID) -> None:
        """What is written down need not be remembered."""
        if self._unwritten[endpoint_id] <= 0:
            self._unwritten.pop(endpoint_id, None)
            if endpoint_id not in self._scheduler or self._scheduler.forget(endpoint_id):
                self._health.pop(endpoint_id, None)

    def _return(self, grants: list[Grant]) -> None:
        for grant in grants:
            self._scheduler.returned(grant, now=time.monotonic())
        for endpoint_id in {grant.endpoint_id for grant in grants}:
            self._forget(endpoint_id)

    async def _wait(self) -> None:
        moments = [self._next_look, self._partitions.next_renewal]
        if self._woken:
            moments.append(self._rested)
        if (rest := self._scheduler.next_rest_ends()) is not None:
            moments.append(rest)
        # A wake-up in the rest after a long look waits for its end; ends of attempts do not.
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, min(moments) - time.monotonic())):
                await self._event.wait()

    async def _finish(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._grace)
        unfinished, claims = list(self._tasks), [self._under_way[id_] for id_ in self._sending]
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        try:
            if claims:
                await self._store.give_back(claims)
            await self._partitions.leave()
        except Exception as error:
            if not is_outage(error):
                raise
            log.warning("dispatcher.left_leases", deliveries=len(claims))  # they end by themselves
