"""Asks providers how far their tasks are: thousands of them in turns, each a row of the database and nothing more.

What a provider is still busy with goes back in one statement for all. What it has finished is stored at once, byte for byte,
and left to whoever leases it next.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import NoReturn

import structlog

from services.transcriber.engines import EngineCrashed, KeyRefused, Pending, RentedEngine, Throttled
from services.transcriber.leases import POLL_LEASE_SECONDS, Leases
from services.transcriber.pacing import Pacing
from services.transcriber.renting import Renting, Tasks
from services.transcriber.store import Key, Transcription
from services.transcriber.store.submissions import SubmissionStore, Unfinished
from services.transcriber.transcriber import Transcriber
from shared.blobs import BlobStore, raw_key
from shared.database import is_outage
from shared.errors import JobError, RetryableError
from shared.metrics import ENGINE_POLLS
from shared.retry import backoff

AT_ONCE = 48
"""Questions that are on their way at a time."""
CLAIMED = 4 * AT_ONCE
"""Tasks that wait here for their question, or go through it."""
ROUND_SECONDS = 0.5
"""How soon a task is found that is due; one that a callback came about is found at once."""
BUSY_SECONDS = 0.1
"""Between rounds that have something to do: the more there is, the more goes into one statement."""
LONGEST_PAUSE = 5.0
RENEW_SECONDS = 30.0
"""Leases are renewed so often: an answer may take long, and so may its turn."""
FIRST_INTERVAL, GROWTH, LONGEST_INTERVAL = 3.0, 1.5, 300.0
"""Seconds between questions about one task: few at first, for most recordings are short."""
QUESTIONS_SHARE, CALLED_BACK_SHARE = 0.5, 0.2
"""Of the requests that an account may make. As long as its tasks get by with that, they are all asked for often; the rest is
for submissions, for deletions, and for what providers call back about."""
COUNT_SECONDS = 5.0
"""How often the tasks of each account are counted."""
NEWS = 0.05
"""Progress that is worth an event."""

log = structlog.get_logger(__name__)


def interval(polls: int, tasks: int, requests_per_minute: float) -> float:
    """Seconds until the next question about a task that was asked for so often, and is one of so many of its account."""
    seconds: float = FIRST_INTERVAL * GROWTH ** min(polls, 20)
    return min(seconds, max(FIRST_INTERVAL, _in_turn(tasks, QUESTIONS_SHARE * requests_per_minute)))


def interval_if_called_back(seconds: float, tasks: int, requests_per_minute: float) -> float:
    """The same where the provider calls back, and `seconds` are enough for what was lost."""
    return max(seconds, _in_turn(tasks, CALLED_BACK_SHARE * requests_per_minute))


def _in_turn(tasks: int, per_minute: float) -> float:
    """Seconds in which each of so many tasks has its turn."""
    return min(LONGEST_INTERVAL, tasks * 60.0 / per_minute)


class Poller:
    """One per process. `run` is cancelled to stop; what it has leased is given back with everything of the process."""

    def __init__(
        self,
        *,
        engines: Mapping[str, RentedEngine],
        leases: Leases,
        submissions: SubmissionStore,
        tasks: Tasks,
        renting: Renting,
        pacing: Pacing,
        transcriber: Transcriber,
        blobs: BlobStore,
        answered: Callable[[], None],
        stopping: asyncio.Event,
    ) -> None:
        self._engines = engines
        self._leases = leases
        self._submissions = submissions
        self._tasks = tasks
        self._renting = renting
        self._pacing = pacing
        self._transcriber = transcriber
        self._blobs = blobs
        self._answered = answered
        self._stopping = stopping
        self._due = asyncio.Event()
        self._questions: asyncio.Queue[Transcription] = asyncio.Queue()
        self._held: set[Key] = set()
        """Tasks that wait here for their question, or go through it."""
        self._renewed = time.monotonic()
        self._unfinished: list[Unfinished] = []
        self._at_providers: Mapping[tuple[str, str | None], int] = {}
        self._counted = -COUNT_SECONDS

    def wake(self) -> None:
        """A task may be due."""
        self._due.set()

    async def run(self) -> None:
        """Loop until cancelled."""
        async with asyncio.TaskGroup() as loops:
            loops.create_task(self._go_round(), name="poller")
            for number in range(AT_ONCE if self._engines else 0):
                loops.create_task(self._ask_in_turn(), name=f"poller {number}")

    async def _go_round(self) -> NoReturn:
        outages = 0
        while True:
            self._due.clear()
            try:
                pause, outages = BUSY_SECONDS if await self._round() else ROUND_SECONDS, 0
            except Exception as error:
                if not is_outage(error):
                    raise
                outages += 1
                pause = backoff(outages, longest=LONGEST_PAUSE)
                log.warning("poller.outage", outages=outages, error=repr(error))
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._due.wait()

    async def _round(self) -> bool:
        """Give back what is unfinished and take what is due; whether there was anything."""
        if self._engines and time.monotonic() - self._counted > COUNT_SECONDS:
            self._at_providers, self._counted = await self._submissions.at_providers(), time.monotonic()
        unfinished = self._unfinished[:]
        if unfinished:
            await self._submissions.unfinished(unfinished)
            del self._unfinished[: len(unfinished)]
        await self._renew()
        room = 0 if self._stopping.is_set() else CLAIMED - len(self._held)
        rows = await self._leases.claim_polls(list(self._engines), room) if room and self._engines else []
        for row in rows:
            if row.key not in self._held:  # else our own lease had run out, and is renewed by the claim
                self._held.add(row.key)
                self._questions.put_nowait(row)
        return bool(unfinished or rows)

    async def _renew(self) -> None:
        if self._held and time.monotonic() - self._renewed > RENEW_SECONDS:
            self._renewed = time.monotonic()
            await self._leases.renew(list(self._held), seconds=POLL_LEASE_SECONDS)

    async def _ask_in_turn(self) -> NoReturn:
        while True:
            row = await self._questions.get()
            try:
                await self._ask(row)
            except Exception as error:  # even its fate could not be written down; the lease ends by itself
                log.warning("transcription.left", job_id=str(row.job_id), run=row.run, error=repr(error))
            finally:
                self._held.discard(row.key)

    async def _ask(self, row: Transcription) -> None:
        if self._pacing.rests(row.engine, row.account_id):  # since it was claimed
            self._put_off(row, seconds=0.0)
            return
        try:
            answer = await self._answer(row, self._engines[row.engine])
        except Exception as error:
            ENGINE_POLLS.labels(row.engine, "failed").inc()
            await self._trouble(row, error)
            return
        ENGINE_POLLS.labels(row.engine, "finished" if answer is None else "pending").inc()
        if answer is not None:
            seconds = self._interval(row) if answer.seconds is None else answer.seconds
            self._put_off(row, seconds=seconds, polls=1, pending=answer)

    def _interval(self, row: Transcription) -> float:
        tasks, engine = self._at_providers.get((row.engine, row.account_id), 0), self._engines[row.engine]
        if engine.calls_back:
            return interval_if_called_back(engine.first_poll, tasks, self._pacing.requests_per_minute)
        return interval(row.polls, tasks, self._pacing.requests_per_minute)

    async def _answer(self, row: Transcription, engine: RentedEngine) -> Pending | None:
        """Ask, and store the answer; how far it is when there is none."""
        assert row.provider_id is not None
        task = await self._tasks.to_ask_for(row, engine)
        answer = await self._renting.ask(task, row.provider_id, engine)
        if isinstance(answer, Pending):
            if answer.progress >= row.progress + NEWS or (row.duration_ms is None and answer.duration_ms is not None):
                await self._transcriber.tell(row, answer)
            return answer
        key = raw_key(row.tenant_id, row.job_id, row.run)
        await self._blobs.put(key, answer)
        if await self._submissions.answered(row.key):
            self._answered()
        elif not await self._submissions.is_known(row.key):  # erased, and with it everything that was stored until then
            await self._blobs.delete(key)
        return None

    async def _trouble(self, row: Transcription, error: Exception) -> None:
        """What its account suffers from is noted there; everything else is the task's own."""
        if isinstance(error, JobError | EngineCrashed):
            await self._transcriber.settle(row, error)
        elif isinstance(error, Throttled | KeyRefused):
            self._put_off(row, seconds=0.0)
        elif isinstance(error, RetryableError) or is_outage(error):
            self._put_off(row, seconds=backoff(row.outages + 1), outages=row.outages + 1)
        else:
            await self._transcriber.settle(row, error)

    def _put_off(
        self, row: Transcription, *, seconds: float, polls: int = 0, outages: int = 0, pending: Pending | None = None
    ) -> None:
        pending = pending or Pending()
        self._unfinished.append(
            Unfinished(
                key=row.key,
                seconds=seconds,
                polls=polls,
                outages=outages,
                progress=pending.progress,
                duration_ms=pending.duration_ms,
            )
        )
