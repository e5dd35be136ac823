"""What stands between two words: a space, save in scripts that are written without."""

from __future__ import annotations

import re

_WIDE = r"\u2e80-\u30ff\u3100-\u312f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff"
"""Chinese characters, kana, bopomofo, and the punctuation and full-width forms that go with them."""
_ENDS_WIDE = re.compile(f"[{_WIDE}]$")
_STARTS_WIDE = re.compile(f"[{_WIDE}]")
_PIECES = re.compile(f"[^\\s{_WIDE}]+|[{_WIDE}]")


def separator(before: str, word: str) -> str:
    """What stands between a word and the one before it; empty where nobody knows, and the same script is supposed."""
    together = _STARTS_WIDE.match(word) and (not before or _ENDS_WIDE.search(before))
    return "" if together else " "


def split_words(text: str) -> list[str]:
    """The words of a text, without spaces; each Chinese or Japanese character is one, with the punctuation after it."""
    words: list[str] = []
    for piece in _PIECES.findall(text):
        if words and not any(character.isalnum() for character in piece) and _STARTS_WIDE.match(piece):
            words[-1] += piece
        else:
            words.append(piece)
    return words
