"""Makes text that customers give us safe to show: no path, nothing invisible, nothing that turns the line around."""

from __future__ import annotations

import re
import unicodedata

LONGEST_NAME = 255
"""Bytes of UTF-8, as on common file systems."""

_SPACES = re.compile(r"\s+")
_PATH = re.compile(r".*[/\\]", re.DOTALL)


def clean_line(text: str) -> str | None:
    """One line in NFC without control, bidi and other invisible characters; null when nothing is left."""
    spaced = _SPACES.sub(" ", unicodedata.normalize("NFC", text))
    return "".join(character for character in spaced if not unicodedata.category(character).startswith("C")).strip() or None


def clean_file_name(text: str) -> str | None:
    """The last part of a path as a display name. It never becomes part of a path or key of ours."""
    name = clean_line(_PATH.sub("", text))
    if name is None or name.strip(".") == "":
        return None
    return name.encode()[:LONGEST_NAME].decode(errors="ignore")
