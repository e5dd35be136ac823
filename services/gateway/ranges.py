"""HTTP byte ranges and file names of downloads (RFC 9110, RFC 6266), as pure functions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

_RANGE = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*", re.IGNORECASE)
_UNSAFE = re.compile(r'[^ !#-\[\]-~]|[%"\\]')


class Unsatisfiable(ValueError):
    """The range lies beyond the end."""


@dataclass(frozen=True, kw_only=True)
class ByteRange:
    """Bytes `start` up to but not including `end`."""

    start: int
    end: int


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """The one range asked for, or null to send everything: without a header, for several ranges, for other units
    and for nonsense, as RFC 9110 allows. Raises `Unsatisfiable`."""
    match = _RANGE.fullmatch(header or "")
    if match is None or match.group(1) == match.group(2) == "":
        return None
    first, last = match.groups()
    if first == "":
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
    if first and last and int(last) < int(first):
        return None
    if start >= size or (first == "" and int(last) == 0):
        raise Unsatisfiable
    return ByteRange(start=start, end=end)


def attachment(name: str) -> str:
    """A `Content-Disposition` that saves under this name, whatever characters it has."""
    return f"attachment; filename=\"{_UNSAFE.sub('_', name)}\"; filename*=UTF-8''{quote(name, safe='')}"
