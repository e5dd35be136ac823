"""The dealings with rented engines: what they are told, and that no crash anywhere hands the same task over twice."""

from __future__ import annotations

import asyncio
import datetime as dt
import secrets
import time
from contextlib import AbstractAsyncContextManager

import msgspec

from services.transcriber.accounts import Accounts
from services.transcriber.engines import (
    Account,
    Engine,
    Finished,
    InHouseEngine,
    KeyRefused,
    OutcomeUnknown,
    Pending,
    Permit,
    Prepared,
    RentedEngine,
    Task,
    base_language,
)
from services.transcriber.engines.registry import Engines
from services.transcriber.leftovers import Leftover, LeftoverStore
from services.transcriber.pacing import Pacing, Trouble, nobody
from services.transcriber.rules import RulesStore
from services.transcriber.store import NOBODYS, LeaseLost, Transcription
from services.transcriber.store.submissions import SubmissionStore
from shared.blobs import BlobStore
from shared.engines import KeyTerms, choose, key_terms
from shared.errors import JobError, RetryableError
from shared.schemas.engines import EngineRules
from shared.schemas.events import TranscriptionState
from shared.schemas.jobs import JobOptions

HANDOVER_SECONDS = 60.0
"""How long a submission that is on its way may still take when everything else stops."""

UNKNOWN_SECONDS = 1800.0
"""How long a provider may leave it unclear whether it has taken a task, while it answers."""

MOST_SUBMISSIONS = 5
"""Times that a task is handed over with an unclear outcome, each time after it was clear that it had not been taken."""


KEYS_SECONDS = 10.0
"""How long an account is taken to have the key it had."""


class Tasks:
    """Makes of a transcription what engines are told about it."""

    def __init__(
        self,
        *,
        engines: Engines,
        accounts: Accounts,
        rules: RulesStore,
        submissions: SubmissionStore,
        pacing: Pacing,
        blobs: BlobStore,
    ) -> None:
        self._engines = engines
        self._accounts = accounts
        self._rules = rules
        self._submissions = submissions
        self._pacing = pacing
        self._blobs = blobs
        self._known: dict[tuple[object, ...], Account] = {}
        self._known_since = 0.0

    async def to_work_on(self, row: Transcription, engine: Engine) -> Task:
        """For whoever begins it or goes on with it. Raises `JobError` when it may not leave the house, or is too large."""
        rules = await self._rules.of(row.tenant_id)
        if not isinstance(engine, InHouseEngine) and not is_submitted(row):
            await self._check(row, engine, rules)
        terms = key_terms(row.options, rules, engine.capabilities)
        return _task(row, await self.account(row, engine), vocabulary=terms.terms)

    async def to_ask_for(self, row: Transcription, engine: RentedEngine) -> Task:
        """For a question to the provider: keys are not looked up for each."""
        if time.monotonic() - self._known_since > KEYS_SECONDS:
            self._known, self._known_since = {}, time.monotonic()
        key = (row.tenant_id, row.engine, row.account_id)
        if key not in self._known:
            self._known[key] = account_of(_task(row, await self.account(row, engine)))
        return _task(row, self._known[key])

    async def key_terms(self, row: Transcription, engine: Engine) -> KeyTerms:
        """The key terms it is given: the job's, and the tenant's."""
        return key_terms(row.options, await self._rules.of(row.tenant_id), engine.capabilities)

    async def to_report_on(self, row: Transcription) -> JobOptions:
        """What whoever writes the report may do: ask nobody outside when its tenant has forbidden meanwhile that more of it
        leaves the house."""
        llm = row.options.llm
        if llm is None or not llm.outside or (await self._rules.of(row.tenant_id)).allow_rented:
            return row.options
        return msgspec.structs.replace(row.options, llm=msgspec.structs.replace(llm, outside=False))

    async def account(self, row: Transcription, engine: Engine) -> Account | None:
        """Whose key it runs on; null for an engine in the house. Raises `KeyRefused` when there is none."""
        if isinstance(engine, InHouseEngine):
            return None
        account = await self._accounts.of(row.tenant_id, engine, row.account_id if is_submitted(row) else None)
        account = account or await self._accounts.of(row.tenant_id, engine)
        if account is None:
            await self._submissions.assign(row.key, NOBODYS)
            missing = KeyRefused(f"There is no key for the engine {engine.name}.")
            await self._pacing.refused(nobody(engine.name), Trouble.NO_KEY, missing)
            raise missing
        if account.id != row.account_id:
            await self._submissions.assign(row.key, account.id)
        return account

    async def permit(self, row: Transcription, engine: Engine) -> None:
        """Raise `JobError` when its tenant has forbidden meanwhile that more of it leaves the house."""
        rules = await self._rules.of(row.tenant_id)
        if not rules.allow_rented:
            self._choose_again(row, engine, rules)

    async def _check(self, row: Transcription, engine: Engine, rules: EngineRules) -> None:
        size = (await self._blobs.info(row.source_key)).size
        if not rules.allow_rented or size > (engine.capabilities.largest_bytes or size):
            self._choose_again(row, engine, rules, size=size)

    def _choose_again(self, row: Transcription, engine: Engine, rules: EngineRules, *, size: int | None = None) -> None:
        choose(msgspec.structs.replace(row.options, engine=engine.name), rules, self._engines.offers, size=size)

    async def follow_keys(self) -> None:
        """Have tasks go on whose account rests, or that have none, and whose owner has another key now."""
        for waiting in await self._submissions.undecided():
            engine = self._engines.get(waiting.engine)
            if engine is None:
                continue
            account = waiting.submitted and await self._accounts.of(waiting.tenant_id, engine, waiting.account_id)
            account = account or await self._accounts.of(waiting.tenant_id, engine)
            found = NOBODYS if account is None else account.id
            if found != waiting.account_id:
                await self._submissions.move(waiting, found)


def is_submitted(row: Transcription) -> bool:
    """Whether a provider has the task, or may have it."""
    return row.state not in (TranscriptionState.QUEUED, TranscriptionState.PREPARING)


def _task(row: Transcription, account: Account | None, *, vocabulary: tuple[str, ...] = ()) -> Task:
    language = row.options.language
    return Task(
        tenant_id=row.tenant_id,
        job_id=row.job_id,
        run=row.run,
        language=None if language == "auto" else base_language(language),
        source_key=row.source_key,
        options=row.options,
        vocabulary=vocabulary,
        account=account,
        token=row.token or secrets.token_urlsafe(24),
        crashes=row.crashes,
    )


class Renting:
    """Takes one step after the other, and writes each down before the next."""

    def __init__(self, *, submissions: SubmissionStore, leftovers: LeftoverStore, pacing: Pacing) -> None:
        self._submissions = submissions
        self._leftovers = leftovers
        self._pacing = pacing

    async def hand_over(self, row: Transcription, task: Task, engine: RentedEngine, *, permit: Permit) -> str:
        """The provider's id of the task, which it has taken once when this returns."""
        if row.provider_id is not None:
            return row.provider_id
        if row.state is TranscriptionState.SUBMITTING:
            if (found := await self._search(row, task, engine)) is not None:
                return await self._note(row, task, row.prepared or {}, found)
            if row.submissions >= MOST_SUBMISSIONS:
                raise _unclear(engine)
            await permit()
        return await self._submit(row, task, engine)

    def asking(self, task: Task) -> AbstractAsyncContextManager[None]:
        """Around dealings with a provider that are not one of these steps."""
        return self._pacing.asking(account_of(task))

    async def ask(self, task: Task, provider_id: str, engine: RentedEngine) -> Pending | bytes:
        """How far the provider is, or its answer."""
        async with self._pacing.asking(account_of(task)):
            match await engine.poll(task, provider_id):
                case Pending() as pending:
                    return pending
                case Finished(raw=raw):
                    return await engine.fetch(task, provider_id) if raw is None else raw

    async def _search(self, row: Transcription, task: Task, engine: RentedEngine) -> str | None:
        """The id of a task that was handed over by somebody who could not write it down; null when it was not taken."""
        assert row.prepared is not None
        assert row.submitted_at is not None
        try:
            async with self._pacing.asking(account_of(task), searching=True):
                return await engine.find(task, row.prepared, row.submitted_at)
        except OutcomeUnknown:
            if (dt.datetime.now(dt.UTC) - row.submitted_at).total_seconds() > UNKNOWN_SECONDS:
                raise _unclear(engine) from None
            raise

    async def _submit(self, row: Transcription, task: Task, engine: RentedEngine) -> str:
        prepared, account_id = row.prepared, account_of(task).id
        moved = account_id != row.account_id and not is_submitted(row)
        if prepared is None or moved:  # another account may not see what was uploaded
            async with self._pacing.asking(account_of(task)):
                prepared = dict(await engine.prepare(task))
        if not await self._submissions.submitting(row.key, prepared, token=task.token, account_id=account_id):
            raise LeaseLost
        handover = asyncio.create_task(self._hand_over(row, task, prepared, engine))
        try:
            return await asyncio.shield(handover)
        except asyncio.CancelledError:
            await asyncio.wait([handover], timeout=HANDOVER_SECONDS)
            raise

    async def _hand_over(self, row: Transcription, task: Task, prepared: Prepared, engine: RentedEngine) -> str:
        try:
            async with self._pacing.asking(account_of(task)):
                provider_id = await engine.submit(task, prepared)
        except OutcomeUnknown:
            raise
        except (JobError, RetryableError):
            await self._submissions.not_submitted(row.key)
            raise
        return await self._note(row, task, prepared, provider_id)

    async def _note(self, row: Transcription, task: Task, prepared: Prepared, provider_id: str) -> str:
        """Write the id down. The one that counts is another when a callback was first with it."""
        ours = Leftover(
            tenant_id=row.tenant_id,
            engine=row.engine,
            account_id=account_of(task).id,
            provider_id=provider_id,
            prepared=dict(prepared),
            submitted_at=row.submitted_at,  # null when this was the first time
        )
        counts = await self._submissions.taken(row.key, provider_id)
        if counts is None:
            await self._leftovers.add_unless_wanted(row.job_id, row.run, ours)
            raise LeaseLost
        if counts != provider_id:
            await self._leftovers.taken_twice(ours)
        return counts


def account_of(task: Task) -> Account:
    """Whose key a task for a provider runs on."""
    assert task.account is not None
    return task.account


def _unclear(engine: RentedEngine) -> JobError:
    return JobError(
        "outcome_unknown",
        f"It stays unclear whether the provider of the engine {engine.name} has taken the recording; retry the job if it may "
        "be paid for once more.",
        retryable=True,
    )
