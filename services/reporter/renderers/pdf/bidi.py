"""The order in which a line of mixed direction is drawn: Unicode's bidirectional algorithm (UAX #9).

Clean text holds no embeddings, overrides or isolates, so that a paragraph is one level run, and the rules can be written as
replacements in the string of its characters' classes. The rules' names are the standard's.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

RTL = re.compile("[\u0590-\u08ff\ufb1d-\ufdcf\ufdf0-\ufdff\ufe70-\ufeff\U00010800-\U00010fff\U0001e800-\U0001efff]")
"""A character that is written from right to left, or a number of such a script."""

# One letter for each class: the strong L, R and A (AL); E and N are European and Arabic numbers, O is anything neutral.
_LETTERS = {
    "L": "L", "R": "R", "AL": "A", "EN": "E", "ES": "S", "ET": "T", "AN": "N", "CS": "C", "NSM": "M",
}  # fmt: skip
_CLOSING, _OPENING = ")]}》〉」』】〕）］｝", "([{《〈「『【〔（［｛"
_BRACKETS = dict(zip(_CLOSING, _OPENING, strict=True))
_MIRRORED = dict(zip(f"{_CLOSING}{_OPENING}«»‹›<>≤≥", f"{_OPENING}{_CLOSING}»«›‹><≥≤", strict=True))
_DEEPEST = 63
_STRONG = re.compile("[LRA]")

Class = Callable[[str], str]


def is_rtl(classes: str) -> bool:
    """Whether a paragraph runs from right to left: its first letter decides (P2, P3)."""
    first = _STRONG.search(classes)
    return first is not None and first.group() != "L"


def is_mixed(classes: str) -> bool:
    """Whether any of it does."""
    return "R" in classes or "A" in classes or "N" in classes


def bidi_class(character: str) -> str:
    """The letter of a character's class."""
    return _LETTERS.get(unicodedata.bidirectional(character), "O")


def levels(text: str, classes: str, *, rtl: bool) -> list[int]:
    """The level of each character; odd ones run from right to left. `classes` are the characters' letters."""
    embedding = "R" if rtl else "L"
    resolved = _resolve_brackets(text, _resolve_weak(classes, embedding), embedding)
    # N1 and N2: between two of one direction neutrals take it, elsewhere the paragraph's. Numbers count as R.
    neutral = re.compile("(?<=([LREN]))O+(?=([LREN]))")
    framed = neutral.sub(lambda match: _between(match, embedding), f"{embedding}{resolved}{embedding}")[1:-1]
    base = int(rtl)
    deeper = {"L": base % 2, "R": 1 - base % 2, "E": 2 - base % 2, "N": 2 - base % 2}  # I1, I2
    return [base + deeper[kind] for kind in framed]


def visual(text: str, line_levels: Sequence[int], *, rtl: bool) -> str:
    """One line in the order in which it is drawn, from left to right; `line_levels` are its characters'."""
    depths = list(line_levels)
    end = len(text.rstrip())
    depths[end:] = [int(rtl)] * (len(text) - end)  # L1
    characters = [
        _MIRRORED.get(character, character) if depth % 2 else character for character, depth in zip(text, depths, strict=True)
    ]  # L4
    for depth in range(max(depths, default=0), 0, -1):  # L2
        start = 0
        while start < len(depths):
            stop = start
            while stop < len(depths) and depths[stop] >= depth:
                stop += 1
            characters[start:stop] = reversed(characters[start:stop])
            depths[start:stop] = reversed(depths[start:stop])
            start = stop + 1
    return "".join(characters)


def _resolve_weak(classes: str, embedding: str) -> str:
    """W1 to W7: only L, R, E, N and O remain."""
    kinds = re.sub("(.)M+", lambda match: match[1] * len(match[0]), embedding + classes)[1:]  # W1
    kinds = re.sub("A[^LR]*", lambda match: match[0].replace("E", "N"), kinds).replace("A", "R")  # W2, W3
    kinds = re.sub("(?<=E)[SC](?=E)", "E", kinds)  # W4
    kinds = re.sub("(?<=N)C(?=N)", "N", kinds)
    kinds = re.sub("T+(?=E)|(?<=E)T+", lambda match: "E" * len(match[0]), kinds)  # W5
    kinds = re.sub("[STC]", "O", kinds)  # W6
    return re.sub("L[^R]*", lambda match: match[0].replace("E", "L"), embedding + kinds)[1:]  # W7


def _resolve_brackets(text: str, classes: str, embedding: str) -> str:
    """N0: both brackets of a pair take the direction of what they hold, or of what stands before them."""
    kinds = list(classes)
    for opening, closing in _pairs(text, classes):
        inside = {"L" if kind == "L" else "R" for kind in kinds[opening + 1 : closing] if kind != "O"}
        if not inside:
            continue
        before = next((kind for kind in reversed(kinds[:opening]) if kind != "O"), embedding)
        if embedding in inside or ("L" if before == "L" else "R") == embedding:
            direction = embedding
        else:
            direction = "L" if embedding == "R" else "R"
        kinds[opening] = kinds[closing] = direction
    return "".join(kinds)


def _pairs(text: str, classes: str) -> list[tuple[int, int]]:
    """The places of brackets that belong together (BD16), by their first one."""
    opened: list[tuple[str, int]] = []
    pairs = []
    for index, character in enumerate(text):
        if classes[index] != "O":
            continue
        if character in _OPENING:
            if len(opened) == _DEEPEST:
                break
            opened.append((character, index))
        elif (wanted := _BRACKETS.get(character)) is not None:
            place = next((place for place in reversed(range(len(opened))) if opened[place][0] == wanted), None)
            if place is not None:
                pairs.append((opened[place][1], index))
                del opened[place:]
    return sorted(pairs)


def _between(match: re.Match[str], embedding: str) -> str:
    left, right = ("L" if kind == "L" else "R" for kind in match.groups())
    return (left if left == right else embedding) * len(match[0])
