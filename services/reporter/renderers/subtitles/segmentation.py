"""Divides speech into cues, and a cue into lines, at the least cost: by punctuation, grammar, reading speed and balance."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from math import inf

from services.reporter.renderers.subtitles.profiles import Profile
from services.reporter.renderers.subtitles.units import Unit

# Costs have no unit; what counts is how they compare. Breaking inside a phrase is the yardstick.
INSIDE_PHRASE = 6.0
BEFORE_CONJUNCTION = 4.0
AFTER_CLAUSE = 2.0
AFTER_SENTENCE = 0.0
CLINGING = 5.0
"""More for tearing apart what belongs together: an article and its noun, a Chinese particle and its word."""

NAME_ALONE = 1e6

PER_CUE = 3.0
SECOND_LINE = 1.0
TOO_SHORT = 0.012
"""For each millisecond short of the shortest time a cue may stay."""
BRIEF_MS = 1400
BRIEF = 0.003
"""For each millisecond short of `BRIEF_MS`."""
TOO_FAST = 12.0
"""For each multiple of the reading speed above the first."""
PAUSE = 0.005
LONGEST_PAUSE = 4.0
"""A pause after the break makes it cheaper, by `PAUSE` a millisecond up to this."""
TOP_HEAVY = 1.5
IMBALANCE = 0.35
"""For each column of difference between two lines."""
OVERFLOW = 1000.0

_QUOTES = "\"”’』」）)]'"
_SENTENCE_ENDS = frozenset(".!?…。！？")
_CLAUSE_ENDS = frozenset(",;:、，；：—–")


def _spelled(words: str) -> frozenset[str]:
    """The words, and as they begin a sentence."""
    return frozenset([*words.split(), *map(str.capitalize, words.split())])


_CONJUNCTIONS = _spelled(
    "and but or so because that which who when while where if as than then although though since until unless "
    "for to of in on at by with from into about over after before"
)
_CLINGS_TO_NEXT = _spelled(
    "a an the my your his her its our their this that these those and but or so to of in on at by with from for "
    "is are was were be been have has had will would can could should do does did not i we you he she they it's"
)
_CLINGS_TO_PREVIOUS = frozenset("的了嗎呢吧啊呀嘛著着過过們们地得吗个個")


def divide(units: Sequence[Unit], profile: Profile, name: Unit | None = None) -> list[tuple[int, int]]:
    """The bounds of the cues that divide the units at the least cost: each fits two lines and the longest time a cue
    may stay, unless it is a single unit. `name` is kept room for at the start of the first."""
    if name is None:
        return _divide(units, profile, _break_costs(units))
    start = units[0].start
    bounds = _divide([name._replace(start=start, end=start), *units], profile, [NAME_ALONE, *_break_costs(units)])
    return [(max(0, first - 1), last - 1) for first, last in bounds if last > 1]


def _divide(units: Sequence[Unit], profile: Profile, breaks: Sequence[float]) -> list[tuple[int, int]]:
    starts = [unit.start for unit in units]
    seps = [len(unit.sep) for unit in units]
    ends = [0, *accumulate([len(unit.sep) + unit.width for unit in units])]
    # Of `1000 * columns - rate * milliseconds`, positive where a cue is too fast to read, the part that its start decides.
    loads = [1000 * (end + sep) - profile.rate * start for end, sep, start in zip(ends, seps, starts, strict=False)]
    one_line = _one_line_starts(ends, seps, profile.line)
    earliest = _earliest_starts(units, profile.longest)
    costs, firsts = [0.0], [0]
    for last, stays_until in enumerate(_longest_stays(units, profile), start=1):
        single, load = one_line[last], 1000 * ends[last] - profile.rate * stays_until
        best, best_first = inf, last - 1
        for first in range(max(earliest[last], one_line[single]), last):
            if (cost := costs[first]) >= best:
                continue  # Nothing that follows makes it cheaper.
            if first < single:
                cost += SECOND_LINE
            time, excess = stays_until - starts[first], load - loads[first]
            if time < BRIEF_MS or excess > 0:
                cost += _hurry(time, excess, profile)
            if cost < best:
                best, best_first = cost, first
        costs.append(best + PER_CUE + breaks[last - 1])
        firsts.append(best_first)
    return _bounds(firsts)


def _longest_stays(units: Sequence[Unit], profile: Profile) -> list[int]:
    """Until when a cue that ends with each unit may stay: a little past the speech, but not into the next."""
    stays = [max(unit.end, min(unit.end + profile.tail, following.start - profile.gap)) for unit, following in pairwise(units)]
    return [*stays, units[-1].end + profile.tail]


def _earliest_starts(units: Sequence[Unit], longest: int) -> list[int]:
    """For every end, the first unit with which a cue of at most `longest` may begin; the last unit alone always may."""
    starts, first = [0], 0
    for last, unit in enumerate(units):
        while unit.end - units[first].start > longest and first < last:
            first += 1
        starts.append(first)
    return starts


def _hurry(time: int, excess: float, profile: Profile) -> float:
    """What it costs that a cue stays only for `time`, and is too fast for its text where `excess` is positive."""
    cost = 0.0
    if time < BRIEF_MS:
        cost = (BRIEF_MS - time) * BRIEF
        if time < profile.shortest:
            cost += (profile.shortest - time) * TOO_SHORT
    if excess > 0:
        cost += TOO_FAST * excess / (profile.rate * max(time, 1))
    return cost


def _one_line_starts(ends: Sequence[int], seps: Sequence[int], line: int) -> list[int]:
    """For every end, the first unit from which everything fits one line; the last unit alone always does."""
    starts, first = [0], 0
    for last in range(1, len(ends)):
        while ends[last] - ends[first] - seps[first] > line and first < last - 1:
            first += 1
        starts.append(first)
    return starts


def _bounds(firsts: Sequence[int]) -> list[tuple[int, int]]:
    bounds, last = [], len(firsts) - 1
    while last:
        bounds.append((firsts[last], last))
        last = firsts[last]
    return bounds[::-1]


def _break_costs(units: Sequence[Unit]) -> list[float]:
    """What it costs to end a cue after each unit; nothing after the last."""
    costs = []
    for unit, following in pairwise(units):
        pause = following.start - unit.end
        cost = break_cost(unit.text, following.text)
        costs.append(cost - min(LONGEST_PAUSE, pause * PAUSE) if pause > 300 else cost)
    return [*costs, 0.0]


def break_cost(before: str, after: str) -> float:
    """What it costs to tear two neighbours apart."""
    end = before[-1]
    if end in _QUOTES:
        end = before.rstrip(_QUOTES)[-1:]
    if end in _SENTENCE_ENDS:
        return AFTER_SENTENCE
    if end in _CLAUSE_ENDS:
        return AFTER_CLAUSE
    cost = BEFORE_CONJUNCTION if after in _CONJUNCTIONS else INSIDE_PHRASE
    if before in _CLINGS_TO_NEXT or after[0] in _CLINGS_TO_PREVIOUS:
        cost += CLINGING
    return cost


def line_break(units: Sequence[Unit], line: int) -> int | None:
    """Before which unit the second line begins; null when one line is enough or there is nothing to break."""
    ends = [0, *accumulate([len(unit.sep) + unit.width for unit in units])]
    before = len(units[0].sep)
    if ends[-1] - before <= line or len(units) == 1:
        return None
    lines = [(at, ends[at] - before, ends[-1] - ends[at] - len(units[at].sep)) for at in range(1, len(units))]
    fitting = [(at, first, second) for at, first, second in lines if first <= line and second <= line]

    def cost(lines: tuple[int, int, int]) -> float:
        """Of a break with these widths; where none fits, the one that overflows least is the best."""
        at, first, second = lines
        overflow = 0 if fitting else max(first, second) * OVERFLOW
        balance = abs(first - second) * IMBALANCE + (TOP_HEAVY if first > second else 0)
        return break_cost(units[at - 1].text, units[at].text) + balance + overflow

    return min(fitting or lines, key=cost)[0]
