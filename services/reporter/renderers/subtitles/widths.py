"""How wide text is on the screen, in columns: a Latin letter takes one, a Chinese character two, an accent of its own none."""

from __future__ import annotations

from unicodedata import category, east_asian_width

_UNSEEN = frozenset({"Mn", "Me", "Cf"})
_SET_FULL = frozenset("“”‘’…‥—―·‧※°±×÷→←↑↓●○■□★☆")
"""Characters of Latin fonts that Chinese, Japanese and Korean ones draw as wide as an ideograph."""


class _Widths(dict[str, int]):
    """The width of each character; found out once for each."""

    def __init__(self, wide: frozenset[str]) -> None:
        super().__init__()
        self._wide = wide

    def __missing__(self, character: str) -> int:
        if category(character) in _UNSEEN:
            width = 0
        else:
            width = 2 if character in self._wide or east_asian_width(character) in "WF" else 1
        self[character] = width
        return width


_LATIN = _Widths(frozenset())
_EAST_ASIAN = _Widths(_SET_FULL)


def columns(text: str, *, east_asian: bool = False) -> int:
    """The width of a text; `east_asian` where quotation marks, dashes and the like are as wide as ideographs."""
    if text.isascii():
        return len(text)
    return sum(map((_EAST_ASIAN if east_asian else _LATIN).__getitem__, text))
