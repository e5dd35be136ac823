"""Divides speech into cues at the least cost: by where it is broken, by reading speed and by how long each can stay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from math import inf
from typing import NamedTuple

from services.reporter.renderers.subtitles.breaks import break_costs
from services.reporter.renderers.subtitles.profiles import Profile
from services.reporter.renderers.subtitles.turns import DASH, Turn
from services.reporter.renderers.subtitles.units import Unit

# Costs have no unit; what counts is how they compare, and compare to those of breaks.
NAME_ALONE = 1e6
PER_CUE = 3.0
SECOND_LINE = 1.0
SHARED = 4.0
"""For a cue of two speakers."""
TOO_SHORT = 10.0
"""For a cue that cannot stay as long as it must without keeping the next one waiting."""
WAITING = 0.012
"""For each millisecond of that."""
BRIEF_MS = 1400
BRIEF = 0.003
"""For each millisecond short of `BRIEF_MS`."""
TOO_FAST = 12.0
"""For each multiple of the reading speed above the first."""


class Share(NamedTuple):
    """One speaker's part of a cue: these units of a turn."""

    turn: int
    first: int
    last: int


Division = list[tuple[Share, ...]]
"""One share for each cue, or two."""


def divide(turns: Sequence[Turn], names: Sequence[Unit | None], profile: Profile) -> Division:
    """The cues at the least cost. Each fits two lines and the longest time a cue may stay; one that two speakers share has a
    line for each. Where a turn has a name, there is room for it before its first words."""
    speech = _Speech(turns, names, profile)
    return [tuple(speech.shares(*bounds)) for bounds in _Divider(speech, profile).bounds()]


class _Speech:
    """All turns as one row of units, names included."""

    def __init__(self, turns: Sequence[Turn], names: Sequence[Unit | None], profile: Profile) -> None:
        self.units: list[Unit] = []
        self.breaks: list[float] = []
        self.begins: list[int] = []
        """For each unit, with which one its turn begins."""
        self._offsets: list[tuple[int, int]] = []
        for turn, name in zip(turns, names, strict=True):
            begin = len(self.units)
            if name is not None:
                self.units.append(name._replace(start=turn.start, end=turn.start))
                self.breaks.append(NAME_ALONE)
            self._offsets.append((begin, len(self.units)))
            self.units += turn.units
            self.breaks += break_costs(turn.units)
            self.begins += [begin] * (len(self.units) - begin)
        begins = [begin for begin, _ in self._offsets]
        self._numbers = {begin: number for number, begin in enumerate(begins)}
        needed = profile.shortest + profile.gap
        self.hasty = {
            begin
            for begin, (turn, following) in zip(begins, pairwise(turns), strict=False)
            if following.start - turn.start < needed
        }
        """With which units turns begin that are followed by another before they could stay long enough."""
        self.shareable = {
            begin
            for (before, turn), (begin_before, begin) in zip(pairwise(turns), pairwise(begins), strict=True)
            if turn.speaker_id != before.speaker_id and self.hasty & {begin_before, begin}
        }
        """With which units turns begin that may share a cue with the turn before them."""

    def ends_turn(self, last: int) -> bool:
        """Whether a turn ends before a unit."""
        return last == len(self.units) or self.begins[last] == last

    def shares(self, first: int, middle: int | None, last: int) -> Iterator[Share]:
        """The units from `first` to `last`, of two turns where there is a `middle`."""
        for begin, end in [(first, last)] if middle is None else [(first, middle), (middle, last)]:
            turn = self._numbers[self.begins[begin]]
            start = self._offsets[turn][1]
            yield Share(turn, max(begin - start, 0), end - start)


class _Divider:
    """Finds the cheapest division: for each unit, the best cue that ends with it."""

    def __init__(self, speech: _Speech, profile: Profile) -> None:
        self._speech = speech
        self._profile = profile
        units = speech.units
        self._starts = [unit.start for unit in units]
        self._seps = [len(unit.sep) for unit in units]
        self._ends = [0, *accumulate([len(unit.sep) + unit.width for unit in units])]
        # Of `1000 * columns - rate * milliseconds`, positive where a cue is too fast to read, the part that its start decides.
        self._loads = [
            1000 * (end + sep) - profile.rate * start
            for end, sep, start in zip(self._ends, self._seps, self._starts, strict=False)
        ]
        self._latest = [unit.start - profile.gap for unit in units[1:]] + [inf] * bool(units)
        """Until when a cue that ends with each unit may stay for the next one's sake."""
        self._stays = [min(unit.end + profile.tail, latest) for unit, latest in zip(units, self._latest, strict=True)]
        """Until when it should: a little past the speech."""

    def bounds(self) -> list[tuple[int, int | None, int]]:
        """First, middle and last of each cue; the middle is where the second speaker's share begins."""
        costs, chosen = [0.0], [(0, -1)]
        lines, earliest = self._one_line_starts(), self._earliest_starts()
        for last, begin in enumerate(self._speech.begins, start=1):
            single = lines[last]
            lowest = max(earliest[last], begin, lines[single] if single > begin else begin)
            cost, first = self._best(last, range(lowest, last), costs, single)
            choice = (first, -1)
            if begin in self._speech.shareable and (shared_starts := self._shared_starts(begin, last)):
                shared, first = self._best(last, shared_starts, costs, last, SHARED)
                if shared < cost:
                    cost, choice = shared, (first, begin)
            costs.append(cost + PER_CUE + self._speech.breaks[last - 1])
            chosen.append(choice)
        bounds, last = list[tuple[int, int | None, int]](), len(chosen) - 1
        while last:
            first, middle = chosen[last]
            bounds.append((first, None if middle < 0 else middle, last))
            last = first
        return bounds[::-1]

    def _best(self, last: int, firsts: range, costs: Sequence[float], single: int, extra: float = 0.0) -> tuple[float, int]:
        """The cheapest cue that ends before `last` and begins with one of `firsts`, and its cost. It has two lines if it begins
        before `single`."""
        starts, loads = self._starts, self._loads
        stays = self._stays[last - 1]
        load = 1000 * self._ends[last] - self._profile.rate * stays
        best, best_first = inf, last - 1
        for first in firsts:
            cost = costs[first] + extra
            if cost >= best:
                continue  # Nothing that follows makes it cheaper.
            if first < single:
                cost += SECOND_LINE
            time, excess = stays - starts[first], load - loads[first]
            if time < BRIEF_MS or excess > 0:
                cost += self._hurry(time, self._latest[last - 1] - starts[first], excess)
            if cost < best:
                best, best_first = cost, first
        return best, best_first

    def _hurry(self, time: float, longest: float, excess: float) -> float:
        """What it costs that a cue stays only for `time`, or no more than `longest` where it must stay on after its speech; and
        that it is too fast for its text, where `excess` is positive."""
        shortest, cost = self._profile.shortest, 0.0
        if time < shortest:
            time = min(shortest, longest)
        if time < BRIEF_MS:
            cost = (BRIEF_MS - time) * BRIEF
        if time < shortest:
            cost += TOO_SHORT + (shortest - time) * WAITING
        if excess > 0:
            cost += TOO_FAST * excess / (self._profile.rate * max(time, shortest))
        return cost

    def _shared_starts(self, begin: int, last: int) -> range:
        """With which units a cue may begin that ends before `last` and in which the speaker changes with `begin`: it holds the
        whole of a turn that would be gone too soon, alone, and each speaker's share fits a line."""
        speech, room = self._speech, self._profile.line - len(DASH)
        if self._width(begin, last) > room:
            return range(0)
        before = speech.begins[begin - 1]
        until = begin if begin in speech.hasty and speech.ends_turn(last) else before + (before in speech.hasty)
        earliest, spoken_until = before, speech.units[last - 1].end
        while earliest < until and (
            self._width(earliest, begin) > room or spoken_until - self._starts[earliest] > self._profile.longest
        ):
            earliest += 1
        return range(earliest, until)

    def _width(self, first: int, last: int) -> int:
        return self._ends[last] - self._ends[first] - self._seps[first]

    def _one_line_starts(self) -> list[int]:
        """For every end, the first unit of its turn from which everything fits one line; the last unit alone always does."""
        starts, first = [0], 0
        for last, begin in enumerate(self._speech.begins, start=1):
            first = max(first, begin)
            while self._ends[last] - self._ends[first] - self._seps[first] > self._profile.line and first < last - 1:
                first += 1
            starts.append(first)
        return starts

    def _earliest_starts(self) -> list[int]:
        """For every end, the first unit with which a cue of at most the longest time may begin; the last unit always may."""
        starts, first = [0], 0
        for last, unit in enumerate(self._speech.units):
            until = min(unit.end, unit.start + self._profile.longest)  # A single unit may last longer, name or not.
            while until - self._starts[first] > self._profile.longest and first < last:
                first += 1
            starts.append(first)
        return starts
