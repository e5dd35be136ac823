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
