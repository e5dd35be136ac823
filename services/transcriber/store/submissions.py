"""The steps of a task at a provider: handed over, asked for, called back about. Guarded by the lease, save for callbacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from services.transcriber.store.rows import Key, Transcription, read_row
from shared.database import Pool


class Unfinished(msgspec.Struct, frozen=True, kw_only=True):
    """A task that is asked for again."""

    key: Key
    seconds: float
    """Until then."""
    polls: int = 0
    """How often the provider was asked since the row was read."""
    outages: int = 0
    progress: float = 0.0
    duration_ms: int | None = None


class Undecided(msgspec.Struct, frozen=True, kw_only=True):
    """Tasks of one tenant whose account rests, or that have none."""

    tenant_id: UUID
    engine: str
    account_id: str
    submitted: bool


class SubmissionStore:
    """Reads and writes what `transcriptions` hold about tasks at providers."""

    def __init__(self, *, pool: Pool, owner: UUID) -> None:
        self._pool = pool
        self._owner = owner

    async def submitting(self, key: Key, prepared: Mapping[str, str], *, token: str, account_id: str | None) -> bool:
        """Note, before it happens, that the task is handed over now. False when the lease is lost, or the task was taken."""
        change = """
            state = 'submitting', prepared = $4, token = $5, account_id = $6,
            submitted_at = now(), submissions = submissions + 1
        """
        guard = "and provider_id is null"
        return await self._changed(change, "true", key, dict(prepared), token, account_id, guard=guard) is not None

    async def not_submitted(self, key: Key) -> bool:
        """Note that the provider has certainly not taken the task. False when it has after all, as a callback told."""
        change = "state = 'preparing', submitted_at = null, submissions = submissions - 1"
        return await self._changed(change, "true", key, guard="and provider_id is null") is not None

    async def taken(self, key: Key, provider_id: str) -> str | None:
        """Note the provider's id. The id that counts: another when a callback was here first. Null when the lease is lost."""
        change = "state = 'processing', reported_at = null, provider_id = coalesce(provider_id, $4), crashes = 0, outages = 0"
        found: str | None = await self._changed(change, "provider_id", key, provider_id)
        return found

    async def assign(self, key: Key, account_id: str) -> bool:
        """Note whose key the task runs on now; what was prepared on another is of no use. False when the lease is lost."""
        change = """
            account_id = $4,
            prepared = case
                when state in ('queued', 'preparing') and account_id is distinct from $4 then null else prepared
            end
        """
        return await self._changed(change, "true", key, account_id) is not None

    async def answered(self, key: Key) -> bool:
        """Note that the answer is stored, and leave the rest to whoever leases it next. False when the lease is lost."""
        change = """
            state = 'storing', heard_at = coalesce(heard_at, now()), crashes = 0, outages = 0,
            due_at = now(), lease_owner = null, lease_until = null
        """
        return await self._changed(change, "true", key) is not None

    async def is_known(self, key: Key) -> bool:
        """Whether there is such a transcription, in whatever state: an erased one is forgotten."""
        found = await self._pool.fetchval(
            "select true from transcriber.transcriptions where job_id = $1 and run = $2", key.job_id, key.run
        )
        return found is not None

    async def unfinished(self, tasks: Sequence[Unfinished]) -> None:
        """Give back the leases of tasks until they are asked for again: at once those that a callback has come about."""
        await self._pool.execute(
            """
            update transcriber.transcriptions t
            set due_at = case when t.nudged then now() else least(now() + make_interval(secs => u.seconds), t.deadline_at) end,
                polls = t.polls + u.polls, outages = u.outages, progress = greatest(t.progress, u.progress),
                duration_ms = coalesce(u.duration_ms, t.duration_ms), lease_owner = null, lease_until = null
            from unnest($1::uuid[], $2::int[], $3::float8[], $4::int[], $5::int[], $6::float4[], $7::bigint[])
                as u (job_id, run, seconds, polls, outages, progress, duration_ms)
            where t.job_id = u.job_id and t.run = u.run and t.lease_owner = $8 and t.ended_at is null
            """,
            [task.key.job_id for task in tasks],
            [task.key.run for task in tasks],
            [task.seconds for task in tasks],
            [task.polls for task in tasks],
            [task.outages for task in tasks],
            [task.progress for task in tasks],
            [task.duration_ms for task in tasks],
            self._owner,
        )

    async def called(self, engine: str, token: str, provider_id: str | None) -> Transcription | None:
        """A callback came: ask at once, and take the provider's id over when its submission is unclear.

        The transcription of this submission, in whatever state; null when there is none.
        """
        row = await self._pool.fetchrow(
            """
            update transcriber.transcriptions
            set state = case when state = 'submitting' and $3::text is not null then 'processing' else state end,
                provider_id = case when state = 'submitting' then coalesce(provider_id, $3) else provider_id end,
                nudged = ended_at is null, due_at = case when ended_at is null then now() else due_at end
            where engine = $1 and token = $2 returning *
            """,
            engine,
            token,
            provider_id,
        )
        return None if row is None else read_row(row)

    async def brought(self, engine: str, token: str) -> bool:
        """Note that a callback's answer is stored. False when nobody waits for it any more."""
        done = await self._pool.fetchval(
            "update transcriber.transcriptions set nudged = true, due_at = now() "
            "where engine = $1 and token = $2 and ended_at is null returning true",
            engine,
            token,
        )
        return done is not None

    async def at_providers(self) -> dict[tuple[str, str | None], int]:
        """How many tasks providers work on, by engine and account."""
        rows = await self._pool.fetch(
            "select engine, account_id, count(*) as tasks from transcriber.transcriptions "
            "where ended_at is null and state = 'processing' group by engine, account_id"
        )
        return {(row["engine"], row["account_id"]): row["tasks"] for row in rows}

    async def undecided(self) -> list[Undecided]:
        """Whose tasks would go on with another key, if there is one."""
        rows = await self._pool.fetch(
            """
            select distinct t.tenant_id, t.engine, t.account_id, t.state in ('submitting', 'processing') as submitted
            from transcriber.transcriptions t join transcriber.accounts a using (engine, account_id)
            where t.ended_at is null
            """
        )
        return [msgspec.convert(dict(row), Undecided) for row in rows]

    async def move(self, tasks: Undecided, account_id: str) -> None:
        """Have tasks run on another account; what was prepared on the old one is of no use there."""
        await self._pool.execute(
            """
            update transcriber.transcriptions
            set account_id = $5, prepared = case when state = 'preparing' then null else prepared end
            where tenant_id = $1 and engine = $2 and account_id = $3 and ended_at is null
              and (state in ('submitting', 'processing')) = $4
            """,
            tasks.tenant_id,
            tasks.engine,
            tasks.account_id,
            tasks.submitted,
            account_id,
        )

    async def _changed(self, change: str, result: str, key: Key, *values: Any, guard: str = "") -> Any:
        """Change a transcription that we hold; null when the lease is lost."""
        return await self._pool.fetchval(
            f"update transcriber.transcriptions set {change} "
            f"where job_id = $1 and run = $2 and lease_owner = $3 and ended_at is null {guard} returning {result}",
            key.job_id,
            key.run,
            self._owner,
            *values,
        )
