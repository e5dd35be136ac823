"""Where somebody who follows all jobs has come to: a snapshot of PostgreSQL, which says exactly which transactions it saw.

A number that grows with each change would not do: transactions end in another order than they took their numbers in, and one
that ends late would be passed over. Snapshots have no such gap, and wait for nobody.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from typing_extensions import override

_SNAPSHOT = r"(\d{1,20}):(\d{1,20}):((?:\d{1,20}(?:,\d{1,20})*)?)"
_PLACE = re.compile(rf"(\d{{1,12}})\.({_SNAPSHOT})(?:/({_SNAPSHOT})/(\d{{1,20}})/([0-9a-f-]{{36}}))?", re.ASCII)

_BEYOND = 2**64
"""Numbers of transactions are smaller."""

LONGEST = 16_000
"""Characters of a place; a snapshot names the transactions that ran, which are fewer than connections."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A `pg_snapshot`: it saw all transactions below `first_running`, and of those up to `next` the ones not `running`."""

    first_running: int
    next: int
    running: frozenset[int] = frozenset()

    def saw(self, transaction: int) -> bool:
        """Whether what the transaction did was visible."""
        return transaction < self.first_running or (transaction < self.next and transaction not in self.running)

    def is_later_than(self, other: Snapshot) -> bool:
        """Whether it saw more; of two snapshots of one database, one always saw all that the other did."""
        return (self.next, -len(self.running)) > (other.next, -len(other.running))

    @override
    def __str__(self) -> str:
        return f"{self.first_running}:{self.next}:{','.join(map(str, sorted(self.running)))}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read PostgreSQL's own form; raises `ValueError`."""
        match = re.fullmatch(_SNAPSHOT, text, re.ASCII)
        if match is None:
            raise ValueError("not a snapshot")
        first_running, following = int(match[1]), int(match[2])
        running = frozenset(map(int, match[3].split(","))) if match[3] else frozenset()
        if not (0 < first_running <= following < _BEYOND and all(first_running <= one < following for one in running)):
            raise ValueError("not a snapshot of PostgreSQL's")
        return cls(first_running=first_running, next=following, running=running)


@dataclass(frozen=True, kw_only=True)
class Reached:
    """How far the changes up to a snapshot were read, in the order `(changed, job_id)`."""

    target: Snapshot
    changed: int
    job_id: UUID


@dataclass(frozen=True, kw_only=True)
class Place:
    """Everything up to `seen` was told, and of what came after it the part that was `reached`."""

    seen: Snapshot
    at: int
    """When `seen` was taken, in seconds since 1970."""
    reached: Reached | None = None

    def encode(self) -> str:
        """The text clients hand back as `Last-Event-ID`."""
        begin = f"{self.at}.{self.seen}"
        return begin if self.reached is None else f"{begin}/{self.reached.target}/{self.reached.changed}/{self.reached.job_id}"

    @classmethod
    def decode(cls, text: str) -> Self:
        """Read a place back; raises `ValueError` when it is none of ours."""
        match = _PLACE.fullmatch(text) if len(text) <= LONGEST else None
        if match is None:
            raise ValueError("not a place")
        reached = None
        if match[6] is not None:
            reached = Reached(target=Snapshot.parse(match[6]), changed=int(match[10]), job_id=UUID(match[11]))
            if reached.changed >= _BEYOND:
                raise ValueError("not a transaction")
        return cls(at=int(match[1]), seen=Snapshot.parse(match[2]), reached=reached)
