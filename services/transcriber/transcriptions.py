"""What the events about a job do to its transcriptions. Every method may be called again, late, and in any order."""

from __future__ import annotations

from services.transcriber.accounts import Accounts
from services.transcriber.clearing import left_by
from services.transcriber.engines.registry import Engines
from services.transcriber.leases import LEASE_SECONDS
from services.transcriber.leftovers import Leftover, LeftoverStore
from services.transcriber.outcomes import again, failed
from services.transcriber.rules import RulesStore
from services.transcriber.store import ALL_RUNS, Key, Transcription, TranscriptionStore
from shared.blobs import job_prefix
from shared.database import Connection, Pool, transaction
from shared.errors import JobError
from shared.metrics import TRANSCRIPTIONS
from shared.outbox import Outbox
from shared.schemas.engines import EngineRules
from shared.schemas.events import JobCancelled, JobErased, JobSubmitted, TenantErased

SETTLE_SECONDS = 2 * LEASE_SECONDS
"""After this, nobody who worked on a transcription that was taken away can still be writing blobs."""


class Transcriptions:
    """Writes down what is to be done, and leaves the doing to whoever leases it."""

    def __init__(
        self,
        *,
        pool: Pool,
        store: TranscriptionStore,
        leftovers: LeftoverStore,
        outbox: Outbox,
        engines: Engines,
        rules: RulesStore,
        accounts: Accounts,
    ) -> None:
        self._pool = pool
        self._store = store
        self._leftovers = leftovers
        self._outbox = outbox
        self._engines = engines
        self._rules = rules
        self._accounts = accounts

    async def submitted(self, event: JobSubmitted) -> None:
        """Add a run and end those before it; a run that has ended tells its outcome again."""
        rules = await self._rules.of(event.tenant_id)
        engine = self._engines.name_for(event.options, rules)
        account_id = await self._account_id(event, engine)
        async with transaction(self._pool) as connection:
            await self._store.lock_job(connection, event.job_id)
            row = await self._store.add(connection, event, engine=engine, account_id=account_id)
            if row is None:
                await self._tell_again(connection, event)
            else:
                superseded = await self._store.cancel(connection, event.job_id, through_run=event.run - 1)
                await self._clear_up(connection, superseded)
                await self._refuse_the_impossible(connection, row, rules)
        self._outbox.wake()

    async def cancelled(self, event: JobCancelled) -> None:
        """End the run, and let it not start when its submission arrives only later."""
        async with transaction(self._pool) as connection:
            await self._store.lock_job(connection, event.job_id)
            await self._store.close(connection, event.job_id, through_run=event.run)
            ended = await self._store.cancel(connection, event.job_id, through_run=event.run)
            await self._clear_up(connection, ended)

    async def erased(self, event: JobErased) -> None:
        """Forget the job for good; blobs that somebody is still writing are removed when that is over."""
        async with transaction(self._pool) as connection:
            await self._store.lock_job(connection, event.job_id)
            await self._store.close(connection, event.job_id, through_run=ALL_RUNS)
            forgotten = await self._store.forget(connection, event.job_id)
            await self._clear_up(connection, forgotten)
            await self._outbox.forget(connection, event.job_id)
            everything = Leftover(
                prefix=job_prefix(event.tenant_id, event.job_id), tenant_id=event.tenant_id, job_id=event.job_id
            )
            await self._leftovers.add(connection, everything, delay=SETTLE_SECONDS)

    async def tenant_erased(self, event: TenantErased) -> None:
        """Forget what a tenant has decided, and its keys once no provider has anything more of it to be dismissed with them."""
        async with transaction(self._pool) as connection:
            await self._outbox.forget(connection, event.tenant_id)
            await self._store.forget_tenant(connection, event.tenant_id)

    async def _tell_again(self, connection: Connection, event: JobSubmitted) -> None:
        ended = await self._store.find(connection, Key(event.job_id, event.run))
        if ended is not None and ended.outcome is not None:
            await self._outbox.append(connection, again(ended.outcome, event))

    async def _account_id(self, event: JobSubmitted, name: str) -> str | None:
        """Whose key the job will run on, so that accounts get no more work than they may have."""
        engine = self._engines.get(name)
        try:
            account = None if engine is None else await self._accounts.of(event.tenant_id, engine)
        except JobError:  # told when it is begun
            return None
        return None if account is None else account.id

    async def _refuse_the_impossible(self, connection: Connection, row: Transcription, rules: EngineRules) -> None:
        try:
            self._engines.check(row.options, rules)
        except JobError as error:
            outcome = failed(row, error.failure)
            await self._store.refuse(connection, row.key, outcome)
            await self._outbox.append(connection, outcome)
            TRANSCRIPTIONS.labels("none", error.failure.code).inc()

    async def _clear_up(self, connection: Connection, rows: list[Transcription]) -> None:
        left = [leftover for row in rows for leftover in left_by(row, self._engines)]
        await self._leftovers.add(connection, *left, delay=SETTLE_SECONDS)
