"""How fast we may ask providers, account by account: a budget of requests, and rest when one asks for it or is away."""

from __future__ import annotations

import asyncio
import enum
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from services.transcriber.engines import Account, EngineCrashed, KeyRefused, OutcomeUnknown, Throttled
from services.transcriber.settings import KeyPolicy, TranscriberSettings
from services.transcriber.store import NOBODYS
from shared.blobs import BlobUnavailable
from shared.database import Pool
from shared.errors import JobError, RetryableError
from shared.metrics import ENGINE_PAUSED

FIRST_PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 120.0
MOST_PATIENCE_SECONDS = 900.0
"""A provider that asks for more patience than this is asked again all the same, with one request."""
KEY_PAUSE_SECONDS = 180.0
"""How often a key that was refused is tried again."""
OUTAGES_IN_A_ROW = 5
"""Requests without an answer, and none with one between them, after which an account's work rests."""
BURST_SECONDS = 2.0
"""Requests that were not made for so long can be made up for."""
TOLERANCE_SECONDS = 0.5
"""So much sooner a process believes a pause to be over than the database does."""
FORGET_SECONDS = 600.0
"""Trouble of an account that no work waits for any more is forgotten after this."""

log = structlog.get_logger(__name__)


class Trouble(enum.StrEnum):
    """Why an account's work rests."""

    THROTTLED = "throttled"
    KEY_REFUSED = "key_refused"
    NO_KEY = "no_key"
    OUTAGE = "outage"


class Budget:
    """The requests that one account may make from this process."""

    def __init__(self, requests_per_minute: float) -> None:
        self._interval = 60.0 / requests_per_minute
        self._next = 0.0

    async def take(self) -> None:
        """Return when it is this request's turn."""
        now = time.monotonic()
        turn = max(self._next, now - BURST_SECONDS)
        self._next = turn + self._interval
        if turn > now:
            await asyncio.sleep(turn - now)


class Pacing:
    """Knows which accounts are well. What one process learns of an account's trouble, all of them heed."""

    def __init__(self, *, pool: Pool, settings: TranscriberSettings) -> None:
        self._pool = pool
        self.requests_per_minute = settings.account_requests_per_minute
        """On one account, from this process."""
        self._key_policy = settings.key_refused
        self._budgets: dict[tuple[str, str], Budget] = {}
        self._troubles: dict[tuple[str, str], Trouble] = {}
        """Known here; the table knows all."""
        self._resting: dict[tuple[str, str], float] = {}
        """Until when, by the monotonic clock; a little less than the table says, so that nobody who may try is held back."""
        self._outages: Counter[tuple[str, str]] = Counter()

    @asynccontextmanager
    async def reserve(self, account: Account) -> AsyncIterator[None]:
        """Waits until one more request may be sent. See `Reserve`."""
        key = (account.engine, account.id)
        if key not in self._budgets:
            self._budgets[key] = Budget(self.requests_per_minute)
        await self._budgets[key].take()
        yield

    @asynccontextmanager
    async def asking(self, account: Account, *, searching: bool = False) -> AsyncIterator[None]:
        """Around every dealing with a provider: learns from how it ends whether the account is well.

        `searching` says that `OutcomeUnknown` is an answer. Raises `JobError` `key_refused` where the operator wants jobs to
        fail rather than to wait for a key.
        """
        try:
            yield
        except Throttled as error:
            asked_for = None if error.seconds is None else min(error.seconds, MOST_PATIENCE_SECONDS)
            await self._note(account, Trouble.THROTTLED, error, seconds=asked_for)
            raise
        except KeyRefused as error:
            await self.refused(account, Trouble.KEY_REFUSED, error)
            raise
        except (BlobUnavailable, EngineCrashed):
            raise
        except OutcomeUnknown as error:
            await (self._well(account) if searching else self._out(account, error))
            raise
        except (RetryableError, OSError) as error:
            await self._out(account, error)
            raise
        except JobError:
            await self._well(account)
            raise
        else:
            await self._well(account)

    async def refused(self, account: Account, trouble: Trouble, error: KeyRefused) -> None:
        """A key is of no use, or missing: the account's work waits, or fails with a `JobError`, as the operator has set."""
        if self._key_policy is KeyPolicy.FAIL:
            await self._note(account, trouble, error, pause=False)
            message = f"{str(error).rstrip('.')}; use another engine, or tell the operator."
            raise JobError("key_refused", message, retryable=True) from None
        await self._note(account, trouble, error, seconds=KEY_PAUSE_SECONDS)

    def rests(self, engine: str, account_id: str | None) -> bool:
        """Whether an account's work was found to have to rest by this very process, and still does."""
        return time.monotonic() < self._resting.get((engine, account_id or NOBODYS), 0.0)

    async def look(self) -> None:
        """Learn what others know, and show it on `/metrics`."""
        await self._pool.execute(
            """
            delete from transcriber.accounts a
            where failed_at < now() - make_interval(secs => $1) and coalesce(paused_until < now(), true)
              and not exists (
                  select from transcriber.transcriptions t
                  where t.engine = a.engine and t.account_id = a.account_id and t.ended_at is null
              )
            """,
            FORGET_SECONDS,
        )
        rows = await self._pool.fetch("select engine, account_id, reason from transcriber.accounts")
        self._troubles = {(row["engine"], row["account_id"]): Trouble(row["reason"]) for row in rows}
        ENGINE_PAUSED.clear()
        for (engine, _), trouble in self._troubles.items():
            ENGINE_PAUSED.labels(engine, trouble).inc()

    async def _out(self, account: Account, error: Exception) -> None:
        key = (account.engine, account.id)
        self._outages[key] += 1
        if self._outages[key] >= OUTAGES_IN_A_ROW or key in self._troubles:
            await self._note(account, Trouble.OUTAGE, error)

    async def _note(
        self, account: Account, trouble: Trouble, error: Exception, *, seconds: float | None = None, pause: bool = True
    ) -> None:
        """Write trouble down. It counts anew when a pause was over; while one lasts, it was to be expected.

        An outage does not take the place of a pause that was asked for: such a pause is kept to its end.
        """
        known = await self._pool.fetchrow(
            """
            insert into transcriber.accounts as known (engine, account_id, tenant_id, reason, message, paused_until)
            values ($1, $2, $3, $4, $5, case when $6 then now() + make_interval(secs => coalesce($7::float8, $8)) end)
            on conflict (engine, account_id) do update
            set (reason, message) = (
                    select case when kept then known.reason else excluded.reason end,
                           case when kept then known.message else excluded.message end
                    from (select excluded.reason = 'outage' and coalesce(known.paused_until > now(), false)) as _ (kept)
                ),
                failed_at = now(), probed_until = null,
                failures = known.failures + case when known.paused_until > now() then 0 else 1 end,
                paused_until = case when $6 then greatest(known.paused_until, now() + make_interval(secs =>
                    coalesce($7::float8, least($9, $8 * 2 ^ least(known.failures + 1, 10)))
                )) end
            returning reason, extract(epoch from paused_until - now())::float8 as lasts
            """,
            account.engine,
            account.id,
            account.tenant_id,
            trouble,
            _sentence(error),
            pause,
            seconds,
            FIRST_PAUSE_SECONDS,
            LONGEST_PAUSE_SECONDS,
        )
        assert known is not None
        self._tell(account, Trouble(known["reason"]), error)
        self._resting[account.engine, account.id] = time.monotonic() + (known["lasts"] or 0.0) - TOLERANCE_SECONDS

    def _tell(self, account: Account, trouble: Trouble, error: Exception) -> None:
        """One line when trouble begins, not one for each job."""
        key = (account.engine, account.id)
        if self._troubles.get(key) is trouble:
            return
        self._troubles[key] = trouble
        tell = log.error if trouble in (Trouble.KEY_REFUSED, Trouble.NO_KEY) else log.warning
        tell("engine.paused", engine=account.engine, account=account.id or None, reason=trouble, error=_sentence(error))

    async def _well(self, account: Account) -> None:
        """An answer came. A pause that was asked for is kept all the same: the request may have been sent before it."""
        key = (account.engine, account.id)
        self._outages.pop(key, None)
        if key not in self._troubles:
            return
        over = await self._pool.fetchval(
            "delete from transcriber.accounts where engine = $1 and account_id = $2 "
            "and (reason = 'outage' or coalesce(paused_until <= now(), true)) returning true",
            *key,
        )
        if over:
            self._troubles.pop(key, None)
            self._resting.pop(key, None)
            log.info("engine.recovered", engine=account.engine, account=account.id)


def nobody(engine: str) -> Account:
    """Stands for the account of those who have none."""
    return Account(engine=engine, id=NOBODYS, key="")


def _sentence(error: Exception) -> str:
    """What is known to hold no secret of an error."""
    return str(error) if isinstance(error, RetryableError) else f"The provider cannot be reached ({type(error).__name__})."
