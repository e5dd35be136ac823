"""Where text may be cut: between words, in Chinese as elsewhere, and inside a word only where it is wider than a line."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from types import ModuleType
from unicodedata import category

from services.reporter.analysis.words import fold

FULL_CLOSING = "）〕］｝〉》」』】〗〙〞、。，．！？：；‥・ー～％…—"
"""Marks of full width that no line begins with, for a class of a regular expression; so are the next two."""
OPENING = "（〔［｛〈《「『【〖〘〝“‘(\\[{"
CLOSING = FULL_CLOSING + "·”’)\\]}!?,.:;%"

_OPENS = re.compile(f"[{OPENING}]")
_CLOSES = re.compile(f"[{CLOSING}]")
_LINK_JOINTS = frozenset("/?&=#-_.")
_JOINER = "\u200d"
_SKIN_TONES = "\U0001f3fb\U0001f3ff"
_REGIONAL = "\U0001f1e6\U0001f1ff"
_LONGEST_SIGN = 12
"""Characters; more are no sign that anybody draws."""
_LONGEST_WORD = 8
"""Characters of a Chinese word that stays whole."""
_PARTICLES = frozenset("的了吗呢吧啊呀嘛们得着过")
"""That no Chinese line begins with: they belong to the word before them."""


def word_ends(text: str) -> set[int]:
    """After which characters of a text with Chinese in it a word ends, with the particle that belongs to it."""
    ends: set[int] = set()
    begin = last = 0
    for word in _cutter().cut(fold(text)):
        end = begin + len(word)
        if word in _PARTICLES and last == begin and last:
            ends.discard(last)
        ends.update(range(begin + 1, end + 1) if len(word) > _LONGEST_WORD else (end,))
        last = end if word[-1].isalpha() else 0
        begin = end
    return ends


def cut_to_width(text: str, line: int, columns: Callable[[str], int]) -> list[str]:
    """A text in parts none of which is wider than a line, each as long as it can be; what is drawn as one sign stays whole.
    Cut where a link has joints, if the part is then still half a line."""
    parts: list[str] = []
    current: list[str] = []
    width = 0
    for sign in _signs(text):
        width += columns(sign)
        if current and width > line:
            at = _best_cut(current, sign)
            parts.append("".join(current[:at]))
            current = current[at:]
            width = columns("".join([*current, sign]))
        current.append(sign)
    return [*parts, "".join(current)]


def _best_cut(signs: list[str], following: str) -> int:
    """How many of the signs to keep before `following`."""
    after = [*signs[1:], following]
    places = range(len(signs), len(signs) // 2, -1)
    allowed = [at for at in places if not _CLOSES.match(after[at - 1]) and not _OPENS.match(signs[at - 1])]
    jointed = [at for at in allowed if signs[at - 1] in _LINK_JOINTS]
    return next(iter([*jointed, *allowed]), len(signs))


def _signs(text: str) -> list[str]:
    """The text in what readers take for single characters: letters with accents, emoji with their skin, flags."""
    signs: list[str] = []
    for character in text:
        if signs and _continues(signs[-1], character):
            signs[-1] += character
        else:
            signs.append(character)
    return signs


def _continues(sign: str, character: str) -> bool:
    if len(sign) >= _LONGEST_SIGN:
        return False
    if category(character)[0] == "M" or character == _JOINER or sign[-1] == _JOINER:
        return True
    if _SKIN_TONES[0] <= character <= _SKIN_TONES[1]:
        return True
    return len(sign) == 1 and all(_REGIONAL[0] <= one <= _REGIONAL[1] for one in (sign, character))


@cache
def _cutter() -> ModuleType:
    import rjieba

    return rjieba
