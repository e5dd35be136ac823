"""Which transcriptions wait, and what for."""

from __future__ import annotations

import datetime as dt

import msgspec

from services.transcriber.store.rows import Transcription, read_row
from shared.database import Connection


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A transcription that waits for something else than was told last."""

    row: Transcription
    waiting: str | None
    """Null: for nothing any more."""
    since: dt.datetime | None


class WaitStore:
    """Reads and writes `waiting`, which any process may tell about any transcription."""

    async def changed(self, connection: Connection, *, worth_telling: float, outages: int, limit: int) -> list[Change]:
        """Note for up to so many transcriptions what they wait for now, where that is another thing than before.

        An account's trouble counts once it has lasted for `worth_telling` seconds, and what is due while it lasts; outages
        without an account, from so many in a row.
        """
        rows = await connection.fetch(
            """
            with standing as (
                select t.job_id, t.run, t.waiting as told, trouble.since,
                       case
                           when trouble.reason is not null and (t.due_at <= now() or t.waiting is not null) then trouble.reason
                           when t.outages < $2 then null
                           when t.state = 'submitting' then 'outcome_unclear'
                           else 'outage'
                       end as waits
                from transcriber.transcriptions t
                left join transcriber.accounts trouble
                    on trouble.engine = t.engine and trouble.account_id = t.account_id and trouble.paused_until is not null
                    and trouble.since <= now() - make_interval(secs => $1) and t.state <> 'storing'
                where t.ended_at is null
            ), changed as (
                select t.job_id, t.run, standing.waits, standing.since
                from transcriber.transcriptions t join standing using (job_id, run)
                where standing.waits is distinct from standing.told and t.waiting is not distinct from standing.told
                  and t.ended_at is null
                limit $3 for update of t skip locked
            )
            update transcriber.transcriptions t
            set waiting = changed.waits,
                waiting_since = case
                    when changed.waits is not null
                    then coalesce(t.waiting_since, greatest(coalesce(changed.since, now()), t.created_at))
                end
            from changed where t.job_id = changed.job_id and t.run = changed.run
            returning t.*
            """,
            worth_telling,
            outages,
            limit,
        )
        return [Change(row=read_row(row), waiting=row["waiting"], since=row["waiting_since"]) for row in rows]
