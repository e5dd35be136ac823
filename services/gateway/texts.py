"""Makes text that customers give us safe to show: no path, nothing invisible, nothing that turns the line around."""

from __future__ import annotations

import re
import unicodedata

from shared.schemas.jobs import TITLE_LENGTH

LONGEST_NAME = 255
"""Bytes of UTF-8, as on common file systems."""

_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,5}$")
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


def title_of(file_name: str) -> str:
    """What a recording is called when nobody gave it a title: its file's name without the extension."""
    return (_EXTENSION.sub("", file_name).strip() or file_name)[:TITLE_LENGTH]
