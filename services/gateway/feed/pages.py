"""Changes as they are sent: made into bytes once, however many follow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import msgspec

from services.gateway.jobs import Job
from services.gateway.snapshots import Place, Reached
from services.gateway.store.feed import Changed, Changes
from shared.schemas.jobs import JobState

Show = Callable[[Job], bytes]
"""A job as JSON, as its tenant sees it."""


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which jobs somebody follows. That a job was deleted, everybody is told."""

    states: frozenset[JobState] = frozenset()
    """Only jobs that are now in one of these; empty for all."""
    tags: frozenset[str] = frozenset()
    """Only jobs that have all of these."""

    def wants(self, job: Job | None) -> bool:
        """Whether to tell of a job as it is now; null was deleted."""
        if job is None:
            return True
        return (not self.states or job.state in self.states) and self.tags.issubset(job.tags)


EVERYTHING = Filter()


@dataclass(frozen=True)
class Page:
    """Some changes that were read for all who follow a tenant."""

    changes: Changes
    show: Show

    def told(self, place: Place, wishes: Filter) -> tuple[bytes, Place]:
        """What to send to somebody who has come to `place`, and where they have come to then."""
        if place == self.changes.begin and wishes == EVERYTHING:
            return self._whole, self.changes.end
        if not self.changes.target.is_later_than(place.seen):
            return b"", place
        unseen = [one for one in self._told if not place.seen.saw(one.changed.transaction)]
        wanted = [one for one in unseen if wishes.wants(one.changed.job)]
        end = self._end(place)
        return b"".join(one.event(self._id(one, place, end)) for one in wanted), end

    @cached_property
    def _told(self) -> Sequence[_Told]:
        return [_Told(changed, self.show) for changed in self.changes.jobs]

    @cached_property
    def _whole(self) -> bytes:
        """The page for everybody who went along from the beginning: the same bytes."""
        begin, end = self.changes.begin, self.changes.end
        return b"".join(one.event(self._id(one, begin, end)) for one in self._told)

    def _end(self, place: Place) -> Place:
        end = self.changes.end
        return end if end.reached is None else Place(seen=place.seen, at=place.at, reached=end.reached)

    def _id(self, one: _Told, place: Place, end: Place) -> Place:
        """Where somebody has come to who got the change."""
        if one is self._told[-1]:
            return end
        reached = Reached(target=self.changes.target, changed=one.changed.transaction, job_id=one.changed.job_id)
        return Place(seen=place.seen, at=place.at, reached=reached)


class _Told:
    """One change as an event."""

    def __init__(self, changed: Changed, show: Show) -> None:
        self.changed = changed
        self._show = show

    def event(self, place: Place) -> bytes:
        """The event that ends at a place."""
        return b"id: %s\n%s" % (place.encode().encode(), self._body)

    @cached_property
    def _body(self) -> bytes:
        job = self.changed.job
        if job is None:
            return b"event: deleted\ndata: %s\n\n" % msgspec.json.encode({"id": self.changed.job_id})
        return event_of(self._show(job))


def event_of(job: bytes) -> bytes:
    """The event of a job at no place: whoever breaks off there begins anew."""
    return b"event: job\ndata: %s\n\n" % job


def marker(place: Place, event: str) -> bytes:
    """An event that says no more than its name, at a place."""
    return f"id: {place.encode()}\nevent: {event}\ndata: {{}}\n\n".encode()


def ping(place: Place) -> bytes:
    """A comment that keeps the connection open; the id reaches the client all the same, without an event."""
    return f": ping\nid: {place.encode()}\n\n".encode()
