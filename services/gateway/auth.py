"""Whose API key a request has, remembered for half a minute; when keys and sign-ins were last used; how the first key comes to
be."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Protocol
from uuid import UUID

from services.gateway.keys import digest, is_well_formed, new_key
from services.gateway.store.accounts import AccountStore, Principal
from shared.database import Pool
from shared.errors import ConfigurationError

FIRST_TENANT = "default"

KNOWN_SECONDS = 30.0
"""How long a revoked key may still be taken."""

UNKNOWN_SECONDS = 5.0
USES_SECONDS = 60.0
"""How often the last uses of keys are written: not in the way of any request, and once for however many there were."""

_REMEMBERED = 4096


class Authenticator:
    """Looks keys up, and remembers the answer for a while."""

    def __init__(self, accounts: AccountStore, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._accounts = accounts
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[float, Principal | None]] = OrderedDict()
        self._forgotten = 0

    async def principal(self, key: str) -> Principal | None:
        """Whose key it is; null alike for malformed, unknown, expired and revoked ones."""
        now, key_digest = self._clock(), digest(key)
        remembered = self._known.get(key_digest)
        if remembered is not None and remembered[0] > now:
            return remembered[1]
        if not is_well_formed(key):
            return None
        forgotten = self._forgotten
        principal = await self._accounts.principal(key_digest)
        if forgotten == self._forgotten:
            self._remember(key_digest, principal, now)
        return principal

    def forget(self, key_id: UUID) -> None:
        """Ask for this key anew: it was revoked, or its end was changed. An answer that is on its way is not kept."""
        self._forgotten += 1
        for key_digest, (_, principal) in list(self._known.items()):
            if principal is not None and principal.id == key_id:
                del self._known[key_digest]

    def _remember(self, key_digest: bytes, principal: Principal | None, now: float) -> None:
        seconds = UNKNOWN_SECONDS if principal is None else KNOWN_SECONDS
        if principal is not None and principal.by.expires_at is not None:
            seconds = min(seconds, (principal.by.expires_at - dt.datetime.now(dt.UTC)).total_seconds())
        self._known[key_digest] = (now + seconds, principal)
        self._known.move_to_end(key_digest)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)


class UseStore(Protocol):
    """Where last uses are kept."""

    async def used(self, uses: Mapping[UUID, dt.datetime]) -> None:
        """Keep them; an earlier time never takes the place of a later one."""


class LastUses:
    """When keys, or sign-ins, were last used: noted by requests, written once a minute. A crash loses at most the last
    minute's."""

    def __init__(self, store: UseStore) -> None:
        self._store = store
        self._uses: dict[UUID, dt.datetime] = {}

    def note(self, used_id: UUID) -> None:
        """A request was made with this one."""
        self._uses[used_id] = dt.datetime.now(dt.UTC)

    async def run(self) -> None:
        """Loop for ever; what is noted is written before it ends."""
        try:
            while True:
                await asyncio.sleep(USES_SECONDS)
                await self.write()
        except asyncio.CancelledError:
            await self.write()
            raise

    async def write(self) -> None:
        """Write what was noted. An outage keeps it for the next time."""
        uses, self._uses = self._uses, {}
        if not uses:
            return
        try:
            await self._store.used(uses)
        except BaseException:
            self._uses = uses | self._uses
            raise


async def ensure_first_key(pool: Pool) -> str | None:
    """Make the first tenant and key; returns the key, which is stored nowhere, or null when there is a key already."""
    key = new_key()
    return key if await AccountStore(pool).add_first_key(FIRST_TENANT, key) else None


async def seed_first_key(pool: Pool, key: str) -> bool:
    """Make the first tenant with a key that the operator chose; whether it was the first."""
    if not is_well_formed(key):
        raise ConfigurationError("AUDIO2TXT_BOOTSTRAP_API_KEY is not an API key; make one with `audio2txt new-key`.")
    return await AccountStore(pool).add_first_key(FIRST_TENANT, key)
