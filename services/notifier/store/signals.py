"""PostgreSQL's LISTEN and NOTIFY: what one process says, all others hear at once, as long as they are connected."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import asyncpg

from shared.database import Pool

CHANNEL = "audio2txt_deliveries"
CONNECT_SECONDS = 10.0
CLOSE_SECONDS = 2.0


class SignalStore:
    """Says something over the pool, and listens over a connection of its own: one that returns to a pool forgets what it
    listens to. `url` is the database's."""

    def __init__(self, pool: Pool, url: str) -> None:
        self._pool = pool
        self._url = url

    async def say(self, text: str) -> None:
        """To all that listen, this process too. Never inside another transaction: commits that say something queue up."""
        await self._pool.execute("select pg_notify($1, $2)", CHANNEL, text)

    @asynccontextmanager
    async def listening(self, hear: Callable[[str], None]) -> AsyncIterator[asyncio.Event]:
        """Hear what is said from now on; the event is set when the connection is lost."""
        lost = asyncio.Event()
        connection = await asyncpg.connect(
            self._url,
            timeout=CONNECT_SECONDS,
            command_timeout=CONNECT_SECONDS,
            statement_cache_size=0,
            server_settings={"application_name": "audio2txt notifier, listening"},
        )
        try:
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(CHANNEL, lambda _connection, _pid, _channel, text: hear(str(text)))
            yield lost
        finally:
            try:
                await connection.close(timeout=CLOSE_SECONDS)
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                connection.terminate()
