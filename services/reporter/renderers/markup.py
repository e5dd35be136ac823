"""Spoken words inside Markdown: escaped, so that they mean themselves."""

from __future__ import annotations

import re

from services.reporter.characters import LINK

_SPECIAL = re.compile(r"[\\`*_\[\]<>#|~]|(?<=\S)\$(?!\d)")
"""Characters that mean something anywhere in a line; a dollar sign closes a formula where it does not begin an amount."""

_ENTITY = re.compile(r"&(?=\w+;)")

_OPENING = re.compile(r"[-+](?=\s|$)|[-=]+$|(?<=\d)[.)](?=\s|$)")
_NUMBER = re.compile(r"\d{1,9}(?=[.)](?:\s|$))|")
"""What begins a list, or draws a line under the paragraph above."""


def escape(text: str) -> str:
    """The text, for the middle of a line."""
    escaped = _SPECIAL.sub(r"\\\g<0>", text) if _SPECIAL.search(text) else text
    return _ENTITY.sub(r"\\&", escaped) if "&" in escaped else escaped


def running(text: str) -> str:
    """The text, for the middle of a line; web addresses become links to themselves."""
    if "://" not in text:
        return escape(text)
    pieces, end = [], 0
    for link in LINK.finditer(text):
        pieces += [escape(text[end : link.start()]), f"<{link.group()}>"]
        end = link.end()
    return "".join([*pieces, escape(text[end:])])


def line(text: str) -> str:
    """The text, for the beginning of a line."""
    written = running(text)
    number = _NUMBER.match(written)
    start = number.end() if number else 0
    return f"{written[:start]}\\{written[start:]}" if _OPENING.match(written, start) else written
