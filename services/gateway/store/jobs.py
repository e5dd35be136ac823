"""Creates jobs and reads them."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Sequence
from uuid import UUID

import asyncpg
import msgspec

from services.gateway.audit import Action, entry_of
from services.gateway.jobs import Job
from services.gateway.labels import labels_of
from services.gateway.store import PATIENCE, patiently
from services.gateway.store.audit import noting
from shared.database import Connection, Pool, transaction
from shared.outbox import OutboxRow

COLUMNS = tuple(field.name for field in msgspec.structs.fields(Job))
"""Of `gateway.jobs`: the fields of a job."""

_COLUMNS = ", ".join(COLUMNS)

_SHOWN_OPTIONS = """
    case when job.options ? 'vocabularies' then jsonb_set(job.options, '{vocabularies}', coalesce((
        select jsonb_agg(one - 'terms' - 'replacements' order by place)
        from jsonb_array_elements(job.options -> 'vocabularies') with ordinality as sets (one, place)
    ), '[]')) else job.options end as options
"""
SHOWN = ", ".join(_SHOWN_OPTIONS if name == "options" else f"job.{name}" for name in COLUMNS)
"""Of `gateway.jobs job`, for jobs that are only shown: of vocabularies, which may be thousands of words, the names alone."""

_FROM_UPLOAD = """
    update gateway.uploads set state = 'used'
    where id = $4 and tenant_id = $5 and state = 'ready' and expires_at > now() and $10::text is null
    returning file_name, media_type, size, sha256
"""
_FROM_URL = "select null::text as file_name, null::text as media_type, null::bigint as size, null::text as sha256"
_CREATE = """
    with source as ({source}), once as (
        insert into gateway.idempotency_keys (tenant_id, key, fingerprint, job_id)
        select $5, encode(sha256(convert_to($13::text, 'utf8')), 'hex'), $14, $4 from source where $13::text is not null
    ), job as (
        insert into gateway.jobs (
            id, tenant_id, options, metadata, callback_url, traceparent, source_url, deadline_at, created_at, updated_at,
            tags, priority, start_after, batch_id, turn_at, file_name, media_type, source_size, source_sha256
        )
        select $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, $16, $18, $19::timestamptz, $23,
            case when $19 > now() then $20::timestamptz
                 when $21::int is null and $22::int is null or gateway.may_start($5, $21, $22) then null
                 else $20 end,
            file_name, media_type, size, sha256
        from source returning turn_at
    ), labels as (
        insert into gateway.job_labels (tenant_id, label, created_at, job_id)
        select $5, label, $12, $4 from job, unnest($17::bytea[]) as label
    ), event as (
        insert into gateway.outbox (message_id, routing_key, payload) select $1, $2, $3 from job where turn_at is null
    ), {audited}
    select source.*, job.turn_at from source, job
"""
_CREATE_FROM_UPLOAD = _CREATE.format(source=_FROM_UPLOAD, audited=noting("job", 15))
_CREATE_FROM_URL = _CREATE.format(source=_FROM_URL, audited=noting("job", 15))


_TAKE = """
    with once as (
        insert into gateway.idempotency_keys (tenant_id, key, fingerprint, job_id)
        select $1::uuid, encode(sha256(convert_to($2::text, 'utf8')), 'hex'), $3::bytea, $4::uuid where $2::text is not null
    )
    -- Whoever missed the answer can ask again for a while.
    update gateway.uploads set expires_at = least(expires_at, now() + interval '10 minutes')
    where id = $5 and tenant_id = $1 and state = 'ready'
"""


class KeyTaken(Exception):
    """The idempotency key was used before; nothing was changed. A digest of it is what is kept."""


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """When a job is to begin that cannot at once, and how many may be in work for it to begin at once."""

    at: dt.datetime
    """Its place in the tenant's queue."""
    each: int | None = None
    """Of its tenant; null for no limit."""
    whole: int | None = None
    """Of all tenants."""


class TooManyWaiting(Exception):
    """The tenant's plan lets no more jobs wait; nothing was changed."""

    def __init__(self, waiting: int) -> None:
        super().__init__()
        self.waiting = waiting


class Earlier(msgspec.Struct, frozen=True, kw_only=True):
    """What an idempotency key was used for."""

    fingerprint: bytes
    job_id: UUID


class JobStore:
    """Rows of `gateway.jobs`, always asked for by tenant where a customer asks."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def create(
        self,
        job: Job,
        event: OutboxRow,
        turn: Turn,
        *,
        key: str | None,
        fingerprint: bytes | None,
        most_waiting: int | None = None,
    ) -> Job | None:
        """Job, event, idempotency key and the upload's use, all or nothing, in one statement.

        The event leaves, unless the job has to wait for its turn. Returns the job with what is known of its recording; null
        when its upload is not there to be used.
        Raises `KeyTaken`, and `TooManyWaiting` where only so many jobs may wait.
        """
        if most_waiting is not None:
            async with asyncio.timeout(PATIENCE), transaction(self._pool) as connection:
                await _check_waiting(connection, job.tenant_id, most_waiting)
                return await _insert(connection, job, event, turn, key=key, fingerprint=fingerprint)
        return await patiently(_insert(self._pool, job, event, turn, key=key, fingerprint=fingerprint))

    async def create_or_find(
        self,
        job: Job,
        event: OutboxRow,
        turn: Turn,
        *,
        sha256: str,
        key: str | None,
        fingerprint: bytes | None,
        stands_in: Callable[[Job], bool],
        take: bool,
        most_waiting: int | None = None,
    ) -> tuple[Job | None, bool]:
        """The same, unless one of the recording's jobs `stands_in` for the new one: the newest then, and true. To `take` it
        as the answer lets the key lead to it, and the upload go soon. Of two at once, the second finds the first's."""
        async with asyncio.timeout(PATIENCE), transaction(self._pool) as connection:
            lock = f"{job.tenant_id}/{sha256}"
            await connection.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", lock)
            found = next(filter(stands_in, await _of_recording(connection, job.tenant_id, sha256)), None)
            if found is None:
                if most_waiting is not None:
                    await _check_waiting(connection, job.tenant_id, most_waiting)
                return await _insert(connection, job, event, turn, key=key, fingerprint=fingerprint), False
            if take:
                await _take(connection, found, job, key=key, fingerprint=fingerprint)
            return found, True

    async def earlier(self, tenant_id: UUID, key: str) -> Earlier | None:
        """What the key was used for before."""
        row = await patiently(
            self._pool.fetchrow(
                "select fingerprint, job_id from gateway.idempotency_keys "
                "where tenant_id = $1 and key = encode(sha256(convert_to($2::text, 'utf8')), 'hex')",
                *(tenant_id, key),
            )
        )
        return None if row is None else Earlier(fingerprint=row["fingerprint"], job_id=row["job_id"])

    async def find(self, tenant_id: UUID, job_id: UUID) -> Job | None:
        """One job of the tenant."""
        row = await patiently(
            self._pool.fetchrow(f"select {_COLUMNS} from gateway.jobs where tenant_id = $1 and id = $2", tenant_id, job_id)
        )
        return None if row is None else job_of(row)

    async def versions(self, job_ids: Sequence[UUID]) -> dict[UUID, int]:
        """The present version of each of these jobs; those that are gone are left out."""
        rows = await patiently(self._pool.fetch("select id, version from gateway.jobs where id = any($1::uuid[])", job_ids))
        return {row["id"]: row["version"] for row in rows}


async def _check_waiting(connection: Connection, tenant_id: UUID, most: int) -> None:
    """Jobs that are created at once are counted one after the other. Raises `TooManyWaiting`."""
    await connection.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", f"waiting/{tenant_id}")
    waiting = await connection.fetchval(
        "select count(*) from gateway.jobs where tenant_id = $1 and state = 'queued'", tenant_id
    )
    if waiting >= most:
        raise TooManyWaiting(waiting)


async def _of_recording(database: Pool | Connection, tenant_id: UUID, sha256: str) -> list[Job]:
    rows = await database.fetch(
        f"""
        select {_COLUMNS} from gateway.jobs
        where tenant_id = $1 and source_sha256 = $2 and state not in ('failed', 'cancelled')
        order by created_at desc limit 100
        """,
        tenant_id,
        sha256,
    )
    return [job_of(row) for row in rows]


async def _insert(
    database: Pool | Connection, job: Job, event: OutboxRow, turn: Turn, *, key: str | None, fingerprint: bytes | None
) -> Job | None:
    facts = {
        "state": job.state.value,
        "solution": job.options.solution,
        "engine": job.options.engine,
        "source": "upload" if job.source_url is None else "url",
    }
    entry = entry_of(Action.JOB_CREATED, job.tenant_id, job.id, after=facts)
    try:
        source = await database.fetchrow(
            _CREATE_FROM_UPLOAD if job.source_url is None else _CREATE_FROM_URL,
            *(event.message_id, event.routing_key, event.payload),
            *(job.id, job.tenant_id, job.options, job.metadata, job.callback_url, job.traceparent, job.source_url),
            *(job.deadline_at, job.created_at, key, fingerprint, entry),
            *(list(job.tags), labels_of(job.tags, job.metadata)),
            *(job.priority, job.start_after, turn.at, turn.each, turn.whole, job.batch_id),
        )
    except asyncpg.UniqueViolationError:
        raise KeyTaken from None
    if source is None:
        return None
    name, media_type, size, sha256, turn_at = source
    return msgspec.structs.replace(
        job, file_name=name, media_type=media_type, source_size=size, source_sha256=sha256, turn_at=turn_at
    )


async def _take(connection: Connection, found: Job, job: Job, *, key: str | None, fingerprint: bytes | None) -> None:
    try:
        await connection.execute(_TAKE, job.tenant_id, key, fingerprint, found.id, job.id)
    except asyncpg.UniqueViolationError:
        raise KeyTaken from None


def job_of(row: asyncpg.Record) -> Job:
    """A row of `gateway.jobs` as a job."""
    return msgspec.convert(dict(row), Job)
