"""Tells everybody who follows all jobs of a tenant what changed.

One reader in the process asks the database for each tenant that somebody follows, once for all of them, when it is told that
something changed. A follower that comes later, or reads too slowly, asks for itself from the place where it is: it
gets each job once, as it is by then, so that nobody holds more than a few pages however far behind.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import random
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from uuid import UUID

from typing_extensions import override

from services.gateway.feed.pages import EVERYTHING, Filter, Page, Show, event_of
from services.gateway.snapshots import Place
from services.gateway.store.feed import FeedStore
from services.gateway.wakeups import Change, Waiting

GATHER_SECONDS = 0.05
"""The first change is read at once; what follows it within this time is read together."""

SAFETY_SECONDS = 15.0
"""How often it is looked for changes that nobody told of."""

REMEMBERED = dt.timedelta(days=7)
"""For how long a follower may be away and go on where it was: the deletions since then are known."""

PAGE = 100
"""Jobs that are read, and sent, at once."""

MOST_PAGES = 4
"""Pages that wait for a slow follower, who shares them with the others."""

MOST_READS = 4
"""Tenants that are read for at once."""


class Follower:
    """One stream of a tenant's changes."""

    def __init__(self, store: FeedStore, show: Show, tenant_id: UUID, place: Place, wishes: Filter) -> None:
        self.place = place
        """Where it has come to: all that was yielded before it was asked for more is told."""
        self._store = store
        self._show = show
        self._tenant_id = tenant_id
        self._wishes = wishes
        self._pages: deque[Page] = deque()
        self._behind = True
        self._woken = asyncio.Event()

    def give(self, page: Page) -> None:
        """The next page for all followers of the tenant."""
        if len(self._pages) == MOST_PAGES:
            self._pages.clear()
            self._behind = True
        self._pages.append(page)
        self._woken.set()

    def wake(self) -> None:
        """Look up: the process stops."""
        self._woken.set()

    async def news(self) -> AsyncIterator[bytes]:
        """Events for what is there to be told now."""
        while self._behind or self._pages:
            page = await self._own_page() if self._behind else self._pages.popleft()
            told, self.place = page.told(self.place, self._wishes)
            if told:
                yield told

    async def rest(self, seconds: float) -> None:
        """Until there may be news, at most so long."""
        self._woken.clear()
        if not self._pages:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._woken.wait()

    async def _own_page(self) -> Page:
        self._behind = False
        changes = await self._store.after(self._tenant_id, self.place, limit=PAGE)
        self._behind |= not changes.complete
        return Page(changes, self._show)


class _Channel:
    """The followers of one tenant, and how far has been read for them."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.followers: set[Follower] = set()


class Feeds(Waiting):
    """All followers of this process."""

    def __init__(self, *, store: FeedStore, show: Show, stopping: asyncio.Event) -> None:
        self.store = store
        self._show = show
        self._stopping = stopping
        self._channels: dict[UUID, _Channel] = {}
        self._stale: set[UUID] = set()
        self._due = asyncio.Event()

    @property
    def stopping(self) -> bool:
        """Whether open streams should end."""
        return self._stopping.is_set()

    @contextmanager
    def follow(self, tenant_id: UUID, place: Place, *, now: Place, wishes: Filter = EVERYTHING) -> Iterator[Follower]:
        """Follow a tenant's jobs from a place on; `now` is one that was asked for just before."""
        follower = Follower(self.store, self._show, tenant_id, place, wishes)
        channel = self._channels.setdefault(tenant_id, _Channel(now))
        channel.followers.add(follower)
        try:
            yield follower
        finally:
            channel.followers.discard(follower)
            if not channel.followers and self._channels.get(tenant_id) is channel:
                del self._channels[tenant_id]

    async def open_jobs(self, tenant_id: UUID, wishes: Filter) -> AsyncIterator[bytes]:
        """Events of the jobs that are not final, as they are."""
        after: UUID | None = None
        while jobs := await self.store.open_jobs(tenant_id, after=after, limit=PAGE):
            after = jobs[-1].id
            yield b"".join(event_of(self._show(job)) for job in jobs if wishes.wants(job))

    @override
    def changed(self, changes: Sequence[Change]) -> None:
        self._look(change.tenant_id for change in changes)

    @override
    def missed(self) -> None:
        self._look(self._channels)

    async def run(self) -> None:
        """Loop for ever: read what changed, once for all who follow."""
        stop = asyncio.create_task(self._wake_all_on_stop())
        try:
            self.missed()
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(SAFETY_SECONDS * random.uniform(0.8, 1.2)):
                        await self._due.wait()
                self._due.clear()
                stale, self._stale = self._stale or set(self._channels), set()
                await self._read_all(stale)
                await asyncio.sleep(GATHER_SECONDS)
        finally:
            stop.cancel()

    def _look(self, tenants: Iterable[UUID]) -> None:
        for tenant_id in tenants:
            if tenant_id in self._channels:
                self._stale.add(tenant_id)
                self._due.set()

    async def _read_all(self, tenants: set[UUID]) -> None:
        room = asyncio.Semaphore(MOST_READS)

        async def read(tenant_id: UUID) -> None:
            async with room:
                await self._read(tenant_id)

        async with asyncio.TaskGroup() as tasks:
            for tenant_id in tenants:
                tasks.create_task(read(tenant_id))

    async def _read(self, tenant_id: UUID) -> None:
        channel = self._channels.get(tenant_id)
        if channel is None:
            return
        changes = await self.store.after(tenant_id, channel.place, limit=PAGE)
        channel.place = changes.end
        if not changes.complete:
            self._look([tenant_id])
        if changes.jobs:
            page = Page(changes, self._show)
            for follower in channel.followers:
                follower.give(page)

    async def _wake_all_on_stop(self) -> None:
        await self._stopping.wait()
        for channel in self._channels.values():
            for follower in channel.followers:
                follower.wake()
