"""How often it was tried in vain to sign in. Counted before the password is looked at, in rows that are locked, so that many at
once, on however many processes, are as many as they are."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection
from dataclasses import dataclass

from services.gateway.store import PATIENCE, patiently
from shared.database import Connection, Pool, transaction

TRUSTED_DAYS = 30
QUIET_SECONDS = 86_400.0
"""After so long without an attempt, one begins anew."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How many attempts in a row are free, and how long the wait after the others grows."""

    free: int
    longest: float
    """Seconds."""
    first: float = 1.0
    """Seconds; each further wait is twice as long as the one before."""


OF_ACCOUNT = Patience(free=5, longest=900.0)
OF_PLACE = Patience(free=20, longest=60.0)


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One that was let through: what it is undone by when it succeeds."""

    account: bytes
    place: bytes
    pair: bytes

    @property
    def is_trusted(self) -> bool:
        """Whether the account was signed in to from there lately."""
        return self.account == self.pair


class AttemptStore:
    """Rows of `gateway.sign_in_attempts`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def begin(self, email: str, place: str) -> Attempt | float:
        """Count an attempt to sign in to an account from a place; or the seconds to wait, then it counts as none.

        Places from which the account was signed in to lately are judged apart: who guesses elsewhere does not keep them out.
        """
        pair = _key("pair", email, place)
        async with asyncio.timeout(PATIENCE), transaction(self._pool) as connection:
            trusted = await connection.fetchval(
                "select trusted_until > now() from gateway.sign_in_attempts where key = $1", pair
            )
            attempt = Attempt(account=pair if trusted else _key("account", email), place=_key("place", place), pair=pair)
            limits = {attempt.account: OF_ACCOUNT, attempt.place: OF_PLACE}
            wait = await _wait(connection, limits)
            if wait > 0:
                return wait
            await _count(connection, limits)
        return attempt

    async def take(self, subject: str, patience: Patience) -> float:
        """Count one by itself: 0, or the seconds to wait, then it counts as none."""
        limits = {_key(subject): patience}
        async with asyncio.timeout(PATIENCE), transaction(self._pool) as connection:
            wait = await _wait(connection, limits)
            if wait == 0:
                await _count(connection, limits)
        return wait

    async def succeeded(self, attempt: Attempt) -> None:
        """It was no failure: the account begins anew, the address is given back this one, and both are trusted together."""
        async with asyncio.timeout(PATIENCE), transaction(self._pool) as connection:
            await _lock(connection, {attempt.account, attempt.place, attempt.pair})
            await connection.execute(
                """
                with account as (
                    update gateway.sign_in_attempts set failures = 0, retry_at = null where key = $1 and $1 <> $3
                ), place as (
                    update gateway.sign_in_attempts set failures = greatest(failures - 1, 0), retry_at = null where key = $2
                )
                insert into gateway.sign_in_attempts (key, trusted_until) values ($3, now() + make_interval(days => $4))
                on conflict (key) do update
                set failures = 0, retry_at = null, attempted_at = now(), trusted_until = excluded.trusted_until
                """,
                *(attempt.account, attempt.place, attempt.pair, TRUSTED_DAYS),
            )

    async def forgive(self, email: str) -> None:
        """Its reader has proved to be that: the account begins anew."""
        await patiently(self._pool.execute("delete from gateway.sign_in_attempts where key = $1", _key("account", email)))


async def _wait(connection: Connection, limits: Collection[bytes]) -> float:
    """The seconds until all let somebody through; locks the rows, unless somebody is to wait anyway."""
    if (wait := await _longest_wait(connection, limits)) > 0:
        return wait
    await _lock(connection, limits)
    return await _longest_wait(connection, limits)


async def _lock(connection: Connection, keys: Collection[bytes]) -> None:
    """Locks the rows, made where they are not there yet, in one order everywhere: two never wait for each other."""
    ordered = sorted(keys)
    await connection.execute(
        "insert into gateway.sign_in_attempts (key) select unnest($1::bytea[]) on conflict do nothing", ordered
    )
    await connection.execute(
        "select from gateway.sign_in_attempts where key = any($1::bytea[]) order by key for update", ordered
    )


async def _longest_wait(connection: Connection, keys: Collection[bytes]) -> float:
    wait: float | None = await connection.fetchval(
        """
        select max(extract(epoch from retry_at - clock_timestamp()))::float8
        from gateway.sign_in_attempts where key = any($1::bytea[])
        """,
        list(keys),
    )
    return max(0.0, wait or 0.0)


async def _count(connection: Connection, limits: dict[bytes, Patience]) -> None:
    await connection.execute(
        """
        update gateway.sign_in_attempts set failures = number, attempted_at = clock_timestamp(),
            retry_at = case when number > free then clock_timestamp()
                + make_interval(secs => least(longest, first * 2.0 ^ least(number - free - 1, 30))) end
        from (
            select a.key, free, first, longest,
                case when attempted_at < clock_timestamp() - make_interval(secs => $5) then 1 else failures + 1 end as number
            from gateway.sign_in_attempts a
            join unnest($1::bytea[], $2::int[], $3::float8[], $4::float8[]) as wanted (key, free, first, longest)
                on wanted.key = a.key
        ) counted
        where counted.key = sign_in_attempts.key
        """,
        *(list(limits), [patience.free - 1 for patience in limits.values()]),
        *([patience.first for patience in limits.values()], [patience.longest for patience in limits.values()], QUIET_SECONDS),
    )


def _key(*subject: str) -> bytes:
    return hashlib.sha256("\0".join(subject).encode()).digest()
