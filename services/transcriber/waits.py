"""Tells customers what their jobs wait for: a key, a provider's patience, the end of an outage. Without a secret in it."""

from __future__ import annotations

import enum

from services.transcriber.outcomes import waits
from services.transcriber.store.waits import Change, WaitStore
from shared.database import Pool, transaction
from shared.outbox import Outbox
from shared.schemas.jobs import Waiting

WORTH_TELLING_SECONDS = 5.0
"""Shorter pauses of an account are not told: providers ask for a little patience all the time."""
OUTAGES = 3
"""In a row, after which a job that no account's trouble explains is said to wait."""
AT_ONCE = 500


class Wait(enum.StrEnum):
    """What for. The first four are what accounts suffer from."""

    THROTTLED = "throttled"
    KEY_REFUSED = "key_refused"
    NO_KEY = "no_key"
    OUTAGE = "outage"
    OUTCOME_UNCLEAR = "outcome_unclear"


class Waits:
    """One per process; what one has told, the others do not tell again."""

    def __init__(self, *, pool: Pool, store: WaitStore, outbox: Outbox) -> None:
        self._pool = pool
        self._store = store
        self._outbox = outbox

    async def tell(self) -> None:
        """Publish what has changed."""
        while await self._tell_some() == AT_ONCE:
            pass

    async def _tell_some(self) -> int:
        async with transaction(self._pool) as connection:
            changes = await self._store.changed(connection, worth_telling=WORTH_TELLING_SECONDS, outages=OUTAGES, limit=AT_ONCE)
            await self._outbox.append(connection, *(waits(change.row, _waiting(change)) for change in changes))
        if changes:
            self._outbox.wake()
        return len(changes)


def _waiting(change: Change) -> Waiting | None:
    if change.waiting is None or change.since is None:
        return None
    wait = Wait(change.waiting)
    return Waiting(code=wait, message=_sentence(wait, change.row.engine), since=change.since)


def _sentence(wait: Wait, engine: str) -> str:
    match wait:
        case Wait.THROTTLED:
            return f"The provider of the engine {engine} takes no more requests for now; the job goes on by itself."
        case Wait.KEY_REFUSED:
            return (
                f"The provider of the engine {engine} refuses the key; the job goes on by itself when there is another. "
                "To use another engine, cancel the job and retry it with that."
            )
        case Wait.NO_KEY:
            return (
                f"There is no key for the engine {engine}; the job goes on by itself when there is one. To use another engine, "
                "cancel the job and retry it with that."
            )
        case Wait.OUTAGE:
            return f"The engine {engine}, or something that it needs, cannot be reached; the job goes on by itself when it can."
        case Wait.OUTCOME_UNCLEAR:
            return (
                f"It is being found out whether the provider of the engine {engine} has taken the recording; until then it is "
                "not sent again, so that nobody pays twice."
            )
