"""What it costs to find, take and write down deliveries when a million are queued, beside a claim of the oldest of all."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Awaitable
from typing import TypeVar
from uuid import UUID, uuid4

import msgspec

from services.notifier.health import Health
from services.notifier.pacing import Pace, Standing
from services.notifier.store.claims import Claimed, ClaimStore, Due
from services.notifier.store.partitions import PARTS, PartitionStore
from services.notifier.store.results import Attempt, Result, ResultStore
from shared import migrations
from shared.database import Pool, open_pool
from shared.schemas.endpoints import DeliveryStatus, Endpoint, EndpointKind
from shared.schemas.ids import new_id
from tests.bench.figures import Cell, Table, at_least, at_most, percentile
from tests.bench.ground import Ground

T = TypeVar("T")

ENDPOINTS, BEHIND = 10_000, 100
BACKLOG, OTHERS = 9_000, 10
"""How much is queued for each of the hundred that are behind, and for each other."""
SERVED, EACH = 128, 2
ROUNDS = 20
NOTE = f"""\
{BEHIND} of {ENDPOINTS:,} endpoints are behind by {BACKLOG:,} deliveries each, which are older than all others; {OTHERS} are
due to each other one. Beside it the same with {EACH} for each endpoint. A look finds every endpoint that something is due
for; a claim takes up to {EACH} for each of {SERVED} endpoints, as the scheduler grants turns; results are written with the
log and the endpoints' health. The plain queue takes the {SERVED * EACH} oldest of all, in the same run, on the same rows,
with an index made for it. {ROUNDS} rounds, one connection, one after the other."""
PLAIN = """
    update notifier.deliveries set lease = $2, due_at = now() + interval '30 s' where id in (
        select id from notifier.deliveries where state = 'pending' and due_at <= now()
        order by due_at limit $1 for update skip locked
    ) returning endpoint_id
"""

FILL_ENDPOINTS = """
    with made as (
        insert into notifier.endpoints (id, tenant_id, version, configuration, events)
        select md5('endpoint ' || number)::uuid, md5('tenant ' || number % 500)::uuid, 1, $2, '{*}'
        from generate_series(0, $1::int - 1) as number returning id, tenant_id
    )
    insert into notifier.health (endpoint_id, tenant_id, part, standing)
    select id, tenant_id, get_byte(uuid_send(id), 15) & 63, 'trusted' from made
"""
FILL_MESSAGES = """
    insert into notifier.messages (id, tenant_id, type, job_id, run, sequence, occurred_at)
    select gen_random_uuid(), md5('tenant')::uuid, 'job.completed', gen_random_uuid(), 1, 1, now()
    from generate_series(1, $1)
"""
FILL_BODIES = "insert into notifier.bodies select id, 'thin', convert_to(repeat('x', 900), 'utf8') from notifier.messages"
FILL_DELIVERIES = """
    insert into notifier.deliveries (id, endpoint_id, message_id, tenant_id, job_id, due_at)
    select gen_random_uuid(), md5('endpoint ' || number)::uuid, m.id, md5('tenant ' || number % 500)::uuid, m.job_id,
        now() - make_interval(secs => $4::float8 - number / 10.0 - random() / 1000)
    from generate_series($1::int, $2::int - 1) as number
    cross join (select id, job_id from notifier.messages order by id limit $3) m
"""


class Figures(msgspec.Struct):
    """Milliseconds of each round, and how many endpoints one claim serves."""

    look: list[float]
    claim: list[float]
    write: list[float]
    served: list[float]


async def measure(ground: Ground) -> list[Table]:
    """Few queued, then many, then the plain queue over what is left."""
    pool = await _filled(ground, backlog=EACH, others=EACH)
    few = await _ours(pool)
    await pool.close()
    pool = await _filled(ground, backlog=BACKLOG, others=OTHERS)
    queued = await pool.fetchval("select count(*) from notifier.deliveries")
    many = await _ours(pool)
    plain_ms, plain_served = await _plain(pool)
    await pool.close()
    small, large = f"{ENDPOINTS * EACH:,} queued", f"{queued:,} queued"
    served, plain = percentile(many.served, 0.5), percentile(plain_ms, 0.5)
    rows = (
        _row(f"look: {ENDPOINTS:,} endpoints with something due", few.look, many.look),
        _row(f"claim: {EACH} for each of {SERVED} endpoints", few.claim, many.claim, served=served),
        _row(f"{SERVED * EACH} results", few.write, many.write),
        _row(f"a plain queue: the {SERVED * EACH} oldest", None, plain_ms, served=percentile(plain_served, 0.5)),
    )
    claim = percentile(many.claim, 0.5)
    aims = (
        at_least("endpoints served by one claim", served, SERVED, "endpoints"),
        at_most("a claim beside the plain queue's", claim / plain, 2, "times"),
        at_most("a claim beside the same with few queued", claim / percentile(few.claim, 0.5), 2, "times"),
    )
    columns = ("", f"{small}: ms, p50", f"{large}: ms, p50", "longest", "endpoints served")
    return [Table(title="Claims of webhooks", columns=columns, rows=rows, note=NOTE, aims=aims)]


def _row(name: str, few: list[float] | None, many: list[float], *, served: float | None = None) -> tuple[Cell, ...]:
    return (name, None if few is None else percentile(few, 0.5), percentile(many, 0.5), max(many), served)


async def _ours(pool: Pool) -> Figures:
    claims, results, owner = ClaimStore(pool), ResultStore(pool), uuid4()
    shares = await PartitionStore(pool).renew(owner, dead={}, lease_seconds=3600)
    assert len(shares.held) == PARTS
    figures, served = Figures([], [], [], []), set[UUID]()

    async def claim(wanted: dict[UUID, int]) -> list[Claimed]:
        return await claims.claim(
            wanted, owner=owner, parts=shares.held, under_way=(), lease_seconds=3600, mail_lease_seconds=3600
        )

    for _ in range(ROUNDS):
        found = await _timed(figures.look, claims.due(shares.held, within=0.5))
        assert len({due.endpoint_id for due in found} | served) == ENDPOINTS
        turns = _turns(found, served)
        taken = await _timed(figures.claim, claim(turns))
        assert len(taken) == SERVED * EACH
        figures.served.append(len({claimed.endpoint_id for claimed in taken}))
        written = [_result(claimed) for claimed in taken]
        health = dict.fromkeys(turns, Health(pace=Pace(standing=Standing.TRUSTED)))
        ours = await _timed(figures.write, results.write(written, health))
        assert len(ours) == len(taken)
        served |= set(turns)
    return figures


def _turns(found: list[Due], served: set[UUID]) -> dict[UUID, int]:
    """One of those that are behind, and others, none of which was served before."""
    fresh = [due for due in found if due.endpoint_id not in served]
    behind = [due.endpoint_id for due in fresh if due.count > OTHERS]
    others = [due.endpoint_id for due in fresh if due.count <= OTHERS]
    return dict.fromkeys([*behind[:1], *others][:SERVED], EACH)


async def _plain(pool: Pool) -> tuple[list[float], list[float]]:
    await pool.execute("create index plain on notifier.deliveries (due_at) where state = 'pending'")
    await pool.execute("analyze notifier.deliveries")
    milliseconds, served = list[float](), list[float]()
    for _ in range(ROUNDS):
        rows = await _timed(milliseconds, pool.fetch(PLAIN, SERVED * EACH, uuid4()))
        served.append(len({row["endpoint_id"] for row in rows}))
    return milliseconds, served


async def _timed(milliseconds: list[float], work: Awaitable[T]) -> T:
    began = time.perf_counter()
    result = await work
    milliseconds.append((time.perf_counter() - began) * 1000)
    return result


def _result(claimed: Claimed) -> Result:
    attempt = Attempt(
        number=1,
        started_at=dt.datetime.now(dt.UTC),
        duration_ms=120,
        status=204,
        reason=None,
        request_headers={"webhook-id": f"msg_{claimed.message_id.hex}", "webhook-signature": "v1," + "x" * 44},
        request_body=claimed.body,
        response_headers={"Server": "bench"},
        response_body=b"",
    )
    return Result(
        delivery_id=claimed.id,
        lease=claimed.lease,
        endpoint_id=claimed.endpoint_id,
        attempt=attempt,
        end=DeliveryStatus.DELIVERED,
        wait=0.0,
        counts=True,
        deferred=False,
    )


async def _filled(ground: Ground, *, backlog: int, others: int) -> Pool:
    """A database in which so much is due; the indexes are made after the rows, which is quicker."""
    url = ground.postgres.create_database()
    pool = await open_pool(url, size=1)
    await migrations.apply(pool, "notifier")
    endpoint = Endpoint(
        id=new_id(),
        kind=EndpointKind.WEBHOOK,
        sealed=b"x" * 120,
        label="https://example.com/***",
        events=("*",),
        enabled_at=dt.datetime.now(dt.UTC),
    )
    indexes = await pool.fetch(
        "select indexname, indexdef from pg_indexes where tablename = 'deliveries' and schemaname = 'notifier' "
        "and indexdef not like '%UNIQUE%'"
    )
    async with pool.acquire() as connection:
        await connection.execute("set session_replication_role = replica")  # spares a check of each reference
        for index in indexes:
            await connection.execute(f"drop index notifier.{index['indexname']}")
        await connection.execute(FILL_ENDPOINTS, ENDPOINTS, msgspec.to_builtins(endpoint))
        for count in range(0, backlog, 1000):
            await connection.execute(FILL_MESSAGES, min(1000, backlog - count))
        await connection.execute(FILL_BODIES)
        # In portions: no statement may take longer than half a minute.
        for first in range(0, BEHIND, 10):
            await connection.execute(FILL_DELIVERIES, first, first + 10, backlog, 86_400.0)
        await connection.execute(FILL_DELIVERIES, BEHIND, ENDPOINTS, others, 3600.0)
        for index in indexes:
            await connection.execute(index["indexdef"])
        await connection.execute("update notifier.health set due_at = notifier.next_due(endpoint_id)")
        for table in ("deliveries", "health", "endpoints", "messages", "bodies"):
            await connection.execute(f"vacuum analyze notifier.{table}")
        await connection.execute("reset session_replication_role")
    return pool
