"""Makes recognised text safe to show (no control characters, no direction overrides, single spaces), counts and measures it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from unicodedata import category, east_asian_width

HAN = "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3038-\u303b\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
KANA = "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fd-\u30ff\u31f0-\u31ff\uff66-\uff9f"
BOPOMOFO = "\u3105-\u312f\u31a0-\u31bf"
HANGUL = "\u1100-\u11ff\u3131-\u318e\ua960-\ua97f\uac00-\ud7ff"

# Everything that is drawn as nothing and changes how the rest is read: controls, direction marks and overrides,
# invisible joiners of words, annotation and tag characters, byte order marks, lone surrogates, noncharacters.
_UNSAFE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufdd0-\ufdef\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e0fff]"
)
_WIDE = re.compile(
    "[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f"
    "\uff01-\uff60\uffe0-\uffe6\U0001f300-\U0001faff\U00020000-\U0003ffff]"
)
LINK = re.compile(r"https?://[!-;=?-~]*[0-9A-Za-z]/?")
"""A web address inside running text, without the punctuation that follows it."""

_COUNTED = re.compile(rf"[{HAN}{KANA}{BOPOMOFO}]|(?:[^\W{HAN}{KANA}{BOPOMOFO}]|['’](?=\w))+")


_UNSEEN = frozenset({"Mn", "Me", "Cf"})
_SET_FULL = frozenset("“”‘’…‥—―·‧※°±×÷→←↑↓●○■□★☆")
"""Characters of Latin fonts that Chinese, Japanese and Korean ones draw as wide as an ideograph."""


class _Widths(dict[str, int]):
    """The width of each character in columns; found out once for each."""

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


def clean(text: str) -> str:
    """The text as it may be shown: what nobody can see is dropped, every run of white space is one space."""
    if not text.isprintable():
        text = _UNSAFE.sub("", text)
    return " ".join(text.split())


def count_words(text: str) -> int:
    """Words between spaces, and Chinese and Japanese characters one by one."""
    return len(text.split()) if text.isascii() else len(_COUNTED.findall(text))


def in_a_row(sentences: Iterable[str]) -> str:
    """Sentences as one paragraph: a space between them, save after Chinese and Japanese, which need none."""
    text = ""
    for sentence in filter(None, sentences):
        text += sentence if not text or _WIDE.match(text[-1]) else f" {sentence}"
    return text


def put_in(text: str, placeholder: str, name: str) -> str:
    """The text with a name in the place of a placeholder, and no space between Chinese and Chinese."""
    before, *others = text.split(placeholder)
    for after in others:
        if before.endswith(" ") and _WIDE.match(name) and _WIDE.match(before[-2:-1]):
            before = before[:-1]
        spaced = after.startswith(" ") and _WIDE.match(name[-1:]) and _WIDE.match(after[1:2])
        before += name + (after[1:] if spaced else after)
    return before


def columns(text: str, *, east_asian: bool = False) -> int:
    """How wide the text is where every Latin letter takes one column, every Chinese character two, an accent of its own none;
    `east_asian` where quotation marks, dashes and the like are as wide as ideographs."""
    if text.isascii():
        return len(text)
    return sum(map((_EAST_ASIAN if east_asian else _LATIN).__getitem__, text))
