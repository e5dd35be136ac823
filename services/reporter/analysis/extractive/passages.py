"""Sentences as one text, in which something is found at once with all sentences that hold it: they are short, and to call a
search costs more than the search."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

_HAN = re.compile("[\u4e00-\u9fff]")
_LATIN = re.compile("[A-Za-z?!]")


class Found(NamedTuple):
    """A place where a pattern stands: the number of the sentence, the match, and where in the text the sentence begins."""

    number: int
    match: re.Match[str]
    begin: int


class Passages:
    """Some sentences, folded, in lower case unless `cased`. `numbers` are theirs, by default 0, 1, …"""

    def __init__(self, folded: Sequence[str], numbers: Sequence[int] | None = None, *, cased: bool = False) -> None:
        joined = "\n".join(folded)
        self.text = joined if cased else joined.lower()
        lines = folded if len(self.text) == len(joined) else self.text.split("\n")  # Lower case may be longer.
        self.starts = [0, *accumulate(len(line) + 1 for line in lines[:-1])] if lines else []
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self.starts)

    def at(self, place: int) -> int:
        """The number of the sentence at a place of the text."""
        line = bisect_right(self.starts, place) - 1
        return line if self._numbers is None else self._numbers[line]

    def finditer(self, pattern: re.Pattern[str]) -> Iterator[Found]:
        """All places where a pattern stands inside one sentence; it must be compiled for many lines."""
        text, place = self.text, 0
        while match := pattern.search(text, place):
            line = bisect_right(self.starts, match.start()) - 1
            end = self.starts[line + 1] - 1 if line + 1 < len(self.starts) else len(text)
            if match.end() > end and not (match := pattern.search(text, match.start(), end)):
                place = end + 1
                continue
            yield Found(line if self._numbers is None else self._numbers[line], match, self.starts[line])
            place = max(match.end(), match.start() + 1)


class Lines:
    """Sentences by their script, each in one or both of two passages."""

    def __init__(self, folded: Sequence[str], numbers: Sequence[int] | None = None, *, cased: bool = False) -> None:
        known = [
            (number, folded[number], scripts(folded[number])) for number in (range(len(folded)) if numbers is None else numbers)
        ]
        self.latin, self.chinese = (
            Passages(
                [text for _, text, has in known if has[script]],
                [number for number, _, has in known if has[script]],
                cased=cased,
            )
            for script in (0, 1)
        )


@lru_cache(maxsize=1 << 12)
def scripts(folded: str) -> tuple[bool, bool]:
    """Whether a text is to be searched for words of other scripts, and whether it has any Chinese."""
    if folded.isascii():
        return True, False
    chinese = _HAN.search(folded) is not None
    return not chinese or _LATIN.search(folded) is not None, chinese
