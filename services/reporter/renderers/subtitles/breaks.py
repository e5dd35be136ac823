"""What it costs to tear words apart, by punctuation, grammar, pauses and balance: breaking inside a phrase is the yardstick."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

from services.reporter.renderers.subtitles.units import Unit

INSIDE_PHRASE = 6.0
BEFORE_CONJUNCTION = 4.0
AFTER_CLAUSE = 2.0
AFTER_SENTENCE = 0.0
CLINGING = 5.0
"""More for tearing apart what belongs together: an article and its noun, a Chinese particle and its word."""

PAUSE = 0.005
LONGEST_PAUSE = 4.0
"""A pause after the break makes it cheaper, by `PAUSE` a millisecond up to this."""
PER_PHRASE = 3.0
TOP_HEAVY = 1.5
IMBALANCE = 0.35
"""For each column of difference between two lines."""

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
_CLINGS_TO_PREVIOUS = frozenset("的了嗎呢吧啊呀嘛著着過过們们地得吗個个")


def break_costs(units: Sequence[Unit]) -> list[float]:
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
    """Before which unit the second line begins; null when one line is enough. There is a place, for whoever divided speech
    into cues saw to it."""
    ends = [0, *accumulate([len(unit.sep) + unit.width for unit in units])]
    before = len(units[0].sep)
    if ends[-1] - before <= line:
        return None
    lines = [(at, ends[at] - before, ends[-1] - ends[at] - len(units[at].sep)) for at in range(1, len(units))]

    def cost(lines: tuple[int, int, int]) -> float:
        at, first, second = lines
        balance = abs(first - second) * IMBALANCE + (TOP_HEAVY if first > second else 0)
        return break_cost(units[at - 1].text, units[at].text) + balance

    return min((one for one in lines if one[1] <= line and one[2] <= line), key=cost)[0]


def phrases(units: Sequence[Unit], line: int) -> list[tuple[int, int]]:
    """The bounds of the phrases that divide the units at the least cost; each fits a line unless it is a single unit."""
    breaks = break_costs(units)
    ends = [0, *accumulate([len(unit.sep) + unit.width for unit in units])]
    costs, firsts, earliest = [0.0], [0], 0
    for last in range(1, len(units) + 1):
        while ends[last] - ends[earliest] > line and earliest < last - 1:
            earliest += 1
        first = min(range(earliest, last), key=costs.__getitem__)
        costs.append(costs[first] + PER_PHRASE + breaks[last - 1])
        firsts.append(first)
    bounds, last = [], len(units)
    while last:
        bounds.append((firsts[last], last))
        last = firsts[last]
    return bounds[::-1]
