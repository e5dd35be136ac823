"""Which process sends to which part of the endpoints."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec

from shared.database import Pool, transaction

PARTS = 64


def part_of(endpoint_id: UUID) -> int:
    """The part an endpoint belongs to."""
    return endpoint_id.bytes[-1] % PARTS


class Shares(msgspec.Struct, frozen=True, kw_only=True):
    """What a process holds after it has renewed its leases."""

    held: tuple[int, ...]
    fair: int
    """As many parts as it should hold, given how many processes are alive."""


class PartitionStore:
    """Leases of parts. Time is the database's."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def renew(self, owner: UUID, *, lease_seconds: float) -> Shares:
        """Say that this process is alive, keep what it holds, and take what nobody does, up to its fair share."""
        async with transaction(self._pool) as connection:
            await connection.execute(
                "insert into notifier.senders (id, alive_until) values ($1, now() + make_interval(secs => $2)) "
                "on conflict (id) do update set alive_until = excluded.alive_until",
                owner,
                lease_seconds,
            )
            await connection.execute("delete from notifier.senders where alive_until < now() - interval '1 minute'")
            alive: int = await connection.fetchval("select count(*) from notifier.senders where alive_until > now()")
            fair = -(-PARTS // max(1, alive))
            rows = await connection.fetch(
                """
                with kept as (
                    update notifier.partitions set held_until = now() + make_interval(secs => $2)
                    where owner = $1 and held_until > now() returning part
                ),
                free as (
                    select part from notifier.partitions where held_until is null or held_until <= now()
                    order by part limit greatest(0, $3 - (select count(*) from kept)) for update skip locked
                ),
                taken as (
                    update notifier.partitions p set owner = $1, held_until = now() + make_interval(secs => $2)
                    from free where p.part = free.part returning p.part
                )
                select part from kept union all select part from taken
                """,
                owner,
                lease_seconds,
                fair,
            )
        return Shares(held=tuple(sorted(row["part"] for row in rows)), fair=fair)

    async def release(self, owner: UUID, parts: Sequence[int]) -> None:
        """Let others have these parts."""
        await self._pool.execute(
            "update notifier.partitions set owner = null, held_until = null where owner = $1 and part = any($2::smallint[])",
            owner,
            list(parts),
        )

    async def leave(self, owner: UUID) -> None:
        """This process sends no more."""
        await self._pool.execute(
            """
            with gone as (delete from notifier.senders where id = $1)
            update notifier.partitions set owner = null, held_until = null where owner = $1
            """,
            owner,
        )
