"""What tests of the transcriber are made of: words, engines that fail when told to, and the service over a real database."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar, cast
from uuid import UUID, uuid4

import msgspec
from typing_extensions import override

from services.transcriber.accounts import Accounts
from services.transcriber.answering import Answering
from services.transcriber.clearing import Cleaner
from services.transcriber.driver import Driver
from services.transcriber.engines import (
    Account,
    Attachment,
    Capabilities,
    Engine,
    Finished,
    Heard,
    InHouseEngine,
    News,
    OutcomeUnknown,
    Passage,
    Pending,
    Prepared,
    RentedEngine,
    Report,
    Task,
    checkpoint_prefix,
)
from services.transcriber.engines.registry import Engines
from services.transcriber.engines.script import raw_script, read_script
from services.transcriber.hooks import Callbacks, HooksApp
from services.transcriber.kept_answers import KeptAnswers
from services.transcriber.leases import Leases
from services.transcriber.leftovers import LeftoverStore
from services.transcriber.lengths import Lengths
from services.transcriber.pacing import Pacing
from services.transcriber.poller import Poller
from services.transcriber.renting import Renting, Tasks
from services.transcriber.rules import RulesStore
from services.transcriber.scratch import Scratch
from services.transcriber.settings import TranscriberSettings
from services.transcriber.sources import Sources
from services.transcriber.store import Outcome, TranscriptionStore
from services.transcriber.store.answers import AnswerStore
from services.transcriber.store.submissions import SubmissionStore
from services.transcriber.store.waits import WaitStore
from services.transcriber.transcriber import Transcriber
from services.transcriber.transcriptions import Transcriptions
from services.transcriber.waits import Waits
from shared.blobs import BlobStore, source_key
from shared.database import Pool
from shared.egress import EgressPolicy
from shared.errors import JobError
from shared.outbox import Outbox
from shared.schemas.engines import Feature
from shared.schemas.events import (
    JobCancelled,
    JobErased,
    JobSubmitted,
    TranscriptionProgressed,
    TranscriptionState,
    TranscriptReady,
)
from shared.schemas.ids import new_id
from shared.schemas.jobs import Failure, JobOptions
from shared.schemas.transcripts import SegmentFlag, Word

PATIENCE = 30.0
"""Seconds after which a test gives up waiting for what must happen."""

E = TypeVar("E")


def words(text: str, *, start_ms: int = 0, word_ms: int = 300, confidence: float | None = 0.9) -> tuple[Word, ...]:
    """The words of a text, each as long as the next; a `|` makes a pause of a second."""
    made, at = [], start_ms
    for token in text.split():
        if token == "|":
            at += 1_000
            continue
        made.append(Word(t=token, s=at, e=at + word_ms, c=confidence, sep=" "))
        at += word_ms
    return tuple(made)


def passage(
    text: str,
    *,
    start_ms: int = 0,
    speaker: str | None = None,
    language: str | None = "en",
    flags: frozenset[SegmentFlag] = frozenset(),
    word_ms: int = 300,
    confidence: float | None = 0.9,
) -> Passage:
    """A passage of such words."""
    return Passage(
        words=words(text, start_ms=start_ms, word_ms=word_ms, confidence=confidence),
        speaker=speaker,
        language=language,
        flags=flags,
    )


def job_submitted(engine: str, **changes: Any) -> JobSubmitted:
    """A job of a new tenant with an hour left, unless told otherwise."""
    tenant_id, job_id = new_id(), new_id()
    event = JobSubmitted(
        tenant_id=tenant_id,
        job_id=job_id,
        options=JobOptions(engine=engine),
        source_key=source_key(tenant_id, job_id),
        deadline_at=dt.datetime.now(dt.UTC) + dt.timedelta(hours=1),
    )
    return msgspec.structs.replace(event, **changes)


class Provider(RentedEngine):
    """A rented engine whose provider remembers what it was handed, and fails as it is told."""

    name = "rented"
    capabilities = Capabilities(features=frozenset({Feature.SPEAKERS}), keeps_copies=True)
    at_once = 8
    key: str | None = "deployment-key-1234"
    first_poll = 0.01

    def __init__(self) -> None:
        self.accepted: dict[str, UUID] = {}
        self.dismissed: list[str] = []
        self.searches = 0
        """How often tasks were looked for to be dismissed."""
        self.submit_faults: list[Exception] = []
        """Raised by the next submissions before the provider has seen anything."""
        self.lost_answers = 0
        """How many of the next submissions are accepted without the caller learning it."""
        self.unlisted = 0
        """How often `find` cannot tell yet."""
        self.polls_until_finished = 0
        self.pause: float | None = 0.01
        """Seconds it asks for between polls."""
        self.failure: JobError | None = None
        self.poll_faults: list[Exception] = []
        """Raised by the next polls."""
        self.polls: list[Task] = []
        self.tokens: dict[str, str] = {}
        """Of what it accepted."""
        self.files: tuple[Attachment, ...] = ()

    @override
    async def prepare(self, task: Task) -> Prepared:
        return {"audio": f"upload/{task.job_id}", "job_id": str(task.job_id)}

    @override
    async def submit(self, task: Task, prepared: Prepared) -> str:
        if self.submit_faults:
            raise self.submit_faults.pop(0)
        provider_id = str(uuid4())
        self.accepted[provider_id] = task.job_id
        self.tokens[provider_id] = task.token
        if self.lost_answers:
            self.lost_answers -= 1
            raise ConnectionResetError("the connection was lost before the answer came")
        return provider_id

    @override
    async def find(self, task: Task, prepared: Prepared, submitted_at: dt.datetime) -> str | None:
        if self.unlisted:
            self.unlisted -= 1
            raise OutcomeUnknown("the provider's list may lag behind")
        return next((provider_id for provider_id, job_id in self.accepted.items() if job_id == task.job_id), None)

    @override
    async def poll(self, task: Task, provider_id: str) -> Pending | Finished:
        assert provider_id in self.accepted
        self.polls.append(task)
        if self.poll_faults:
            raise self.poll_faults.pop(0)
        if self.failure is not None:
            raise self.failure
        if self.polls_until_finished:
            self.polls_until_finished -= 1
            return Pending(seconds=self.pause, progress=0.5, duration_ms=10_000)
        return Finished()

    @override
    async def fetch(self, task: Task, provider_id: str) -> bytes:
        return raw_script(10_000)

    @override
    async def attachments(self, task: Task, provider_id: str, raw: bytes) -> tuple[Attachment, ...]:
        return self.files

    @override
    def may_call(self, headers: Mapping[str, str], query: Mapping[str, str]) -> bool:
        return headers.get("x-secret") == "of the provider"

    @override
    def heed(self, headers: Mapping[str, str], query: Mapping[str, str], body: bytes) -> News | None:
        return News(token=query["token"], provider_id=query.get("id"), raw=body or None)

    @override
    async def dismiss(self, account: Account, provider_id: str | None, prepared: Prepared, *, search: bool) -> None:
        self.searches += search
        job_id = prepared.get("job_id") if search else None
        for known, of_job in list(self.accepted.items()):
            if known == provider_id or str(of_job) == job_id:
                self.dismissed.append(known)

    @override
    def parse(self, raw: bytes) -> Heard:
        return read_script(raw)


class HouseEngine(InHouseEngine):
    """An engine in the house that keeps a checkpoint, waits to be let go on, and breaks down as often as it is told."""

    name = "house"
    capabilities = Capabilities(features=frozenset({Feature.SPEAKERS}))

    def __init__(self, blobs: BlobStore, *, at_once: int = 1) -> None:
        self.at_once = at_once
        self.blobs = blobs
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.started: asyncio.Queue[Task] = asyncio.Queue()
        self.stopped: asyncio.Queue[Task] = asyncio.Queue()
        self.faults: list[Exception] = []
        self.raw = raw_script(10_000)

    @override
    async def transcribe(self, task: Task, report: Report) -> bytes:
        self.started.put_nowait(task)
        try:
            if self.faults:
                raise self.faults.pop(0)
            await self.blobs.put(f"{checkpoint_prefix(task.tenant_id, task.job_id, task.run)}half", b"half of it")
            await report(0.5, duration_ms=10_000)
            await self.go_on.wait()
        finally:
            self.stopped.put_nowait(task)
        return self.raw

    @override
    def parse(self, raw: bytes) -> Heard:
        return read_script(raw)


class WatchedOutbox(Outbox):
    """An outbox that tests wait at."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool=pool, schema="transcriber")
        self._pool = pool
        self.changed = asyncio.Event()

    @override
    def wake(self) -> None:
        self.changed.set()

    async def events(self) -> list[Outcome]:
        """What was told so far; nobody takes it away in these tests."""
        rows = await self._pool.fetch("select payload from transcriber.outbox order by id")
        return [msgspec.json.decode(row["payload"], type=Outcome) for row in rows]


class Process:
    """What one process of the transcriber has, and how tests talk to it."""

    def __init__(
        self,
        *,
        pool: Pool,
        blobs: BlobStore,
        engines: Mapping[str, Engine],
        policy: EgressPolicy | None = None,
        settings: TranscriberSettings | None = None,
    ) -> None:
        self.pool = pool
        self.blobs = blobs
        self.owner = uuid4()
        self.outbox = WatchedOutbox(pool)
        self.stopping = asyncio.Event()
        self.engines = engines
        settings = settings or TranscriberSettings()
        choice = Engines(engines, default=next(iter(engines)))
        self.store = TranscriptionStore(pool=pool, owner=self.owner)
        self.submissions = SubmissionStore(pool=pool, owner=self.owner)
        self.leases = Leases(pool=pool, owner=self.owner)
        self.accounts = Accounts(pool=pool, secret_key=b"a master secret of thirty-two bytes")
        self.rules = RulesStore(pool)
        self.pacing = Pacing(pool=pool, settings=settings)
        leftovers = LeftoverStore(pool)
        self.cleaner = Cleaner(store=leftovers, blobs=blobs, engines=choice, accounts=self.accounts, pacing=self.pacing)
        self.transcriptions = Transcriptions(
            pool=pool,
            store=self.store,
            leftovers=leftovers,
            outbox=self.outbox,
            engines=choice,
            rules=self.rules,
            accounts=self.accounts,
        )
        tasks = Tasks(
            engines=choice,
            accounts=self.accounts,
            rules=self.rules,
            submissions=self.submissions,
            pacing=self.pacing,
            blobs=blobs,
        )
        renting = Renting(submissions=self.submissions, leftovers=leftovers, pacing=self.pacing)
        self.transcriber = Transcriber(
            pool=pool,
            store=self.store,
            leftovers=leftovers,
            outbox=self.outbox,
            blobs=blobs,
            engines=choice,
            sources=Sources(blobs=blobs, policy=policy or EgressPolicy(), settings=settings),
            # Without a scratch folder: none of these jobs may only be so long.
            lengths=Lengths(blobs=blobs, scratch=cast("Scratch", None), most_ms=settings.max_audio_ms),
            tasks=tasks,
            submissions=self.submissions,
            renting=renting,
            answering=Answering(pool=pool, owner=self.owner, blobs=blobs),
            kept=KeptAnswers(answers=AnswerStore(pool=pool, owner=self.owner), blobs=blobs),
            chinese_script=settings.chinese_script,
        )
        self.waits = Waits(pool=pool, store=WaitStore(), outbox=self.outbox)
        self.driver = Driver(
            leases=self.leases,
            transcriber=self.transcriber,
            engines=choice,
            tasks=tasks,
            pacing=self.pacing,
            waits=self.waits,
            cleaner=self.cleaner,
            account_concurrency=settings.account_concurrency,
            stopping=self.stopping,
        )
        self.poller = Poller(
            engines={name: engine for name, engine in engines.items() if isinstance(engine, RentedEngine)},
            leases=self.leases,
            submissions=self.submissions,
            tasks=tasks,
            renting=renting,
            pacing=self.pacing,
            transcriber=self.transcriber,
            blobs=blobs,
            answered=self.driver.wake,
            stopping=self.stopping,
        )
        callbacks = Callbacks(submissions=self.submissions, leftovers=leftovers, blobs=blobs, wake=self.poller.wake)
        self.hooks = HooksApp(engines=choice, callbacks=callbacks)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Its loop runs for the length of the block; then it is shut down."""
        loops = [asyncio.create_task(self.driver.run()), asyncio.create_task(self.poller.run())]
        try:
            yield
        finally:
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)

    async def submit(self, event: JobSubmitted, *, recording: bytes | None = b"a recording") -> JobSubmitted:
        """Have a job's audio stored and its event handled."""
        if recording is not None:
            await self.blobs.put(event.source_key, recording)
        await self.transcriptions.submitted(event)
        self.driver.wake()
        return event

    async def cancel(self, event: JobSubmitted) -> None:
        """Have the customer cancel."""
        await self.transcriptions.cancelled(JobCancelled(tenant_id=event.tenant_id, job_id=event.job_id, run=event.run))
        self.driver.look_round()

    async def erase(self, event: JobSubmitted) -> None:
        """Have the customer erase."""
        await self.transcriptions.erased(JobErased(tenant_id=event.tenant_id, job_id=event.job_id))
        self.driver.look_round()

    async def told(self, condition: Callable[[Outcome], E | None], *, count: int = 1) -> E:
        """Wait until so many events meet a condition; what it gave for the last of them."""
        async with asyncio.timeout(PATIENCE):
            while True:
                self.outbox.changed.clear()
                found = [value for event in await self.outbox.events() if (value := condition(event)) is not None]
                if len(found) >= count:
                    return found[count - 1]
                with suppress(TimeoutError):  # another process may tell it, which this one's outbox does not notice
                    async with asyncio.timeout(0.1):
                        await self.outbox.changed.wait()

    async def ready(self, event: JobSubmitted, *, count: int = 1) -> TranscriptReady:
        """Wait until the run's transcript is announced, for the `count`-th time if need be."""
        return await self.told(
            lambda told: told if isinstance(told, TranscriptReady) and _same_run(told, event) else None, count=count
        )

    async def failure(self, event: JobSubmitted, *, count: int = 1) -> Failure:
        """Wait until the run's failure is announced."""

        def failed(told: Outcome) -> Failure | None:
            is_it = isinstance(told, TranscriptionProgressed) and _same_run(told, event)
            return told.failure if is_it and isinstance(told, TranscriptionProgressed) else None

        return await self.told(failed, count=count)

    async def state(self, event: JobSubmitted) -> TranscriptionState | None:
        """What the row says; null when there is none."""
        async with self.pool.acquire() as connection:
            row = await connection.fetchrow(
                "select state from transcriber.transcriptions where job_id = $1 and run = $2", event.job_id, event.run
            )
        return None if row is None else TranscriptionState(row["state"])

    async def leases_held(self) -> int:
        """How many transcriptions somebody has leased."""
        return int(await self.pool.fetchval("select count(*) from transcriber.transcriptions where lease_owner is not null"))

    async def keys(self, prefix: str) -> list[str]:
        """Blobs below a prefix."""
        return [info.key async for info in self.blobs.list(prefix)]


def _same_run(told: Outcome, event: JobSubmitted) -> bool:
    return (told.job_id, told.run) == (event.job_id, event.run)
