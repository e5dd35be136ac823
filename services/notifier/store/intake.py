"""What comes in: messages about jobs, and the deliveries that follow; endpoints; wishes. One transaction each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

import msgspec

from services.notifier.store.partitions import part_of
from shared.database import Connection, Pool, transaction
from shared.schemas.endpoints import Endpoint, EventType, Payload, patterns_of
from shared.schemas.ids import new_id


class NewMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message to be told."""

    id: UUID
    tenant_id: UUID
    type: str
    job_id: UUID
    run: int
    ends_run: bool
    """Whether the job's run is over with it."""
    transcript_key: str | None
    traceparent: str | None
    occurred_at: dt.datetime


class Callback(msgspec.Struct, frozen=True, kw_only=True):
    """A job's own callback: an endpoint that is there from its first use."""

    endpoint_id: UUID
    configuration: Endpoint


Encode = Callable[[int, Payload], bytes]
"""The message's body, given its sequence number and kind of payload."""


class IntakeStore:
    """Takes in what happens to jobs."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def listening(self, tenant_id: UUID, type_: str) -> set[Payload]:
        """What the tenant's endpoints that listen to a type of message want of it; empty where none does."""
        rows = await self._pool.fetch(
            "select distinct configuration ->> 'include' as include from notifier.endpoints "
            "where tenant_id = $1 and not callback and deleted_at is null and events && $2::text[]",
            tenant_id,
            patterns_of(type_),
        )
        return {Payload(row["include"]) for row in rows}

    async def take(self, message: NewMessage, encode: Encode, *, callback: Callback | None = None) -> int | None:
        """Keep a message and make its deliveries; returns how many, or None when it is known, erased or too late."""
        async with transaction(self._pool) as connection:
            sequence = await _next_sequence(connection, message)
            if sequence is None:
                return None
            listeners = await _listeners(connection, message)
            if not listeners and message.type == EventType.JOB_PROGRESSED:
                return 0
            await _insert_message(connection, message, sequence)
            await _overtake(connection, message)
            if callback is not None:
                await put_callback(connection, message.tenant_id, callback)
                listeners.setdefault(callback.endpoint_id, Payload.THIN)
            bodies = {Payload.THIN, *listeners.values()}
            await connection.executemany(
                "insert into notifier.bodies (message_id, payload, body) values ($1, $2, $3)",
                [(message.id, payload, encode(sequence, payload)) for payload in bodies],
            )
            await _insert_deliveries(connection, message, listeners)
            await wake(connection, list(listeners))
        return len(listeners)

    async def erase_job(self, job_id: UUID) -> None:
        """Forget every message of a job, and those still to come."""
        async with transaction(self._pool) as connection:
            await connection.execute(
                "insert into notifier.jobs (id, erased_at) values ($1, now()) "
                "on conflict (id) do update set erased_at = coalesce(jobs.erased_at, now())",
                job_id,
            )
            await connection.execute("delete from notifier.messages where job_id = $1", job_id)


async def put_callback(connection: Connection, tenant_id: UUID, callback: Callback) -> None:
    """Make the endpoint of a callback, unless it is there."""
    made = await connection.fetchval(
        "insert into notifier.endpoints (id, tenant_id, version, callback, configuration) values ($1, $2, 0, true, $3) "
        "on conflict (id) do nothing returning true",
        callback.endpoint_id,
        tenant_id,
        msgspec.to_builtins(callback.configuration),
    )
    if made:
        await put_health(connection, callback.endpoint_id, tenant_id)


async def put_health(connection: Connection, endpoint_id: UUID, tenant_id: UUID) -> None:
    """Begin to keep an endpoint's health."""
    await connection.execute(
        "insert into notifier.health (endpoint_id, tenant_id, part) values ($1, $2, $3) on conflict (endpoint_id) do nothing",
        endpoint_id,
        tenant_id,
        part_of(endpoint_id),
    )


async def wake(connection: Connection, endpoint_ids: Sequence[UUID]) -> None:
    """Something new is due for these endpoints."""
    if len(endpoint_ids) > 1:
        await connection.execute(
            "select from notifier.health where endpoint_id = any($1::uuid[]) order by endpoint_id for update",
            sorted(endpoint_ids),
        )
    await connection.execute(
        """
        update notifier.health h set due_at = least(h.due_at, greatest(now(), h.open_until, h.not_before))
        from notifier.endpoints e
        where h.endpoint_id = any($1::uuid[]) and e.id = h.endpoint_id
            and h.disabled_at is null and not e.paused and e.deleted_at is null
        """,
        list(endpoint_ids),
    )


async def _next_sequence(connection: Connection, message: NewMessage) -> int | None:
    """Lock the job and count its message; None when the message is known, erased or too late."""
    job = await connection.fetchrow(
        "insert into notifier.jobs (id) values ($1) on conflict (id) do update set touched_at = now() "
        "returning sequence, ended_run, erased_at",
        message.job_id,
    )
    assert job is not None
    if job["erased_at"] is not None or (message.type == EventType.JOB_PROGRESSED and message.run <= job["ended_run"]):
        return None
    if await connection.fetchval("select exists (select from notifier.messages where id = $1)", message.id):
        return None
    sequence: int = job["sequence"] + 1
    return sequence


async def _listeners(connection: Connection, message: NewMessage) -> dict[UUID, Payload]:
    """Whom the message is for. Nobody deletes one of them before this transaction ends."""
    rows = await connection.fetch(
        """
        select e.id, configuration ->> 'include' as include
        from notifier.endpoints e
        where e.tenant_id = $1 and not callback and deleted_at is null and events && $2::text[]
            and not exists (select from notifier.health h where h.endpoint_id = e.id and disabled_at is not null)
        order by e.id for share of e
        """,
        message.tenant_id,
        patterns_of(message.type),
    )
    return {row["id"]: Payload(row["include"]) for row in rows}


async def _insert_message(connection: Connection, message: NewMessage, sequence: int) -> None:
    await connection.execute(
        "insert into notifier.messages "
        "(id, tenant_id, type, job_id, run, sequence, transcript_key, traceparent, occurred_at) "
        "values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        message.id,
        message.tenant_id,
        message.type,
        message.job_id,
        message.run,
        sequence,
        message.transcript_key,
        message.traceparent,
        message.occurred_at,
    )
    await connection.execute(
        "update notifier.jobs set sequence = $2, ended_run = greatest(ended_run, $3), touched_at = now() where id = $1",
        message.job_id,
        sequence,
        message.run if message.ends_run else 0,
    )


async def _overtake(connection: Connection, message: NewMessage) -> None:
    """Progress that has not been sent yet is overtaken by whatever comes next."""
    await connection.execute(
        "update notifier.deliveries set state = 'cancelled', finished_at = now() "
        "where job_id = $1 and state = 'pending' and coalesces and lease is null",
        message.job_id,
    )


async def _insert_deliveries(connection: Connection, message: NewMessage, listeners: Mapping[UUID, Payload]) -> None:
    coalesces = message.type == EventType.JOB_PROGRESSED
    await connection.executemany(
        "insert into notifier.deliveries (id, endpoint_id, message_id, tenant_id, job_id, payload, coalesces, due_at) "
        "values ($1, $2, $3, $4, $5, $6, $7, now())",
        [
            (new_id(), endpoint_id, message.id, message.tenant_id, message.job_id, payload, coalesces)
            for endpoint_id, payload in listeners.items()
        ],
    )
