"""PostgreSQL: one pool a process, transactions at the edge, and what counts as an outage."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import asyncpg
import msgspec
import structlog
from asyncpg.pool import PoolConnectionProxy
from typing_extensions import override

from shared.errors import ConfigurationError

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"
Prepare: TypeAlias = Callable[[Connection], Awaitable[None]]

STARTUP_PATIENCE = 60.0
"""Seconds to wait for a server that does not answer yet, as when all containers start at once."""

STATEMENT_TIMEOUT = 30.0
"""Seconds after which a statement is given up: no query of ours should take one."""

CANCELLATION_SECONDS = 2.0
"""How long a server may take to drop a statement that nobody waits for any more, before its connection is given up."""

IDLE_TRANSACTION_SECONDS = 10.0
"""After which the server ends a transaction in which its client asks for nothing: the client is frozen, or its machine is
gone, and its locks would hold up everybody else for as long."""

KEEPALIVE_SECONDS = 10
"""How often the server looks whether a silent client's machine is still there; it gives up after three of them."""

log = structlog.get_logger(__name__)


class ImpatientConnection(asyncpg.Connection):  # type: ignore[misc] # asyncpg has no types
    """A connection that does not wait for a frozen server.

    Whoever gives up a statement is let go by asyncpg once the server has taken its cancellation, for which asyncpg gives it as
    long as for a statement: who has fifteen seconds would be kept for forty-five.
    """

    @override
    async def _cancel(self, waiter: asyncio.Future[None], cancel_waiter: asyncio.Future[None] | None = None) -> None:
        async with asyncio.timeout(CANCELLATION_SECONDS) as patience:
            await super()._cancel(waiter, cancel_waiter)  # which ends quietly when it is cancelled itself
        if patience.expired():
            self.terminate()


async def open_pool(
    url: str,
    *,
    size: int,
    connected: Prepare | None = None,
    acquired: Prepare | None = None,
    connection_class: type[ImpatientConnection] = ImpatientConnection,
) -> Pool:
    """A pool with JSON columns decoded. Waits up to a minute for the server, then raises `ConfigurationError`.

    Connections are prepared by `connected` once, and by `acquired` each time before they are given out.
    """

    async def prepare(connection: Connection) -> None:
        await _set_codecs(connection)
        await _hold_nobody_up(connection)
        if connected is not None:
            await connected(connection)

    deadline = time.monotonic() + STARTUP_PATIENCE
    while True:
        try:
            return await asyncpg.create_pool(
                url,
                min_size=1,
                max_size=size,
                timeout=10,
                command_timeout=STATEMENT_TIMEOUT,
                init=prepare,
                setup=acquired,
                reset=_leave_session,
                connection_class=connection_class,
            )
        except (OSError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError) as error:
            if time.monotonic() > deadline:
                raise ConfigurationError(f"AUDIO2TXT_DATABASE_URL: the database does not answer: {error}.") from error
            log.info("database.waiting", error=str(error))
            await asyncio.sleep(1)
        except (asyncpg.InvalidPasswordError, asyncpg.InvalidCatalogNameError, ValueError) as error:
            raise ConfigurationError(f"AUDIO2TXT_DATABASE_URL: {error}.") from error


async def close_pool(pool: Pool) -> None:
    """Close its connections, at once when that takes longer than five seconds."""
    try:
        async with asyncio.timeout(5):
            await pool.close()
    except TimeoutError:
        pool.terminate()


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[Connection]:
    """One transaction on one connection; commits unless the block raises."""
    async with pool.acquire() as connection, connection.transaction():
        yield connection


async def check(pool: Pool) -> None:
    """Raise when the database does not answer within two seconds."""
    async with asyncio.timeout(2):
        await pool.fetchval("select 1")


def is_outage(error: BaseException) -> bool:
    """Whether an error says that the database is away for now, and not that the statement is wrong."""
    return isinstance(
        error,
        OSError
        | TimeoutError
        | asyncpg.PostgresConnectionError
        | asyncpg.InterfaceError
        | asyncpg.InternalClientError  # a connection whose server has just been killed
        | asyncpg.OperatorInterventionError
        | asyncpg.InsufficientResourcesError
        | asyncpg.IdleInTransactionSessionTimeoutError  # we were frozen
        | asyncpg.TransactionRollbackError,  # the victim of a deadlock, which the same statement is spared next time
    )


async def _set_codecs(connection: Connection) -> None:
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: b"\x01" + msgspec.json.encode(value),
        decoder=lambda data: msgspec.json.decode(data[1:]),
        format="binary",
    )


async def _hold_nobody_up(connection: Connection) -> None:
    # Not among the connection's startup parameters, which PgBouncer refuses.
    await connection.execute(
        f"set idle_in_transaction_session_timeout = {round(IDLE_TRANSACTION_SECONDS * 1000)}; "
        f"set tcp_keepalives_idle = {KEEPALIVE_SECONDS}; set tcp_keepalives_interval = {KEEPALIVE_SECONDS}; "
        "set tcp_keepalives_count = 3"
    )


async def _leave_session(connection: Connection) -> None:
    """Spare the round trip with which asyncpg sets back a connection that returns to the pool, open transactions aside.

    Nothing of ours outlives its transaction unseen: settings are `set local`, the same for all, or known to whom they are set
    for, advisory locks end with it, nobody listens.
    """
