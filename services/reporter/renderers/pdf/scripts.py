"""Scripts whose letters join, stack or change places, so that HarfBuzz must shape them; and sequences of emoji.

What it draws as one becomes one character of the page: a private one, which clean text never holds. After that, lines are
broken and measured as if all scripts were as simple as ours.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from services.reporter.renderers.pdf.composites import Cluster

PLACES = range(0x100000, 0x10FFFE)
"""The characters that stand for clusters: the last plane, which is for private use."""

_JOINERS = "\u200c\u200d"
_SHAPED = {
    "SansHebrew": "\u0591-\u05f4\ufb1d-\ufb4f",
    "SansArabic": "\u0600-\u06ff\u0750-\u077f\u0870-\u08ff\ufb50-\ufdcf\ufdf0-\ufdff\ufe70-\ufefc",
    "SansDevanagari": "\u0900-\u097f\ua8e0-\ua8ff",
    "SansBengali": "\u0980-\u09ff",
    "SansGurmukhi": "\u0a00-\u0a7f",
    "SansGujarati": "\u0a80-\u0aff",
    "SansOriya": "\u0b00-\u0b7f",
    "SansTamil": "\u0b80-\u0bff",
    "SansTelugu": "\u0c00-\u0c7f",
    "SansKannada": "\u0c80-\u0cff",
    "SansMalayalam": "\u0d00-\u0d7f",
    "SansSinhala": "\u0d80-\u0dff",
    "SansThai": "\u0e00-\u0e7f",
    "SansLao": "\u0e80-\u0eff",
    "SansMyanmar": "\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f",
    "SansKhmer": "\u1780-\u17ff\u19e0-\u19ff",
}
"""The characters that each Noto font shapes."""

FALLBACKS = ("Sans", "SansSymbols", "Emoji", "SansArmenian", "SansGeorgian", "SansEthiopic")
"""The Noto fonts that are asked for single characters which Inter and Noto Sans CJK lack."""

_PICTURE = "[\u00a9\u00ae\u203c-\u3299\U0001f000-\U0001faff]"
_FLAG = "[\U0001f1e6-\U0001f1ff]"
_TONE = "[\U0001f3fb-\U0001f3ff]"
_EMOJI = (
    rf"{_FLAG}{_FLAG}|[0-9#*]\ufe0f?\u20e3|{_PICTURE}(?:{_TONE}|\ufe0f{_TONE}?)?(?:\u200d{_PICTURE}(?:{_TONE}|\ufe0f)?)+"
    rf"|{_PICTURE}(?:{_TONE}|\ufe0f)"
)
_MARKED = r"[A-Za-z\u00c0-\u052f\u1e00-\u1fff][\u0300-\u036f]+"

MARKED = "Marked"
"""Names what the first font shapes: letters with accents that Unicode does not have in one piece."""

COMPLEX = re.compile(
    "|".join(f"(?P<{name}>[{characters}][{characters}{_JOINERS}]*)" for name, characters in _SHAPED.items())
    + f"|(?P<Emoji>{_EMOJI})|(?P<{MARKED}>{_MARKED})"
)
"""A run that must be shaped; the matching group names the font."""

NEEDS_SHAPING = re.compile(
    f"[{''.join(_SHAPED.values())}{_JOINERS}\u0300-\u036f\u20e3\ufe00-\ufe0f\U0001f1e6-\U0001f1ff\U0001f3fb-\U0001f3ff"
    f"{chr(PLACES[0])}-{chr(PLACES[-1])}]"
)
"""A character without which no text needs shaping."""

WITHOUT_SPACES = frozenset({"SansThai", "SansLao", "SansMyanmar", "SansKhmer"})
"""Scripts that do not separate words."""

_LEADING_VOWELS = frozenset("เแโใไເແໂໃໄ")
_THAI_OR_LAO = re.compile("[\u0e00-\u0eff]")


def may_follow_break(letter: str) -> bool:
    """Whether a line may begin with a letter of a script that does not separate words. Finding the words takes a dictionary;
    a vowel that is written before its consonant begins a syllable for certain."""
    return letter[0] in _LEADING_VOWELS if _THAI_OR_LAO.match(letter) else True


class Place(NamedTuple):
    """What a private character stands for."""

    text: str
    cluster: Cluster
    font: str


class Places:
    """The private characters of one document, in the order of first use."""

    def __init__(self) -> None:
        self._characters: dict[Place, str] = {}
        self._places: dict[str, Place] = {}

    def character(self, place: Place) -> str | None:
        """The character that stands for a place; null when there are no more."""
        if place not in self._characters:
            if len(self._characters) == len(PLACES):
                return None
            character = chr(PLACES[len(self._characters)])
            self._characters[place] = character
            self._places[character] = place
        return self._characters[place]

    def __getitem__(self, character: str) -> Place:
        return self._places[character]

    def __contains__(self, character: str) -> bool:
        return character in self._places
