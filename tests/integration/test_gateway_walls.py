"""The second wall between tenants: what PostgreSQL itself refuses when a statement of ours forgets whose rows it is about."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from services.gateway import tenancy
from services.gateway.audit_trail import AuditTrail
from services.gateway.store.addresses import AddressStore
from services.gateway.store.audit import AuditFilter, AuditStore
from services.gateway.store.endpoints import EndpointStore
from services.gateway.store.jobs import JobStore
from services.gateway.store.keys import KeyStore
from services.gateway.store.listing import JobFilter, JobList
from services.gateway.store.revisions import RevisionStore
from services.gateway.store.uploads import UploadStore
from services.gateway.store.walled import WalledPool, behind_pooler, check_wall, walled_pool
from shared import migrations
from shared.database import Pool, open_pool, transaction
from shared.errors import ConfigurationError
from shared.schemas.events import JobSubmitted
from shared.schemas.ids import new_id
from tests.gatewaying import ApiClient, RunningGateway, running_gateway

UNREAD = {"outbox", "dead_letters", "migrations", "audit_intake", "rates", "rounds", "sign_in_attempts"}
"""Tables of the system's own, of which requests read nothing."""
OPEN = {"plans"}
"""What everybody may read, and requests do not change."""
MIGHTY = {"may_start"}
"""Functions that look over the wall: this one counts the jobs of all tenants, and says yes or no."""
UNCONFIRMED = {"AUDIO2TXT_MAIL_CONFIRM": "false"}
CONFINED = """
    select c.relname from pg_class c join pg_policy p on p.polrelid = c.oid
    where c.relnamespace = 'gateway'::regnamespace and c.relrowsecurity and p.polcmd = '*' and p.polpermissive
      and p.polroles = array['audio2txt_tenant'::regrole::oid] and p.polwithcheck is null
      and pg_get_expr(p.polqual, c.oid) in ('(tenant_id = gateway.present_tenant())', '(id = gateway.present_tenant())')
    group by c.relname having count(*) = 1
"""

PUBLISHED = (
    "insert into notifier.endpoints (id, tenant_id, version) values ($1, $1, 1)",
    "insert into notifier.health (endpoint_id, tenant_id, part) values ($1, $1, 1)",
    "insert into notifier.messages (id, tenant_id, type, occurred_at) values ($1, $1, 'test', now())",
    "insert into notifier.deliveries (id, endpoint_id, message_id, tenant_id, due_at) values ($1, $1, $1, $1, now())",
    "insert into notifier.attempts (delivery_id, number, started_at, duration_ms) values ($1, 1, now(), 1)",
    "insert into transcriber.tenant_rules (tenant_id, rules) values ($1, '{}')",
)
VIEWS = (
    ("tenant_id", "notifier.delivery_log"),
    ("endpoint_id", "notifier.endpoint_health"),
    ("delivery_id", "notifier.attempt_log"),
    ("tenant_id", "transcriber.tenant_engines"),
)
"""What other services publish, and a column that names whose it is in these tests."""


class _Undone(Exception):
    """Leaves a transaction without its changes."""


MISHAPS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError, _Undone)
"""What a request may meet, a server that has just been killed included."""


@pytest.fixture(params=["direct", "pooled"])
async def walled(
    request: pytest.FixtureRequest, database_url: str, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[WalledPool]:
    """A database as the gateway's stores see it, with two connections for tenants, also as behind a pooler."""

    async def found(pool: Pool) -> bool:
        assert not await behind_pooler(pool), "PostgreSQL itself is none"
        return bool(request.param == "pooled")

    monkeypatch.setattr("services.gateway.store.walled.behind_pooler", found)
    async with walled_pool(pool, database_url, size=2) as walled:
        yield walled


async def test_no_table_stands_before_the_wall(pool: Pool) -> None:
    """Whoever adds a table with rows of tenants and forgets the wall fails here; so does whoever gives the role more rights."""
    tables = {
        row["relname"]
        for row in await pool.fetch(
            "select relname from pg_class where relkind in ('r', 'p') and relnamespace = 'gateway'::regnamespace"
        )
    }
    confined = {row["relname"] for row in await pool.fetch(CONFINED)}
    assert tables - confined == UNREAD | OPEN, "each new table of tenants is named in a `call keep_apart(…)` of its migration"
    own = """
        select array_agg(attname) from pg_attribute where attrelid = 'gateway.tenants'::regclass and attnum > 0
            and has_column_privilege('audio2txt_tenant', attrelid, attnum, 'update')
    """
    assert await pool.fetchval(own) == ["name"], "what the operator decides about a tenant, a request cannot write"
    readable = (
        "select has_table_privilege('audio2txt_tenant', format('gateway.%I', $1::text), 'select, update, delete, truncate')"
    )
    assert not [name for name in UNREAD if await pool.fetchval(readable, name)]
    assert not [name for name in OPEN if await pool.fetchval(readable.replace("select, ", ""), name)]
    rights = await pool.fetchrow("select * from pg_roles where rolname = 'audio2txt_tenant'")
    assert rights is not None
    assert not any(rights[name] for name in ("rolsuper", "rolbypassrls", "rolcreaterole", "rolcreatedb", "rolcanlogin"))
    assert not await pool.fetchval("select exists (select from pg_auth_members where member = 'audio2txt_tenant'::regrole)")
    assert not await pool.fetchval("select exists (select from pg_class where relowner = 'audio2txt_tenant'::regrole)")
    mighty = await pool.fetch("select proname from pg_proc where pronamespace = 'gateway'::regnamespace and prosecdef")
    assert {row["proname"] for row in mighty} == MIGHTY, "what runs with the owner's rights must be looked at by hand"


async def test_a_forgotten_predicate_shows_and_changes_nothing_of_others(database_url: str, tmp_path: Path) -> None:
    """Whatever a statement for one tenant says, it finds none of another's rows, changes none, and makes none."""
    async with running_gateway(database_url, tmp_path, settings=UNCONFIRMED) as gateway:
        async with await gateway.new_tenant("acme") as http:
            mine = await _everything(gateway, ApiClient(http))
        async with await gateway.new_tenant("others") as http:
            other = await _everything(gateway, ApiClient(http))
        async with walled_pool(gateway.pool, database_url, size=2) as walled:
            tables = [row["relname"] for row in await gateway.pool.fetch(CONFINED)]
            tried = [await _try_all(gateway.pool, walled, table, mine=mine, other=other) for table in tables]
            assert sum(tried) >= 19


async def test_statements_of_the_stores_find_nothing_of_another_tenant(database_url: str, tmp_path: Path) -> None:
    """Also where they are told the right tenant and id: what counts is for whom the request is made."""
    async with (
        running_gateway(database_url, tmp_path, settings=UNCONFIRMED) as gateway,
        await gateway.new_tenant("acme") as http,
    ):
        owner = await _everything(gateway, ApiClient(http))
        job_id = await gateway.pool.fetchval("select job_id from gateway.revisions where tenant_id = $1", owner)
        address_id = await gateway.pool.fetchval("select id from gateway.addresses where tenant_id = $1", owner)
        upload_id = await gateway.pool.fetchval("select id from gateway.uploads where state = 'ready'")
        async with walled_pool(gateway.pool, database_url, size=2) as walled:
            jobs, uploads, addresses = JobStore(walled), UploadStore(walled), AddressStore(walled)

            async def seen() -> list[bool]:
                async with addresses.changing() as changes:
                    locked = await changes.lock(address_id)
                return [
                    bool(found)
                    for found in (
                        await jobs.find(owner, job_id),
                        await JobList(walled).page(owner, JobFilter(), after=None, limit=10),
                        await jobs.versions([job_id]),
                        await uploads.find(owner, upload_id),
                        await KeyStore(walled).page(owner, after=None, limit=10),
                        await EndpointStore(walled).page(owner, after=None, limit=10),
                        await EndpointStore(walled).leading_to(address_id),
                        await RevisionStore(walled).of(job_id, 1),
                        await AuditStore(walled).page(owner, AuditFilter(), after=None, limit=10),
                        (await AuditStore(walled).head(owner)).number,
                        await addresses.find_anybodys(address_id),
                        locked,
                    )
                ]

            tenancy.enter(new_id())
            assert not any(await seen())
            await uploads.forget(owner, upload_id)
            assert not await uploads.expire(owner, upload_id)
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await uploads.begin(owner, new_id(), file_name=None, media_type="audio/wav", expires_at=_far())
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await walled.execute(
                    "insert into gateway.audit_intake (entry) values (jsonb_build_object('tenant_id', $1::text)::text)",
                    str(owner),
                )
            tenancy.enter(owner)
            assert all(await seen())


async def test_a_connection_never_carries_a_tenant_over(walled: WalledPool, pool: Pool) -> None:
    """Fifty requests at once over two connections, some of which are cancelled, fail, or lose their server, see their own rows
    alone."""
    tenants = [new_id() for _ in range(7)]
    await pool.execute("insert into gateway.erasures (job_id, tenant_id) select gen_random_uuid(), unnest($1::uuid[])", tenants)
    chance = random.Random(50)
    seen = 0

    async def look(tenant_id: UUID) -> None:
        nonlocal seen
        tenancy.enter(tenant_id)
        for _ in range(12):
            mishap = chance.choice(("none", "none", "error", "rollback", "cancelled", "killed"))
            with suppress(*MISHAPS):
                await _suffer(walled, pool, mishap, chance.uniform(0, 0.01))
            with suppress(*MISHAPS):
                rows = await walled.fetch("select tenant_id, gateway.present_tenant() as present from gateway.erasures")
                assert [tuple(row) for row in rows] == [(tenant_id, tenant_id)]
                seen += 1

    async with asyncio.TaskGroup() as tasks:
        for number in range(50):
            tasks.create_task(look(tenants[number % len(tenants)]))
    assert seen > 400
    with tenancy.as_system():
        left = await walled.fetchrow("select current_user = session_user, gateway.present_tenant()")
    assert tuple(left or ()) == (True, None)


async def test_what_other_services_publish_is_walled_off_too(walled: WalledPool, pool: Pool) -> None:
    """Of deliveries, attempts, endpoints' health and choices of engines a request reads its own tenant's, and nothing else of
    those services."""
    tenants = [new_id(), new_id()]
    for tenant_id in tenants:
        for statement in PUBLISHED:
            await pool.execute(statement, tenant_id)
    for tenant_id in tenants:
        tenancy.enter(tenant_id)
        for column, view in VIEWS:
            rows = await walled.fetch(f"select {column} from {view}")
            assert [row[column] for row in rows] == [tenant_id], f"{view} shows others' rows, or not one's own"
        for table in ("notifier.deliveries", "notifier.attempts", "transcriber.provider_keys", "transcriber.transcriptions"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await walled.fetch(f"select from {table}")
    with tenancy.as_system():
        assert await walled.fetchval("select count(*) from notifier.attempt_log") == 2


async def test_only_a_change_of_tenants_costs_a_round_trip(pool: Pool, database_url: str) -> None:
    """Who is asked for is said once, and again where another tenant was in between; the system is in nobody's way."""
    first, second = new_id(), new_id()
    said: list[str] = []
    async with walled_pool(pool, database_url, size=1) as walled:
        tenancy.enter(first)
        async with walled.acquire() as connection:
            connection.add_query_logger(lambda record: said.append(record.query))
        for tenant_id in (first, first, second, second, first):
            tenancy.enter(tenant_id)
            assert await walled.fetchval("select gateway.present_tenant()") == tenant_id
            with tenancy.as_system():
                assert await walled.fetchval("select gateway.present_tenant()") is None
    assert [query for query in said if query.startswith("set")] == [
        f"set audio2txt.tenant = '{tenant_id}'" for tenant_id in (second, first)
    ]


async def test_an_operators_plain_user_keeps_tenants_apart_too(empty_database_url: str) -> None:
    """A user that may neither make roles nor act as the tenants' is told what to ask for, and after that everything works."""
    name, pool = f"plain_{new_id().hex}", await open_pool(empty_database_url, size=1)
    database = await pool.fetchval("select current_database()")
    await pool.execute("do $$ begin create role audio2txt_tenant nologin; exception when duplicate_object then null; end $$")
    await pool.execute(f"create role {name} login password 'plain'; grant create on database {database} to {name}")
    credentials = empty_database_url.partition("//")[2].rpartition("@")[0]
    plain = await open_pool(empty_database_url.replace(credentials, f"{name}:plain"), size=2)
    try:
        with pytest.raises(ConfigurationError, match=f"grant audio2txt_tenant to {name}"):
            await migrations.apply(plain, "gateway")
        await pool.execute(f"grant audio2txt_tenant to {name}")
        await migrations.apply(plain, "gateway")
        await check_wall(plain)
        await plain.execute("alter table gateway.uploads disable row level security")
        with pytest.raises(ConfigurationError, match="before uploads"):
            await check_wall(plain)
    finally:
        await plain.close()
        await pool.close()


async def _everything(gateway: RunningGateway, api: ApiClient) -> UUID:
    """Rows of a new tenant in every table that has any; returns its id."""
    tenant_id = UUID((await api.http.get("/v1/account")).json()["tenant"]["id"])
    job = await api.create(tags=["minutes"])
    await gateway.others.complete(await gateway.others.heard(JobSubmitted, job["id"]))
    await api.upload()
    deleted = await api.create(audio_url="https://example.com/a.wav")
    for answer in (
        await api.http.post("/v1/jobs", json={"audio_url": "https://example.com/b.wav"}, headers={"Idempotency-Key": "once"}),
        await api.http.post("/v1/uploads", headers={"Tus-Resumable": "1.0.0", "Upload-Length": "100000"}),
        await api.http.post("/v1/endpoints", json={"kind": "email", "address": "reader@example.com"}),
        await api.http.delete(f"/v1/jobs/{deleted['id']}"),
    ):
        assert answer.status_code < 300, answer.text
    await gateway.pool.execute(
        "insert into gateway.revisions (tenant_id, job_id, run, number, key, segments, speakers, created_at) "
        "values ($1, $2, 1, 1, 'key', 1, 0, now())",
        *(tenant_id, UUID(job["id"])),
    )
    await gateway.pool.execute("insert into gateway.llm_months values ($1, '2026-11-01', 1, 0, 1)", tenant_id)
    await gateway.pool.execute(
        "insert into gateway.llm_allowances (id, job_id, attempt, tenant_id, month, tokens, cost_usd) "
        "values ($1, $2, 1, $3, '2026-11-01', 1, 0)",
        *(new_id(), UUID(job["id"]), tenant_id),
    )
    await gateway.pool.execute("insert into gateway.retention values ($1, '{}')", tenant_id)
    await gateway.pool.execute(
        "insert into gateway.users (id, tenant_id, email, name, role) values ($1, $1, $1::uuid::text, 'Chen', 'viewer')",
        tenant_id,
    )
    await gateway.pool.execute(
        "insert into gateway.sign_ins (digest, id, tenant_id, user_id, kind, name, expires_at) "
        "values (uuid_send($1::uuid), $1, $1, $1, 'token', 'mine', now())",
        tenant_id,
    )
    await AuditTrail(AuditStore(gateway.pool)).settle(wait=True)
    return tenant_id


async def _try_all(system: Pool, walled: WalledPool, table: str, *, mine: UUID, other: UUID) -> bool:
    """Read, change, delete, give away and make every row of a table, for the other tenant; whether there were any."""
    key = "id" if table == "tenants" else "tenant_id"
    tenancy.enter(other)
    rows = await walled.fetch(f"select {key} from gateway.{table}")
    assert {row[key] for row in rows} <= {other}, f"{table} shows others' rows"
    row = await system.fetchval(f"select to_jsonb(t) from gateway.{table} t where {key} = $1 limit 1", mine)
    if row is None:
        return False
    assert rows, f"{table} shows nobody anything"
    for change in (f"update gateway.{table} set {key} = {key}", f"delete from gateway.{table}"):
        with suppress(asyncpg.InsufficientPrivilegeError, asyncpg.ForeignKeyViolationError, _Undone):
            async with transaction(walled) as connection:
                assert (await connection.execute(change)).endswith(f" {len(rows)}"), f"{change} reaches others' rows"
                raise _Undone
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await walled.execute(f"update gateway.{table} set {key} = $1", mine)
    with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.GeneratedAlwaysError)):
        await walled.execute(f"insert into gateway.{table} select (jsonb_populate_record(null::gateway.{table}, $1)).*", row)
    return True


async def _suffer(walled: WalledPool, system: Pool, mishap: str, seconds: float) -> None:
    match mishap:
        case "error":
            await walled.execute("select 1 / 0")
        case "rollback":
            async with transaction(walled) as connection:
                await connection.execute("update gateway.erasures set passes = passes + 1")
                raise _Undone
        case "cancelled":
            async with asyncio.timeout(seconds):
                await walled.execute("select pg_sleep(1)")
        case "killed":
            async with walled.acquire() as connection:
                assert await connection.fetchval("select current_user") == "audio2txt_tenant"
                await system.execute("select pg_terminate_backend($1)", connection.get_server_pid())
        case _:
            pass


def _far() -> dt.datetime:
    return dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
