"""The database behind the wall between tenants: PostgreSQL lets a statement see its tenant's rows alone, whatever it says.

Statements for a tenant run on connections of their own, as the role `audio2txt_tenant`, which passes by no policy. Each of
these connections remembers whose it was last, so that only a change of tenants costs a round trip. Behind a pooler, which may
give each transaction another server, every statement is a transaction that says for whom it is. What the system does runs on
the platform's connections, as the owner of the tables.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, assert_never
from uuid import UUID

import asyncpg
import structlog

from services.gateway.tenancy import Whole, whose
from shared.database import Connection, ImpatientConnection, Pool, close_pool, open_pool, transaction
from shared.errors import ConfigurationError

ROLE = "audio2txt_tenant"

log = structlog.get_logger(__name__)


class NobodyAsks(RuntimeError):
    """A statement was made before it was said for whom: a defect of ours, which shows nothing to anybody."""


class WalledPool:
    """The pool of the stores. A statement goes where the task that makes it may look (see `tenancy`)."""

    def __init__(self, *, system: Pool, tenants: Pool | _Transactions) -> None:
        self._system = system
        self._tenants = tenants

    def acquire(self) -> Any:
        """A connection, for as long as the context lasts."""
        return self._pool.acquire()

    async def execute(self, query: str, *arguments: object) -> str:
        """As asyncpg's pool."""
        status: str = await self._pool.execute(query, *arguments)
        return status

    async def fetch(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        """As asyncpg's pool."""
        rows: list[asyncpg.Record] = await self._pool.fetch(query, *arguments)
        return rows

    async def fetchrow(self, query: str, *arguments: object) -> asyncpg.Record | None:
        """As asyncpg's pool."""
        return await self._pool.fetchrow(query, *arguments)

    async def fetchval(self, query: str, *arguments: object) -> Any:
        """As asyncpg's pool."""
        return await self._pool.fetchval(query, *arguments)

    @property
    def _pool(self) -> Any:
        match whose():
            case UUID():
                return self._tenants
            case Whole.SYSTEM:
                return self._system
            case Whole.NOBODY:
                raise NobodyAsks("A statement was made for nobody: neither for a tenant nor for the system.")
            case other:
                assert_never(other)


class _TenantConnection(ImpatientConnection):
    """A connection that knows whose it is."""

    tenant_id: UUID | None = None

    async def belong_to(self, tenant_id: UUID) -> None:
        """Let it see this tenant's rows, and no others. asyncpg closes it when that fails half-way."""
        if self.tenant_id != tenant_id:
            self.tenant_id = None
            await self.execute(f"set audio2txt.tenant = '{tenant_id}'")
            self.tenant_id = tenant_id


class _Transactions:
    """Connections that others use in between: nothing that is said of one outlives its transaction."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        async with transaction(self._pool) as connection:
            await connection.execute(f"set local role {ROLE}; set local audio2txt.tenant = '{_tenant()}'")
            yield connection

    async def execute(self, query: str, *arguments: object) -> Any:
        async with self.acquire() as connection:
            return await connection.execute(query, *arguments)

    async def fetch(self, query: str, *arguments: object) -> Any:
        async with self.acquire() as connection:
            return await connection.fetch(query, *arguments)

    async def fetchrow(self, query: str, *arguments: object) -> Any:
        async with self.acquire() as connection:
            return await connection.fetchrow(query, *arguments)

    async def fetchval(self, query: str, *arguments: object) -> Any:
        async with self.acquire() as connection:
            return await connection.fetchval(query, *arguments)


@asynccontextmanager
async def walled_pool(system: Pool, url: str, *, size: int) -> AsyncIterator[WalledPool]:
    """The system's pool, and beside it one with at most `size` connections for tenants. Raises `ConfigurationError` where no
    wall stands."""
    await check_wall(system)
    pooled = await behind_pooler(system)
    if pooled:
        tenants = await open_pool(url, size=size)
        log.info("walls.pooler", detail="each statement of a request is a transaction; without a pooler it is cheaper")
    else:
        tenants = await open_pool(
            url, size=size, connected=_become_tenant, acquired=_let_in, connection_class=_TenantConnection
        )
    try:
        yield WalledPool(system=system, tenants=_Transactions(tenants) if pooled else tenants)
    finally:
        await close_pool(tenants)


async def behind_pooler(pool: Pool) -> bool:
    """Whether something stands between us and the server, and may give a connection to others. It names its own processes."""
    async with pool.acquire() as connection:
        named: int = connection.get_server_pid()
        return bool(named != await connection.fetchval("select pg_backend_pid()"))


async def check_wall(system: Pool) -> None:
    """Whether the wall keeps tenants apart, and does not stand in the system's way. Raises `ConfigurationError`."""
    async with transaction(system) as connection:
        if await connection.fetchval("select row_security_active('gateway.jobs')"):
            raise ConfigurationError(
                "The wall between tenants keeps out the database's own user: AUDIO2TXT_DATABASE_URL must name the one that "
                "`audio2txt migrate` was run by, or a member of it."
            )
        try:
            await connection.execute(f"set local role {ROLE}")
        except (asyncpg.InsufficientPrivilegeError, asyncpg.InvalidParameterValueError) as error:
            raise ConfigurationError(
                f"The wall between tenants needs a role that the database's user may act as ({error}); let an administrator "
                f"of the server say: create role {ROLE} nologin; grant {ROLE} to the user."
            ) from error
        rows = await connection.fetch(
            """
            select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
            where c.relnamespace = 'gateway'::regnamespace and c.relkind in ('r', 'p') and not row_security_active(c.oid)
            order by 1
            """
        )
    if rows:
        names = ", ".join(row["relname"] for row in rows)
        raise ConfigurationError(
            f"No wall between tenants stands in the schema gateway before {names}: row-level security was switched off there, "
            f"or {ROLE} has more rights than it should."
        )


async def _become_tenant(connection: Connection) -> None:
    await connection.execute(f"set role {ROLE}")


async def _let_in(connection: Connection) -> None:
    await connection.belong_to(_tenant())


def _tenant() -> UUID:
    tenant_id = whose()
    assert isinstance(tenant_id, UUID), "only tenants use these connections"
    return tenant_id
