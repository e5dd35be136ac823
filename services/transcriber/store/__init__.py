"""The transcriptions and who works on them: the SQL of the schema `transcriber`.

Every write about a transcription in the works is guarded by the lease: whoever has lost it changes nothing, and is told.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from services.transcriber.store.rows import NOBODYS, Key, LeaseLost, Outcome, Transcription, read_row
from shared.database import Connection, Pool
from shared.schemas.events import JobSubmitted, TranscriptionState

__all__ = [
    "ALL_RUNS",
    "NOBODYS",
    "Ended",
    "Key",
    "LeaseLost",
    "Outcome",
    "Transcription",
    "TranscriptionStore",
    "read_row",
]

REPORT_SECONDS = 1.0
"""Progress of one job is told at most this often; another state always."""

ALL_RUNS = 2**31 - 1


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How a run stands that somebody asks for again."""

    state: TranscriptionState
    outcome: Outcome | None


class TranscriptionStore:
    """Reads and writes `transcriptions`. Methods that take a connection belong to the caller's transaction."""

    def __init__(self, *, pool: Pool, owner: UUID) -> None:
        self._pool = pool
        self._owner = owner

    async def lock_job(self, connection: Connection, job_id: UUID) -> None:
        """Take the events about one job one after the other, until the transaction ends."""
        await connection.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", f"transcriber/{job_id}")

    async def add(
        self, connection: Connection, event: JobSubmitted, *, engine: str, account_id: str | None
    ) -> Transcription | None:
        """Insert a run; null when it is there, or is closed, or a later one is there."""
        row = await connection.fetchrow(
            """
            insert into transcriber.transcriptions
                (job_id, run, tenant_id, traceparent, options, engine, source_key, source_url, deadline_at, account_id)
            select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10
            where not exists (select from transcriber.transcriptions where job_id = $1 and run > $2)
              and not exists (select from transcriber.closed_jobs where job_id = $1 and through_run >= $2)
            on conflict do nothing returning *
            """,
            event.job_id,
            event.run,
            event.tenant_id,
            event.traceparent,
            event.options,
            engine,
            event.source_key,
            event.source_url,
            event.deadline_at,
            account_id,
        )
        return None if row is None else read_row(row)

    async def find(self, connection: Connection, key: Key) -> Ended | None:
        """How a run stands."""
        row = await connection.fetchrow(
            "select state, outcome from transcriber.transcriptions where job_id = $1 and run = $2", key.job_id, key.run
        )
        return None if row is None else msgspec.convert(dict(row), Ended)

    async def cancel(self, connection: Connection, job_id: UUID, *, through_run: int) -> list[Transcription]:
        """End the runs up to one that have not ended; returns them."""
        rows = await connection.fetch(
            """
            update transcriber.transcriptions
            set state = 'cancelled', ended_at = now(), source_url = null, lease_owner = null, lease_until = null
            where job_id = $1 and run <= $2 and ended_at is null returning *
            """,
            job_id,
            through_run,
        )
        return [read_row(row) for row in rows]

    async def close(self, connection: Connection, job_id: UUID, *, through_run: int) -> None:
        """Let no run up to this one start any more."""
        await connection.execute(
            """
            insert into transcriber.closed_jobs as known (job_id, through_run) values ($1, $2)
            on conflict (job_id) do update
            set through_run = greatest(known.through_run, excluded.through_run), closed_at = now()
            """,
            job_id,
            through_run,
        )

    async def forget(self, connection: Connection, job_id: UUID) -> list[Transcription]:
        """Delete all runs of a job; returns them."""
        rows = await connection.fetch("delete from transcriber.transcriptions where job_id = $1 returning *", job_id)
        return [read_row(row) for row in rows]

    async def forget_tenant(self, connection: Connection, tenant_id: UUID) -> None:
        """Delete what a tenant has decided; its keys only when nothing of it is left anywhere."""
        await connection.execute("delete from transcriber.tenant_rules where tenant_id = $1", tenant_id)
        for table in ("provider_keys", "accounts", "dismissals"):
            await connection.execute(
                f"""
                delete from transcriber.{table} where tenant_id = $1
                    and not exists (select from transcriber.transcriptions where tenant_id = $1)
                    and not exists (select from transcriber.leftovers where tenant_id = $1)
                """,
                tenant_id,
            )

    async def advance(
        self,
        connection: Connection,
        key: Key,
        state: TranscriptionState,
        *,
        progress: float = 0.0,
        duration_ms: int | None = None,
    ) -> bool | None:
        """Write down how far it is, waiting for nothing. Null when the lease is lost; else whether it is time to tell.

        Real progress ends a row of breakdowns and outages.
        """
        due: bool | None = await connection.fetchval(
            """
            update transcriber.transcriptions
            set state = $4, progress = greatest(progress, $5), duration_ms = coalesce($6, duration_ms),
                crashes = case when $5 > progress then 0 else crashes end,
                outages = case when $5 > progress then 0 else outages end,
                waiting = null, waiting_since = null,
                reported_at = case
                    when state = $4 and waiting is null and reported_at > now() - make_interval(secs => $7) then reported_at
                    else now()
                end
            where job_id = $1 and run = $2 and lease_owner = $3 and ended_at is null
            returning reported_at = now()
            """,
            key.job_id,
            key.run,
            self._owner,
            state,
            progress,
            duration_ms,
            REPORT_SECONDS,
        )
        return due

    async def heard(self, key: Key) -> Transcription | None:
        """Note that the engine's answer is stored. Null when the lease is lost."""
        row = await self._pool.fetchrow(
            """
            update transcriber.transcriptions set state = 'storing', heard_at = coalesce(heard_at, now())
            where job_id = $1 and run = $2 and lease_owner = $3 and ended_at is null returning *
            """,
            key.job_id,
            key.run,
            self._owner,
        )
        return None if row is None else read_row(row)

    async def crashed(self, key: Key) -> int | None:
        """Count a breakdown of the engine; how many there were in a row. Null when the lease is lost."""
        count: int | None = await self._changed("crashes = crashes + 1", "crashes", key)
        return count

    async def postpone(self, key: Key, seconds: float, *, outages: int) -> bool:
        """Give the lease back until there is something to do again."""
        change = "due_at = now() + make_interval(secs => $4), outages = $5, lease_owner = null, lease_until = null"
        return await self._changed(change, "true", key, seconds, outages) is not None

    async def end(self, connection: Connection, key: Key, state: TranscriptionState, outcome: Outcome) -> Transcription | None:
        """Note the final state and the event that tells it. The row as it was left; null when the lease is lost."""
        row = await connection.fetchrow(
            f"""
            update transcriber.transcriptions t {_END} from (
                select job_id, run, prepared from transcriber.transcriptions where job_id = $1 and run = $2 for update
            ) was
            where t.job_id = was.job_id and t.run = was.run and ended_at is null and lease_owner = $5
            returning t.*, was.prepared as had_prepared
            """,
            key.job_id,
            key.run,
            state,
            outcome,
            self._owner,
        )
        return None if row is None else read_row({**row, "prepared": row["had_prepared"]})

    async def refuse(self, connection: Connection, key: Key, outcome: Outcome) -> None:
        """End a run that was just added, before anybody can have leased it."""
        await connection.execute(
            f"update transcriber.transcriptions t {_END} where job_id = $1 and run = $2 and ended_at is null",
            key.job_id,
            key.run,
            TranscriptionState.FAILED,
            outcome,
        )

    async def _changed(self, change: str, result: str, key: Key, *values: Any) -> Any:
        """Change a transcription that we hold; null when the lease is lost."""
        return await self._pool.fetchval(
            f"update transcriber.transcriptions set {change} "
            f"where job_id = $1 and run = $2 and lease_owner = $3 and ended_at is null returning {result}",
            key.job_id,
            key.run,
            self._owner,
            *values,
        )


_END = """
set state = $3, outcome = $4, ended_at = now(), source_url = null, prepared = null, lease_owner = null, lease_until = null
"""
