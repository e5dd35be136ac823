"""What processes that share a database promise one another."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from shared import database
from shared.database import open_pool, transaction


async def test_a_frozen_client_gives_way(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is frozen within a transaction loses its locks to those who are not, and learns of it as of an outage."""
    monkeypatch.setattr(database, "IDLE_TRANSACTION_SECONDS", 0.2)
    frozen, others = await open_pool(database_url, size=1), await open_pool(database_url, size=1)
    await others.execute("create table things (id int primary key, owner text); insert into things values (1, null)")
    take = "update things set owner = $1 where id = 1"

    async def freeze() -> None:
        async with transaction(frozen) as connection:
            await connection.execute(take, "frozen")
            async with asyncio.timeout(20):
                await others.execute(take, "another")
            await connection.execute(take, "woken")

    with pytest.raises((asyncpg.IdleInTransactionSessionTimeoutError, asyncpg.InterfaceError, OSError)) as caught:
        await freeze()

    assert database.is_outage(caught.value)
    assert await frozen.fetchval("select owner from things") == "another"
    await frozen.close()
    await others.close()
