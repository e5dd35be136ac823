"""Colours of the Word document, as `RRGGBB`."""

from __future__ import annotations

INK = "111827"
MUTED = "6B7280"
ACCENT = "4338CA"
GREEN = "047857"
AMBER = "B45309"
AMBER_SOFT = "FEF6E7"
SOFT = "F1F2F7"
HAIRLINE = "E5E7EB"

_SPEAKERS = ("2563EB", "DB2777", "059669", "C2570C", "7C3AED", "0E7490", "DC2626", "4D7C0F", "9D174D", "1E3A8A")
"""Dark enough to be read as text on white."""


def speaker_colour(rank: int) -> str:
    """The colour of the speaker at a place in the transcript's order."""
    return _SPEAKERS[rank % len(_SPEAKERS)]
