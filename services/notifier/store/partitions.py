"""Which process sends to which part of the endpoints."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
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
    pulses: Mapping[UUID, dt.datetime]
    """Of every process that sends: what changes whenever it renews."""
    at: float
    """The database's time, in seconds."""


class PartitionStore:
    """Parts and their owners. Who is dead is for the callers to say: they watch the pulses, by a clock that never jumps."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def renew(self, owner: UUID, *, dead: Mapping[UUID, dt.datetime], lease_seconds: float) -> Shares:
        """Say that this process is alive, keep what it holds, and take what nobody does, up to its fair share. Whose pulse
        still is as in `dead` sends no more."""
        async with transaction(self._pool) as connection:
            await connection.execute(
                "delete from notifier.senders s using unnest($1::uuid[], $2::timestamptz[]) as dead (id, pulse) "
                "where s.id = dead.id and s.alive_until = dead.pulse",
                list(dead),
                list(dead.values()),
            )
            await connection.execute(
                "insert into notifier.senders (id, alive_until) values ($1, now() + make_interval(secs => $2)) "
                "on conflict (id) do update set alive_until = excluded.alive_until",
                owner,
                lease_seconds,
            )
            senders = await connection.fetch(
                "select id, alive_until, extract(epoch from now())::float8 as at from notifier.senders"
            )
            fair = -(-PARTS // len(senders))
            rows = await connection.fetch(
                """
                with kept as (
                    update notifier.partitions set held_until = now() + make_interval(secs => $2)
                    where owner = $1 returning part
                ),
                free as (
                    select part from notifier.partitions p
                    where not exists (select from notifier.senders s where s.id = p.owner)
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
        return Shares(
            held=tuple(sorted(row["part"] for row in rows)),
            fair=fair,
            pulses={row["id"]: row["alive_until"] for row in senders},
            at=senders[0]["at"],
        )

    async def bring_forward(self, parts: Sequence[int], seconds: float) -> None:
        """The database's clock was put back by so much: what waits for a moment in these parts waits no longer for that."""
        async with transaction(self._pool) as connection:
            endpoints = await connection.fetch(
                "select endpoint_id from notifier.health where part = any($1::smallint[]) order by endpoint_id for update",
                list(parts),
            )
            ids = [row["endpoint_id"] for row in endpoints]
            await connection.execute(
                "update notifier.deliveries set due_at = due_at - make_interval(secs => $2) "
                "where endpoint_id = any($1::uuid[]) and state = 'pending' and due_at > now()",
                ids,
                seconds,
            )
            await connection.execute(
                "update notifier.health set open_until = open_until - make_interval(secs => $2), "
                "not_before = not_before - make_interval(secs => $2) where endpoint_id = any($1::uuid[])",
                ids,
                seconds,
            )
            await connection.execute(
                "update notifier.health set due_at = notifier.next_due(endpoint_id) where endpoint_id = any($1::uuid[])", ids
            )

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
