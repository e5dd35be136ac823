"""The leased loop: claims transcriptions that are due, has them worked on side by side, and keeps their leases alive."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

import structlog

from services.transcriber.clearing import Cleaner
from services.transcriber.engines import Engine, RentedEngine
from services.transcriber.engines.registry import Engines
from services.transcriber.leases import LEASE_SECONDS, Leases
from services.transcriber.pacing import Pacing
from services.transcriber.renting import Tasks
from services.transcriber.store import Key, Transcription
from services.transcriber.transcriber import Transcriber
from services.transcriber.waits import Waits
from shared.database import is_outage
from shared.errors import RetryableError
from shared.retry import backoff

POLL_SECONDS = 1.0
"""How soon work is found that another process wrote down or gave back; this process's own is found at once."""
HEARTBEAT_SECONDS = 5.0
CLEAN_SECONDS = 5.0
OVERDUE_SECONDS = 15.0
FORGET_SECONDS = 3600.0
ACCOUNTS_SECONDS = 2.0
LONGEST_BREATH = 1.0
ANSWERED_AT_ONCE = 8
"""Answers of providers that are made transcripts of at a time, beside what the engines work on."""
LONGEST_PAUSE = 5.0
RELEASE_SECONDS = 5.0
SILENT_SECONDS = 30.0

_ANSWERS = "answers"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Running:
    slot: str
    """What it takes room of: its engine, or the answers."""
    task: asyncio.Task[None]


class Driver:
    """One per process. `run` is cancelled to stop, and gives all leases back then."""

    def __init__(
        self,
        *,
        leases: Leases,
        transcriber: Transcriber,
        engines: Engines,
        tasks: Tasks,
        pacing: Pacing,
        waits: Waits,
        cleaner: Cleaner,
        account_concurrency: int,
        stopping: asyncio.Event,
    ) -> None:
        self._leases = leases
        self._transcriber = transcriber
        self._engines = engines
        self._rented = [engine.name for engine in engines if isinstance(engine, RentedEngine)]
        self._tasks = tasks
        self._pacing = pacing
        self._waits = waits
        self._cleaner = cleaner
        self._account_concurrency = account_concurrency
        self._stopping = stopping
        self._running: dict[Key, _Running] = {}
        self._due = asyncio.Event()
        self._taken = asyncio.Event()
        self._renewed = self._claimed = time.monotonic()

    def wake(self) -> None:
        """There may be something to claim."""
        self._due.set()

    def look_round(self) -> None:
        """Something that is worked on may have been cancelled or erased."""
        self._taken.set()

    async def check(self) -> None:
        """Raise when no work could be looked for in a while."""
        if (silent := time.monotonic() - self._claimed) > SILENT_SECONDS:
            raise RetryableError(f"no work could be claimed for {silent:.0f} s")

    async def run(self) -> None:
        """Loop until cancelled."""
        try:
            async with asyncio.TaskGroup() as loops:
                loops.create_task(_repeat("claim", self._claim, every=POLL_SECONDS, wake=self._due))
                loops.create_task(_repeat("heartbeat", self._renew, every=HEARTBEAT_SECONDS, wake=self._taken))
                loops.create_task(_repeat("overdue", self._end_overdue, every=OVERDUE_SECONDS))
                loops.create_task(_repeat("accounts", self._look_after_accounts, every=ACCOUNTS_SECONDS))
                loops.create_task(_repeat("clean", self._cleaner.clean, every=CLEAN_SECONDS))
                loops.create_task(_repeat("forget", self._cleaner.forget_closed, every=FORGET_SECONDS))
        finally:
            await self._let_go()

    async def _claim(self) -> None:
        if self._stopping.is_set():
            return
        busy = Counter(running.slot for running in self._running.values())
        for engine in self._engines:
            free = engine.at_once - busy[engine.name]
            for row in await self._claim_for(engine, free) if free > 0 else ():
                self._start(row, slot=engine.name)
        free = ANSWERED_AT_ONCE - busy[_ANSWERS]
        for row in await self._leases.claim_answered(self._rented, free) if free > 0 and self._rented else ():
            self._start(row, slot=_ANSWERS)
        self._claimed = time.monotonic()

    async def _claim_for(self, engine: Engine, limit: int) -> list[Transcription]:
        polled = isinstance(engine, RentedEngine)
        return await self._leases.claim(engine.name, limit, most_begun=self._account_concurrency, polled=polled)

    def _start(self, row: Transcription, *, slot: str) -> None:
        if row.key in self._running:  # our own lease had run out, and is renewed by the claim
            return
        task = asyncio.create_task(self._work(row), name=f"transcription {row.job_id}/{row.run}")
        self._running[row.key] = _Running(slot=slot, task=task)

    async def _work(self, row: Transcription) -> None:
        try:
            await self._transcriber.work(row)
        except Exception as error:  # even its fate could not be written down; the lease ends by itself
            log.warning("transcription.left", job_id=str(row.job_id), run=row.run, error=repr(error))
        finally:
            del self._running[row.key]
            self._due.set()

    async def _renew(self) -> None:
        asked, running = time.monotonic(), dict(self._running)  # what starts meanwhile has a fresh lease
        try:
            held = await self._leases.renew(list(running))
        except Exception:
            if asked - self._renewed > LEASE_SECONDS:
                _stop(running.values())
            raise
        self._renewed = asked
        _stop(one for key, one in running.items() if key not in held)

    async def _end_overdue(self) -> None:
        for row in await self._leases.claim_overdue():
            await self._transcriber.end_overdue(row)

    async def _look_after_accounts(self) -> None:
        await self._pacing.look()
        await self._tasks.follow_keys()
        await self._waits.tell()

    async def _let_go(self) -> None:
        tasks = [running.task for running in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(Exception):  # what cannot be given back ends by itself
            async with asyncio.timeout(RELEASE_SECONDS):
                await self._leases.release()


def _stop(lost: Iterable[_Running]) -> None:
    for one in lost:
        one.task.cancel()


async def _repeat(
    name: str, step: Callable[[], Awaitable[None]], *, every: float, wake: asyncio.Event | None = None
) -> NoReturn:
    """Take a step every so many seconds, and when woken, but rest half of the time; pause longer while there is an outage."""
    woken = wake or asyncio.Event()
    outages = 0
    while True:
        woken.clear()
        began = time.monotonic()
        try:
            await step()
            outages, pause = 0, every
        except Exception as error:
            if not (isinstance(error, RetryableError) or is_outage(error)):
                raise
            outages += 1
            pause = backoff(outages, longest=LONGEST_PAUSE)
            log.warning("driver.outage", loop=name, outages=outages, error=repr(error))
        await asyncio.sleep(min(time.monotonic() - began, LONGEST_BREATH))
        with suppress(TimeoutError):
            async with asyncio.timeout(pause * random.uniform(0.8, 1.2)):
                await woken.wait()
