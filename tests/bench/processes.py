"""What processes cost: CPU time and memory of whole process trees, from /proc."""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec

TICKS = os.sysconf("SC_CLK_TCK")
SAMPLE_SECONDS = 0.1
SERVERS = {"postgres": "PostgreSQL", "beam.smp": "RabbitMQ", "weed": "SeaweedFS"}
"""Programs that are shown apart from the process that started them."""


class Stat(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `/proc/<pid>/stat`."""

    pid: int
    parent: int
    program: str
    cpu_seconds: float
    """Its own and that of its children that have ended."""


class Trees:
    """The processes below some roots, added up by root; servers are counted by their own names."""

    def __init__(self, roots: Mapping[str, int]) -> None:
        self._roots = {pid: name for name, pid in roots.items()}

    def cpu_seconds(self) -> dict[str, float]:
        """CPU time so far, user and system."""
        sums: dict[str, float] = defaultdict(float)
        for name, stat in self._members():
            sums[name] += stat.cpu_seconds
        return dict(sums)

    def memory_mb(self) -> dict[str, float]:
        """Proportional set size, in which shared pages count once over all processes."""
        sums: dict[str, float] = defaultdict(float)
        for name, stat in self._members():
            sums[name] += _pss_mb(stat.pid)
        return dict(sums)

    def _members(self) -> list[tuple[str, Stat]]:
        """Every process below a root, with the name it is counted under."""
        stats = _stats()
        children: dict[int, list[Stat]] = defaultdict(list)
        for stat in stats.values():
            children[stat.parent].append(stat)
        members: list[tuple[str, Stat]] = []
        waiting = [(name, stats[pid]) for pid, name in self._roots.items() if pid in stats]
        while waiting:
            name, stat = waiting.pop()
            name = SERVERS.get(stat.program, name)
            members.append((name, stat))
            waiting += [(name, child) for child in children[stat.pid] if child.pid not in self._roots]
        return members


def spent(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """What was added to each name between two readings."""
    return {name: value - before.get(name, 0.0) for name, value in after.items()}


class Peak:
    """The most memory that a tree held."""

    def __init__(self, trees: Trees) -> None:
        self._trees = trees
        self.before = sum(trees.memory_mb().values())
        self.highest = self.before

    @property
    def added(self) -> float:
        """MB above what it held before."""
        return self.highest - self.before

    async def watch(self) -> None:
        """Look again and again until cancelled."""
        while True:
            self.highest = max(self.highest, sum((await asyncio.to_thread(self._trees.memory_mb)).values()))
            await asyncio.sleep(SAMPLE_SECONDS)


@asynccontextmanager
async def watching(trees: Trees) -> AsyncIterator[Peak]:
    """Watch the memory of process trees for the length of the block."""
    peak = Peak(trees)
    task = asyncio.create_task(peak.watch())
    try:
        yield peak
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _stats() -> dict[int, Stat]:
    found: dict[int, Stat] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with suppress(OSError):
                stat = _stat(int(folder.name), (folder / "stat").read_text(encoding="utf-8", errors="replace"))
                found[stat.pid] = stat
    return found


def _stat(pid: int, line: str) -> Stat:
    program, _, rest = line.partition("(")[2].rpartition(")")
    fields = rest.split()
    return Stat(pid=pid, parent=int(fields[1]), program=program, cpu_seconds=sum(map(int, fields[11:15])) / TICKS)


def _pss_mb(pid: int) -> float:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024 / 1e6
    return 0.0
