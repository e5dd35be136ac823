"""What has been taken of allowances that all processes share. The database's clock is the only one."""

from __future__ import annotations

from services.notifier.channels.email.limits import Rate
from shared.database import Pool

LEAST_WAIT = 0.01
"""Seconds. It was refused, even if there is one again by now."""


class AllowanceStore:
    """One guarded statement takes or refuses, so processes cannot take the same one twice."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def take(self, key: str, rate: Rate) -> float:
        """Take one: 0, or the seconds to wait, and nothing is taken."""
        taken = await self._pool.fetchval(
            """
            insert into notifier.allowances as a (key, spent_until)
            values ($1, clock_timestamp() + make_interval(secs => $2::float8))
            on conflict (key) do update
            set spent_until = greatest(a.spent_until, clock_timestamp()) + make_interval(secs => $2::float8)
            where a.spent_until <= clock_timestamp() + make_interval(secs => $2::float8 * ($3::int - 1))
            returning true
            """,
            *(key, rate.gap, rate.burst),
        )
        return 0.0 if taken else await self._wait(key, rate)

    async def give_back(self, key: str, rate: Rate) -> None:
        """Undo one `take`."""
        await self._pool.execute(
            "update notifier.allowances set spent_until = spent_until - make_interval(secs => $2::float8) where key = $1",
            *(key, rate.gap),
        )

    async def _wait(self, key: str, rate: Rate) -> float:
        seconds: float | None = await self._pool.fetchval(
            """
            select extract(epoch from spent_until - clock_timestamp())::float8 - $2::float8 * ($3::int - 1)
            from notifier.allowances where key = $1
            """,
            *(key, rate.gap, rate.burst),
        )
        return max(LEAST_WAIT, seconds or 0.0)
