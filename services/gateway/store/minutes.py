"""How much audio tenants have had transcribed in a calendar month, and what is held for jobs at work."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import msgspec

from services.gateway.store import patiently
from shared.database import Pool
from shared.schemas.ids import new_id

_UNCHARGED = """
    uncharged as (
        update gateway.minute_months as month set used_ms = month.used_ms - total.ms
        from (select tenant_id, month, sum(ms)::bigint as ms from released group by 1, 2) as total
        where month.tenant_id = total.tenant_id and month.month = total.month
    )
"""
SETTLE = """
    held as (
        delete from gateway.minute_holds using moved where job_id = moved.id and minute_holds.run = {run}
        returning month, ms
    ), charged as (
        insert into gateway.minute_months as month (tenant_id, month, used_ms)
        select {tenant}::uuid,
            coalesce((select max(month) from held), date_trunc('month', now() at time zone 'UTC')::date),
            {ms}::bigint - coalesce((select sum(ms) from held), 0)::bigint
        from moved
        on conflict (tenant_id, month) do update set used_ms = month.used_ms + excluded.used_ms
    )
"""
"""What was transcribed takes the place of what was held, once. `moved` has the id of the job."""
RELEASE = f"""
    given_up as (
        delete from gateway.minute_holds using moved where job_id = moved.id and {{ended}}
        returning tenant_id, month, ms, {{unused}} as unused
    ), released as (select tenant_id, month, ms from given_up where unused), {_UNCHARGED}
"""
"""What was held for a job that `ended` without a transcript is there for others, where it is `unused`."""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What is held for one run of a job."""

    id: UUID
    ms: int


class MinuteStore:
    """Rows of `gateway.minute_months` and `gateway.minute_holds`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def hold(
        self, tenant_id: UUID, month: dt.date, *, job_id: UUID, run: int, wanted: int, least: int, limit: int
    ) -> Held | None:
        """As much of what is wanted as the month still holds; null when that is less than `least`. Milliseconds.

        One statement: jobs that are created at the same moment wait for the month's row, and cannot overdraw it together.
        """
        row = await patiently(
            self._pool.fetchrow(
                """
                with month as (
                    insert into gateway.minute_months as m (tenant_id, month, used_ms, granted_ms)
                    select $1, $2, least($5::bigint, $7::bigint), least($5, $7) where $6::bigint <= $7
                    on conflict (tenant_id, month) do update
                    set used_ms = m.used_ms + least($5, $7 - m.used_ms), granted_ms = least($5, $7 - m.used_ms)
                    where m.used_ms + $6 <= $7
                    returning granted_ms
                )
                insert into gateway.minute_holds (id, job_id, run, tenant_id, month, ms)
                select $8, $3, $4, $1, $2, granted_ms from month returning id, ms
                """,
                *(tenant_id, month, job_id, run, wanted, least, limit, new_id()),
            )
        )
        return None if row is None else msgspec.convert(dict(row), Held)

    async def extend(self, tenant_id: UUID, job_id: UUID, *, run: int, ms: int, limit: int) -> bool:
        """Hold so much for the next run of a job in place of what was held for this one; false where its month has not so
        much left. May be repeated until that run has begun."""
        extended = await patiently(
            self._pool.fetchval(
                """
                with held as (
                    select id, month, ms from gateway.minute_holds where tenant_id = $1 and job_id = $2 and run in ($3, $3 + 1)
                    order by run desc limit 1 for update
                ), month as (
                    update gateway.minute_months as m set used_ms = m.used_ms + $4 - held.ms from held
                    where m.tenant_id = $1 and m.month = held.month
                      and ($4::bigint <= held.ms or m.used_ms + $4 - held.ms <= $5)
                    returning held.id
                )
                update gateway.minute_holds as hold set run = $3 + 1, ms = $4, created_at = now() from month
                where hold.id = month.id
                returning true
                """,
                *(tenant_id, job_id, run, ms, limit),
            )
        )
        return extended is not None

    async def give_back(self, hold_id: UUID) -> None:
        """Nothing came of the job that it was held for."""
        await patiently(
            self._pool.execute(
                f"""
                with released as (delete from gateway.minute_holds where id = $1 returning tenant_id, month, ms), {_UNCHARGED}
                select from released
                """,
                hold_id,
            )
        )

    async def release_lost(self) -> None:
        """Give back what was held an hour ago or earlier for jobs that then were not made, and for runs that did not begin."""
        await self._pool.execute(
            f"""
            with released as (
                delete from gateway.minute_holds as hold where created_at < now() - interval '1 hour'
                  and not exists (select from gateway.jobs where jobs.id = hold.job_id and jobs.run >= hold.run)
                returning tenant_id, month, ms
            ), {_UNCHARGED}
            select from released
            """
        )

    async def used(self, tenant_id: UUID, month: dt.date) -> int:
        """Milliseconds that are used or held."""
        used: int | None = await patiently(
            self._pool.fetchval(
                "select used_ms from gateway.minute_months where tenant_id = $1 and month = $2", tenant_id, month
            )
        )
        return used or 0
