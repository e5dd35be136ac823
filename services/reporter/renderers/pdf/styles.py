"""Which font shows which character, and how wide it is; and how text is prepared for it.

Noncharacters, which clean text never holds, stand for what Unicode has no character for: the thin gap between Chinese and
Latin, room for the number of a note, a place where a line may end unseen, punctuation in its Chinese, full width. What
complex scripts draw as one is one private character (`scripts`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from services.reporter.characters import BOPOMOFO, HAN, HANGUL, KANA
from services.reporter.renderers.pdf.bidi import bidi_class
from services.reporter.renderers.pdf.fonts import Face, noto
from services.reporter.renderers.pdf.scripts import (
    COMPLEX,
    FALLBACKS,
    MARKED,
    NEEDS_SHAPING,
    PLACES,
    WITHOUT_SPACES,
    Place,
    Places,
    may_follow_break,
)

GAP = "\ufdef"
"""A quarter of a space between Chinese and Latin; drawn as a movement, since nobody said it."""

NOTE = "\ufdee"
"""Room for one digit of a note's number, which is drawn into it later."""

SOFT_BREAK = "\ufded"
"""Where a line may end inside a word of a script that does not separate words."""

UNSEEN = {GAP: 180, NOTE: 430, SOFT_BREAK: 0}
"""What is no glyph but a movement, and its width in thousandths of the font size."""

MISSING = "〓"
"""Shown for a character that no font has; printers' mark for a missing piece of type. The second face of a style has it."""

NOWHERE, MISSING_FROM_ALL = -1, -2
"""Instead of the number of a face: nothing is drawn, or no face has it."""

WIDE = {"“": "\ufdd0", "”": "\ufdd1", "‘": "\ufdd2", "’": "\ufdd3", "…": "\ufdd4", "—": "\ufdd5", "·": "\ufdd6"}
"""Punctuation that is as wide as a Chinese character beside one."""

NARROW = {wide: narrow for narrow, wide in WIDE.items()}

IDEOGRAPH = HAN + KANA + BOPOMOFO + "\uff10-\uff19\uff21-\uff3a\uff41-\uff5a"
OPENING = "（〔［｛〈《「『【〖〘〝\ufdd0\ufdd2"
CLOSING = (
    "）〕］｝〉》」』】〗〙〞、。，．！？：；‥・ー〜～％‰℃"
    "々ゝゞヽヾぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ\ufdd1\ufdd3\ufdd4\ufdd5\ufdd6"
)
_FULL = IDEOGRAPH + OPENING + CLOSING + HANGUL
_LETTER = "0-9A-Za-z\u00c0-\u024f\u0370-\u052f"
_BESIDE_FULL = re.compile(rf"(?<=[{_FULL}])[“”‘’…—·]+|[“”‘’…—·]+(?=[{_FULL}])")
_MAY_BE_WIDE = re.compile("[“”‘’…—·]")
_LATIN = re.compile(f"[{_LETTER}]")
_BEFORE_LETTER = re.compile(rf"(?<=[{IDEOGRAPH}])(?=[{_LETTER}$€£#@&+])")
_AFTER_LETTER = re.compile(rf"(?<=[{_LETTER}%°])(?=[{IDEOGRAPH}])")
_FULL_WIDTH = re.compile(f"[{_FULL}]")
# Joiners and variation selectors ask for shaping; where that has been done or cannot be, they show nothing.
_INVISIBLE = re.compile("[\u200c\u200d\ufe00-\ufe0f]")
_PRIVATE = re.compile(f"[{chr(PLACES[0])}-{chr(PLACES[-1])}]")
_TO_WIDE = str.maketrans(WIDE)


class Style:
    """Fonts at one weight, in order of preference: the first for Latin, the second for Chinese, then what is asked for by
    name. One object serves one document, since it remembers its words; all styles of a document share `places`."""

    def __init__(self, name: str, faces: Sequence[Face], weight: int = 400, places: Places | None = None) -> None:
        self.name = name
        self.faces = list(faces)
        self.places = places or Places()
        self.face_of = _FaceOf(self)
        self.widths = _Widths(self)
        self.space = self.widths[" "]
        self._weight = weight
        self._numbers = {MARKED: 0}
        self._shaped: dict[str, str] = {}
        self._prepared: dict[str, str] = {}
        self._texts = _Texts(self.places)
        self.classes = _Classes(self._texts)

    def width(self, text: str, size: float) -> float:
        """The width of prepared text in points."""
        return sum(map(self.widths.__getitem__, text)) * size / 1000

    def family(self, name: str) -> int:
        """The number of the face of a Noto font."""
        if name not in self._numbers:
            self._numbers[name] = len(self.faces)
            self.faces.append(noto(name, self._weight))
        return self._numbers[name]

    def prepare(self, text: str) -> str:
        """Clean text as it is set: in private characters where it must be shaped, with gaps and wide punctuation where it
        mixes scripts."""
        if text.isascii():
            return text
        if (prepared := self._prepared.get(text)) is None:
            prepared = self._prepared[text] = self._prepare(text)
        return prepared

    def _prepare(self, text: str) -> str:
        text = unicodedata.normalize("NFC", text)
        if NEEDS_SHAPING.search(text):
            text = _PRIVATE.sub("\ufffd", text)
            text = _INVISIBLE.sub("", COMPLEX.sub(self._shape, text))
        if not _FULL_WIDTH.search(text):
            return text
        if _MAY_BE_WIDE.search(text):
            text = _BESIDE_FULL.sub(lambda match: match.group().translate(_TO_WIDE), text)
        if _LATIN.search(text):
            text = _AFTER_LETTER.sub(GAP, _BEFORE_LETTER.sub(GAP, text))
        return text

    def plain(self, prepared: str) -> str:
        """Prepared text as it was before."""
        return "".join(map(self._texts.__getitem__, prepared))

    def lacks(self, characters: str) -> list[str]:
        """Which characters no font shows."""
        return [one for one in characters if self.face_of[one] == MISSING_FROM_ALL and not _INVISIBLE.match(one)]

    def _shape(self, match: re.Match[str]) -> str:
        text, family = match.group(), match.lastgroup
        assert family is not None
        if (shaped := self._shaped.get(text)) is None:
            shaped = self._shaped[text] = "".join(self._shaped_pieces(text, family))
        return shaped

    def _shaped_pieces(self, text: str, family: str) -> list[str]:
        pieces: list[str] = []
        for piece, cluster in self.faces[self.family(family)].shape(text):
            character = None if cluster is None else self.places.character(Place(piece, cluster, family))
            if pieces and family in WITHOUT_SPACES and may_follow_break(piece):
                pieces.append(SOFT_BREAK)
            pieces.append(piece if character is None else character)
        return pieces


class _Texts(dict[str, str]):
    """From a prepared character to what it stands for."""

    def __init__(self, places: Places) -> None:
        super().__init__({**dict.fromkeys(UNSEEN, ""), **NARROW})
        self._places = places

    def __missing__(self, character: str) -> str:
        self[character] = text = self._places[character].text if character in self._places else character
        return text


class _Classes(dict[str, str]):
    """From a prepared character to the letter of its bidirectional class."""

    def __init__(self, texts: _Texts) -> None:
        super().__init__()
        self._texts = texts

    def __missing__(self, character: str) -> str:
        self[character] = kind = bidi_class(self._texts[character][:1] or " ")
        return kind


class _Known(NamedTuple):
    """Characters that the first two faces of a style show, as far as the documents of this process held any: the number of
    the face, and the width."""

    faces: dict[str, int]
    widths: dict[str, int]


@cache
def _known(_first: Face, _second: Face) -> _Known:
    return _Known({}, {})


class _FaceOf(dict[str, int]):
    """From a character to the number of the face that shows it."""

    def __init__(self, style: Style) -> None:
        self._known = _known(*style.faces[:2]).faces
        super().__init__(self._known)
        self.update(dict.fromkeys(UNSEEN, NOWHERE))
        self._style = style

    def __missing__(self, character: str) -> int:
        self[character] = number = self._find(character)
        return number

    def _find(self, character: str) -> int:
        style = self._style
        if character in style.places:
            return style.family(style.places[character].font)
        shown, first = NARROW.get(character, character), 1 if character in NARROW else 0
        for number in range(first, 2):
            if style.faces[number].shows(shown):
                self._known[character] = number
                return number
        found = COMPLEX.match(character)
        families = [found.lastgroup] if found is not None and found.lastgroup else []
        for family in [*families, *FALLBACKS]:
            if style.faces[number := style.family(family)].shows(character):
                return number
        return MISSING_FROM_ALL


class _Widths(dict[str, int]):
    """From a character to its width in thousandths of the font size."""

    def __init__(self, style: Style) -> None:
        self._known = _known(*style.faces[:2])
        super().__init__(self._known.widths)
        self.update(UNSEEN)
        self._style = style

    def __missing__(self, character: str) -> int:
        self[character] = width = self._advance(character)
        if character in self._known.faces:
            self._known.widths[character] = width
        return width

    def _advance(self, character: str) -> int:
        style = self._style
        number = style.face_of[character]
        if number == MISSING_FROM_ALL:
            return style.faces[1].advance(MISSING)
        if character in style.places:
            return style.faces[number].cluster_advance(style.places[character].cluster)
        return style.faces[number].advance(NARROW.get(character, character))
