"""Colours and measures of the page, in one place. Lengths are points."""

from __future__ import annotations

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
MUTED = rgb("#6b7280")
FAINT = rgb("#8b93a1")
HAIRLINE = rgb("#e5e7eb")
SOFT = rgb("#f5f6fa")
ACCENT = rgb("#4338ca")
AMBER = rgb("#b45309")
AMBER_SOFT = rgb("#fef6e7")

SPEAKERS = tuple(
    map(rgb, ("#2563eb", "#db2777", "#059669", "#c2570c", "#7c3aed", "#0e7490", "#dc2626", "#4d7c0f", "#9d174d", "#1e3a8a"))
)
"""Dark enough to be read as text on white."""


def speaker_colour(rank: int) -> Colour:
    """The colour of the speaker at a place in the transcript's order."""
    return SPEAKERS[rank % len(SPEAKERS)]
