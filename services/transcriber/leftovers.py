"""What ended or erased transcriptions have left, in our store and at providers, until it is gone for good."""

from __future__ import annotations

import msgspec

from shared.database import Connection, Pool

_FIRST_RETRY_SECONDS = 60
_LONGEST_RETRY_SECONDS = 3600


class Leftover(msgspec.Struct, frozen=True, kw_only=True):
    """Blobs below a prefix, or a task that an engine's provider still keeps."""

    prefix: str | None = None
    engine: str | None = None
    provider_id: str | None = None


class ClaimedLeftover(Leftover, frozen=True, kw_only=True):
    """One to be removed now; it comes back later unless it is `done`."""

    id: int


class LeftoverStore:
    """Reads and writes `leftovers`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def add(self, connection: Connection, *leftovers: Leftover, delay: float = 0.0) -> None:
        """Have something removed, not before so many seconds have passed."""
        await connection.executemany(
            "insert into transcriber.leftovers (prefix, engine, provider_id, due_at) "
            "values ($1, $2, $3, now() + make_interval(secs => $4))",
            [(leftover.prefix, leftover.engine, leftover.provider_id, delay) for leftover in leftovers],
        )

    async def claim(self, limit: int) -> list[ClaimedLeftover]:
        """Take what is due; whatever is not done then is due again later, and later each time."""
        rows = await self._pool.fetch(
            """
            update transcriber.leftovers l
            set attempts = attempts + 1, due_at = now() + make_interval(secs => least($2 * 2 ^ least(attempts, 10), $3))
            from (
                select id from transcriber.leftovers where due_at <= now() order by due_at limit $1 for update skip locked
            ) due
            where l.id = due.id returning l.id, prefix, engine, provider_id
            """,
            limit,
            _FIRST_RETRY_SECONDS,
            _LONGEST_RETRY_SECONDS,
        )
        return [msgspec.convert(dict(row), ClaimedLeftover) for row in rows]

    async def done(self, leftover_id: int) -> None:
        """It is gone."""
        await self._pool.execute("delete from transcriber.leftovers where id = $1", leftover_id)

    async def forget_closed(self, *, days: int) -> None:
        """Forget which jobs were closed so long ago that no event about them can still be on its way."""
        await self._pool.execute(
            "delete from transcriber.closed_jobs where closed_at < now() - make_interval(days => $1)", days
        )
