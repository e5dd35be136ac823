"""What comes in: messages about jobs, and the deliveries that follow. One transaction for many."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from uuid import UUID

import msgspec

from services.notifier.store import health, tenants
from shared.database import Connection, Pool, transaction
from shared.outbox import Outbox
from shared.schemas.endpoints import Endpoint, EventType, Payload, patterns_of
from shared.schemas.events import Event, routing_key
from shared.schemas.ids import new_id
from shared.tenant_rows import delete_rows_of


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
    tenant_id: UUID
    configure: Callable[[], Endpoint]
    """Seals what is kept of it; asked only where it is not kept yet."""


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """A message that has come in."""

    message: NewMessage
    encode: Callable[[int, Payload], bytes]
    """Its body, given its sequence number and the kind of payload."""
    callback: Callback | None = None
    """Whom it is for besides the endpoints that listen."""


class Listener(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint that messages may be for."""

    endpoint_id: UUID
    tenant_id: UUID
    events: list[str]
    include: Payload

    def wants(self, message: NewMessage) -> bool:
        """Whether it listens to this one."""
        return self.tenant_id == message.tenant_id and not set(patterns_of(message.type)).isdisjoint(self.events)


class _Told(msgspec.Struct, frozen=True, kw_only=True):
    """A message that is told: its place in the job's sequence, and to whom."""

    arrival: Arrival
    sequence: int
    receivers: Mapping[UUID, Payload]

    @property
    def message(self) -> NewMessage:
        return self.arrival.message


class IntakeStore:
    """Takes in what happens to jobs."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def listeners(self, tenant_ids: Collection[UUID]) -> list[Listener]:
        """The endpoints of these tenants that something could be sent to."""
        return msgspec.convert([dict(row) for row in await self._pool.fetch(_LISTENERS, list(tenant_ids))], list[Listener])

    async def take(self, arrivals: Sequence[Arrival]) -> list[int | None]:
        """Keep messages and make their deliveries; returns how many of each, or None where the message is known, erased or too
        late. At most one message of a job at a time."""
        async with transaction(self._pool) as connection:
            await tenants.enter(connection, {arrival.message.tenant_id for arrival in arrivals})
            told = await _told(connection, arrivals)
            kept = [one for one in told if one.receivers or one.message.type != EventType.JOB_PROGRESSED]
            endpoint_ids = {endpoint_id for one in kept for endpoint_id in one.receivers}
            await health.lock(connection, endpoint_ids)
            await _insert_messages(connection, kept)
            await _overtake(connection, kept)
            await _insert_deliveries(connection, kept)
            await health.wake(connection, endpoint_ids)
        made = {one.message.id: len(one.receivers) for one in told}
        return [made.get(arrival.message.id) for arrival in arrivals]

    async def tell(self, event: Event, body: bytes, *, about: UUID | None = None) -> int | None:
        """Keep a message that is about no job, and make its deliveries; how many, or None where it is known, or the batch that
        it is about is erased."""
        type_ = routing_key(event)
        async with transaction(self._pool) as connection:
            await tenants.enter(connection, {event.tenant_id})
            if about is not None and await _erased(connection, about):
                return None
            new = await connection.fetchval(
                "insert into notifier.messages (id, tenant_id, type, traceparent, occurred_at) values ($1, $2, $3, $4, $5) "
                "on conflict do nothing returning true",
                *(event.event_id, event.tenant_id, type_, event.traceparent, event.occurred_at),
            )
            if not new:
                return None
            rows = await connection.fetch(f"{_LISTENERS} for share of e", [event.tenant_id])
            wanted = set(patterns_of(type_))
            endpoint_ids = [row["endpoint_id"] for row in rows if not wanted.isdisjoint(row["events"])]
            await health.lock(connection, endpoint_ids)
            await connection.execute(
                "insert into notifier.bodies (message_id, payload, body) values ($1, 'thin', $2)", event.event_id, body
            )
            await connection.executemany(
                "insert into notifier.deliveries (id, endpoint_id, message_id, tenant_id, due_at) "
                "values ($1, $2, $3, $4, now())",
                [(new_id(), endpoint_id, event.event_id, event.tenant_id) for endpoint_id in endpoint_ids],
            )
            await health.wake(connection, endpoint_ids)
        return len(endpoint_ids)

    async def erase_job(self, job_id: UUID) -> None:
        """Forget every message of a job, and those still to come."""
        async with transaction(self._pool) as connection:
            await _mark_erased(connection, job_id)
            await connection.execute("delete from notifier.messages where job_id = $1", job_id)
            await Outbox(pool=self._pool, schema="notifier").forget(connection, job_id)

    async def erase_batch(self, batch_id: UUID) -> None:
        """Forget the message of a batch, whose id is the batch's, and one still to come."""
        async with transaction(self._pool) as connection:
            await _mark_erased(connection, batch_id)
            await connection.execute("delete from notifier.messages where id = $1", batch_id)

    async def erase_tenant(self, tenant_id: UUID) -> None:
        """Forget everything of a tenant, in batches; broken off, it goes on when it is asked again."""
        async with transaction(self._pool) as connection:
            await tenants.wait_for_intake(connection, tenant_id)
            await connection.execute(
                "update notifier.jobs j set erased_at = coalesce(erased_at, now()) from notifier.messages m "
                "where m.job_id = j.id and m.tenant_id = $1",
                tenant_id,
            )
            await Outbox(pool=self._pool, schema="notifier").forget(connection, tenant_id)
        await delete_rows_of(self._pool, "notifier", tenant_id)

    async def erase_words(self, job_id: UUID) -> None:
        """Forget what messages of a job told of what was said, and what came back. Those that are still to be sent are put
        together again, of what is still there."""
        async with transaction(self._pool) as connection:
            await connection.execute(
                "delete from notifier.bodies b using notifier.messages m "
                "where m.id = b.message_id and m.job_id = $1 and b.payload <> 'thin'",
                job_id,
            )
            await connection.execute(
                "update notifier.attempts a set request_body = '', response_body = '' from notifier.deliveries d "
                "where d.id = a.delivery_id and d.job_id = $1 and (a.request_body <> '' or a.response_body <> '')",
                job_id,
            )


_LISTENERS = """
    select e.id as endpoint_id, e.tenant_id, e.events, configuration ->> 'include' as include
    from notifier.endpoints e
    where e.tenant_id = any($1::uuid[]) and not callback and deleted_at is null
        and not exists (select from notifier.health h where h.endpoint_id = e.id and disabled_at is not null)
        and configuration ->> 'withheld' is null
    order by e.id
"""


async def _mark_erased(connection: Connection, subject: UUID) -> None:
    """Of a job, or a batch: nothing is told about it any more."""
    await connection.execute(
        "insert into notifier.jobs (id, erased_at) values ($1, now()) "
        "on conflict (id) do update set erased_at = coalesce(jobs.erased_at, now())",
        subject,
    )


async def _erased(connection: Connection, subject: UUID) -> bool:
    """Lock a job or a batch; whether it was erased."""
    erased: bool = await connection.fetchval(
        "insert into notifier.jobs (id) values ($1) on conflict (id) do update set touched_at = now() "
        "returning erased_at is not null",
        subject,
    )
    return erased


async def _told(connection: Connection, arrivals: Sequence[Arrival]) -> list[_Told]:
    """What is to be told of these, and to whom. Nobody deletes a receiver before the transaction ends."""
    sequences = await _next_sequences(connection, [arrival.message for arrival in arrivals])
    new = [arrival for arrival in arrivals if arrival.message.id in sequences]
    rows = await connection.fetch(f"{_LISTENERS} for share of e", list({arrival.message.tenant_id for arrival in new}))
    listeners = msgspec.convert([dict(row) for row in rows], list[Listener])
    await put_callbacks(connection, [arrival.callback for arrival in new if arrival.callback is not None])
    return [
        _Told(arrival=arrival, sequence=sequences[arrival.message.id], receivers=_receivers(arrival, listeners))
        for arrival in new
    ]


def _receivers(arrival: Arrival, listeners: Sequence[Listener]) -> dict[UUID, Payload]:
    receivers = {listener.endpoint_id: listener.include for listener in listeners if listener.wants(arrival.message)}
    if arrival.callback is not None:
        receivers.setdefault(arrival.callback.endpoint_id, Payload.THIN)
    return receivers


async def _next_sequences(connection: Connection, messages: Sequence[NewMessage]) -> dict[UUID, int]:
    """Lock the jobs and count their messages; without those that are known, erased or too late."""
    rows = await connection.fetch(
        "insert into notifier.jobs (id) select unnest($1::uuid[]) on conflict (id) do update set touched_at = now() "
        "returning id, sequence, ended_run, erased_at",
        sorted(message.job_id for message in messages),
    )
    jobs = {row["id"]: row for row in rows}
    known = await connection.fetch("select id from notifier.messages where id = any($1::uuid[])", [one.id for one in messages])
    gone = {row["id"] for row in known}
    for message in messages:
        job = jobs[message.job_id]
        late = message.type == EventType.JOB_PROGRESSED and message.run <= job["ended_run"]
        if job["erased_at"] is not None or late:
            gone.add(message.id)
    return {message.id: jobs[message.job_id]["sequence"] + 1 for message in messages if message.id not in gone}


async def put_callbacks(connection: Connection, callbacks: Collection[Callback]) -> None:
    """Make the endpoints of callbacks, unless they are there."""
    wanted = {callback.endpoint_id: callback for callback in callbacks}
    rows = await connection.fetch("select id from notifier.endpoints where id = any($1::uuid[])", list(wanted))
    missing = [wanted[endpoint_id] for endpoint_id in sorted(wanted.keys() - {row["id"] for row in rows})]
    if not missing:
        return
    await connection.execute(
        "insert into notifier.endpoints (id, tenant_id, version, callback, configuration) "
        "select id, tenant_id, 0, true, configuration from unnest($1::uuid[], $2::uuid[], $3::jsonb[]) "
        "as c (id, tenant_id, configuration) on conflict (id) do nothing",
        [callback.endpoint_id for callback in missing],
        [callback.tenant_id for callback in missing],
        [msgspec.to_builtins(callback.configure()) for callback in missing],
    )
    await health.put(connection, {callback.endpoint_id: callback.tenant_id for callback in missing})


async def _insert_messages(connection: Connection, told: Sequence[_Told]) -> None:
    messages = [one.message for one in told]
    await connection.execute(
        """
        insert into notifier.messages
            (id, tenant_id, type, job_id, run, sequence, transcript_key, traceparent, occurred_at)
        select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::int[], $6::int[], $7::text[], $8::text[],
            $9::timestamptz[])
        """,
        [message.id for message in messages],
        [message.tenant_id for message in messages],
        [message.type for message in messages],
        [message.job_id for message in messages],
        [message.run for message in messages],
        [one.sequence for one in told],
        [message.transcript_key for message in messages],
        [message.traceparent for message in messages],
        [message.occurred_at for message in messages],
    )
    await connection.execute(
        "update notifier.jobs j set sequence = r.sequence, ended_run = greatest(j.ended_run, r.ended_run), touched_at = now() "
        "from unnest($1::uuid[], $2::int[], $3::int[]) as r (id, sequence, ended_run) where j.id = r.id",
        [message.job_id for message in messages],
        [one.sequence for one in told],
        [message.run if message.ends_run else 0 for message in messages],
    )
    bodies = [
        (one.message.id, payload, one.arrival.encode(one.sequence, payload))
        for one in told
        for payload in sorted({Payload.THIN, *one.receivers.values()})
    ]
    await connection.execute(
        "insert into notifier.bodies (message_id, payload, body) select * from unnest($1::uuid[], $2::text[], $3::bytea[])",
        *(list(column) for column in zip(*bodies, strict=True)) if bodies else ([], [], []),
    )


async def _overtake(connection: Connection, told: Sequence[_Told]) -> None:
    """Progress that has not been sent yet is overtaken by whatever comes next."""
    await connection.execute(
        "update notifier.deliveries set state = 'cancelled', finished_at = now() "
        "where job_id = any($1::uuid[]) and state = 'pending' and coalesces and lease is null",
        [one.message.job_id for one in told],
    )


async def _insert_deliveries(connection: Connection, told: Sequence[_Told]) -> None:
    deliveries = [(one.message, endpoint_id, payload) for one in told for endpoint_id, payload in one.receivers.items()]
    await connection.execute(
        """
        insert into notifier.deliveries (id, endpoint_id, message_id, tenant_id, job_id, payload, coalesces, due_at)
        select *, now() from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::bool[])
        """,
        [new_id() for _ in deliveries],
        [endpoint_id for _, endpoint_id, _ in deliveries],
        [message.id for message, _, _ in deliveries],
        [message.tenant_id for message, _, _ in deliveries],
        [message.job_id for message, _, _ in deliveries],
        [payload for _, _, payload in deliveries],
        [message.type == EventType.JOB_PROGRESSED for message, _, _ in deliveries],
    )
