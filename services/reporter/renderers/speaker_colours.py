"""The colours by which speakers are told apart in paged documents."""

from __future__ import annotations

SPEAKERS = (
    "2563eb", "cf1f6e", "047857", "b45309", "7c3aed", "0e7490", "dc2626", "4d7c0f", "a21caf", "1e3a8a",
    "511903", "7e2754", "1a491b", "8f6698", "480a55", "4407ce", "705848", "1d3041", "5c4ea2", "72009d",
    "842b02", "36515f", "a8203b", "270a7f", "8e57c7", "4f343c", "b2489d", "b55269", "794a77", "7b6b26",
)  # fmt: skip
"""Thirty, dark enough to be read as text on white: at least 4.5 to 1 (WCAG 2.1, 1.4.3). From the eleventh on, each is that
which looks least like those before it (the greatest least distance in the colour space OKLab)."""


def speaker_colour(rank: int) -> str:
    """The colour of the speaker at a place in the transcript's order, as `rrggbb`."""
    return SPEAKERS[rank % len(SPEAKERS)]
