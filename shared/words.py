"""Words of a text: how it is parted into them, what stands between them, and times for those that came without."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

import msgspec

from shared.schemas.transcripts import Segment, Word, WordSource

_WIDE = r"\u2e80-\u30ff\u3100-\u312f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff"
"""Chinese characters, kana, bopomofo, and the punctuation and full-width forms that go with them."""
_ENDS_WIDE = re.compile(f"[{_WIDE}]$")
_STARTS_WIDE = re.compile(f"[{_WIDE}]")
_PIECES = re.compile(f"[^\\s{_WIDE}]+|[{_WIDE}]")


def is_wide(character: str) -> bool:
    """Whether it is of a script that is written without spaces between words."""
    return _STARTS_WIDE.match(character) is not None


def separator(before: str, word: str) -> str:
    """What stands between a word and the one before it: a space, save in scripts that are written without; empty where
    nobody knows, and the same script is supposed."""
    together = _STARTS_WIDE.match(word) and (not before or _ENDS_WIDE.search(before))
    return "" if together else " "


def split_words(text: str) -> list[str]:
    """The words of a text, without spaces; each Chinese or Japanese character is one, with the punctuation after it."""
    return [word for _, word in separated_words(text)]


def separated_words(text: str) -> list[tuple[str, str]]:
    """The same words, each after the spaces before it: joined, they are the text."""
    words: list[tuple[str, str]] = []
    end = 0
    for match in _PIECES.finditer(text):
        piece, spaces = match[0], text[end : match.start()]
        end = match.end()
        if words and not spaces and not any(character.isalnum() for character in piece) and _STARTS_WIDE.match(piece):
            words[-1] = (words[-1][0], words[-1][1] + piece)
        else:
            words.append((spaces, piece))
    return words


def letters_of(text: str) -> list[str]:
    """What two writings of the same words have in common: neither punctuation nor capitals."""
    return [letter for letter in text.casefold() if letter.isalnum()]


def as_recognised(segment: Segment) -> tuple[Word, ...]:
    """The words as the engine heard them, before steps and people changed them."""
    return segment.raw_words or tuple(
        word if word.raw is None else msgspec.structs.replace(word, t=word.raw, raw=None) for word in segment.words
    )


def interpolate(
    words: Sequence[Word],
    start_ms: int,
    end_ms: int,
    *,
    source: WordSource = WordSource.INTERPOLATED,
    letter_ms: int | None = None,
) -> list[Word]:
    """The same words, all with times; those that had none lie between their neighbours, or `start_ms` and `end_ms`, share
    that by their lengths, and are marked. With `letter_ms`, a letter takes no longer than that: the words follow those before
    them, or at the beginning lead to those after them."""
    made: list[Word] = []
    for unknown, group in groupby(words, key=lambda word: word.s is None or word.e is None):
        run = list(group)
        if not unknown:
            made += run
            continue
        left = (made[-1].e if made else None) or start_ms
        following = words[len(made) + len(run)].s if len(made) + len(run) < len(words) else None
        right = max(left, end_ms if following is None else following)
        if letter_ms is not None:
            most = letter_ms * _length(run)
            leading = not made and following is not None
            left, right = (max(left, right - most), right) if leading else (left, min(right, left + most))
        made += _spread(run, left, right, source)
    return made


def _spread(words: Sequence[Word], start_ms: int, end_ms: int, source: WordSource) -> Iterator[Word]:
    letters, said = _length(words), 0
    for word in words:
        start = start_ms + (end_ms - start_ms) * said // letters
        said += max(1, len(word.t))
        end = start_ms + (end_ms - start_ms) * said // letters
        yield msgspec.structs.replace(word, s=start, e=end, src=source)


def _length(words: Sequence[Word]) -> int:
    return sum(max(1, len(word.t)) for word in words)
