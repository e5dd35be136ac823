"""Colours, measures and type of the page, in one place. Lengths are points."""

from __future__ import annotations

from typing import NamedTuple

from services.reporter.renderers import speaker_colours

PAGE_WIDTH, PAGE_HEIGHT = 595.28, 841.89
MARGIN = 51.0
TOP, BOTTOM = PAGE_HEIGHT - 54.0, 54.0
LEFT, RIGHT = MARGIN, PAGE_WIDTH - MARGIN
MEASURE = RIGHT - LEFT

Colour = str
"""Three numbers from 0 to 1, as the page's language wants them."""


def rgb(code: str) -> Colour:
    """A colour from its `#rrggbb`."""
    return " ".join(f"{int(code[index : index + 2], 16) / 255:.3g}" for index in (1, 3, 5))


INK = rgb("#111827")
MUTED = rgb("#626977")
HAIRLINE = rgb("#e2e5ea")
SOFT = rgb("#f5f6fa")
HEAD = rgb("#eef0f6")
WHITE = rgb("#ffffff")
ACCENT = rgb("#4338ca")
ACCENT_SOFT = rgb("#eef2ff")
GREEN = rgb("#047857")
AMBER = rgb("#92400e")
AMBER_BRIGHT = rgb("#d97706")
AMBER_SOFT = rgb("#fef7e8")

_SPEAKERS = tuple(rgb(f"#{colour}") for colour in speaker_colours.SPEAKERS)


def speaker_colour(rank: int) -> Colour:
    """The colour of the speaker at a place in the transcript's order."""
    return _SPEAKERS[rank % len(_SPEAKERS)]


class Look(NamedTuple):
    """How a text is set: font size, distance of lines, style, colour."""

    size: float
    leading: float = 0.0
    style: str = "text"
    colour: Colour = INK

    def tinted(self, colour: Colour) -> Look:
        """The same in another colour."""
        return self._replace(colour=colour)


TITLE = Look(23, 30, "display")
PART = Look(14, 20, "strong")
SUBPART = Look(10.6, 16, "strong")
LEAD = Look(10.4, 17.4)
BODY = Look(9.8, 15.8)
STRONG = Look(9.8, 15.8, "strong")
CELL = Look(9.2, 14.0)
CELL_STRONG = Look(9.2, 14.0, "strong")
SMALL = Look(8.6, 13.2, colour=MUTED)
TINY = Look(7.6, 11.6, colour=MUTED)
TINY_STRONG = Look(7.6, 11.6, "strong", MUTED)
PILL = Look(7.2, 11.0, colour=ACCENT)
NOTE = Look(6.4, 0.0, "strong", ACCENT)
