"""How far requests have come towards their limits, over all processes. The database's clock is the only one."""

from __future__ import annotations

import msgspec

from services.gateway.store import patiently
from shared.database import Pool


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What a process was given."""

    granted: int
    owed: float
    """Seconds until nothing is used up any more."""


class RateStore:
    """Rows of `gateway.rates`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def claim(self, subject: str, *, gap: float, burst: int, wanted: int) -> Claim:
        """As many as are wanted and there are, perhaps none: `burst` after a pause, one more every `gap` seconds.

        One statement, in which processes wait for the row: no two of them are given the same.
        """
        row = await patiently(
            self._pool.fetchrow(
                """
                insert into gateway.rates as rate (subject, full_at, granted, asked_at)
                select $1, now + make_interval(secs => $2) * least($3::int, $4::int), least($3::int, $4::int), now
                from (values (clock_timestamp())) as clock (now)
                on conflict (subject) do update set (full_at, granted, asked_at) = (
                    select base + make_interval(secs => $2) * given, given, excluded.asked_at
                    from (values (greatest(rate.full_at, excluded.asked_at))) as owing (base), lateral (
                        select greatest(0, least(
                            $4::int, floor($3::int - extract(epoch from base - excluded.asked_at)::float8 / $2::float8 + 1e-6)
                        ))::int
                    ) as found (given)
                )
                returning granted, extract(epoch from full_at - asked_at)::float8 as owed
                """,
                *(subject, gap, burst, wanted),
            )
        )
        return msgspec.convert(dict(row or {}), Claim)

    async def forget_idle(self) -> None:
        """Remove the rows of those who may make as many requests as anybody."""
        await self._pool.execute("delete from gateway.rates where full_at < now() - interval '1 minute'")
