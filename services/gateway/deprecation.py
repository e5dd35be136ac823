"""Routes that are to go: since when (RFC 9745), until when they answer (RFC 8594), and what explains it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from email.utils import format_datetime

DEPRECATED = "deprecated"
"""Where the `opt` of such a route says so."""


@dataclass(frozen=True, kw_only=True)
class Deprecation:
    """Of one route."""

    since: dt.datetime
    """With its zone; may lie ahead."""
    explained: str
    """URL of a page that says what to use instead."""
    sunset: dt.datetime | None = None
    """When it may stop to answer, not before `since`; null while that is open."""

    def __post_init__(self) -> None:
        if self.sunset is not None and self.sunset < self.since:
            raise ValueError("a route cannot end before it is deprecated")

    @property
    def fields(self) -> list[tuple[bytes, bytes]]:
        """The header fields that every answer of the route has."""
        fields = [
            (b"deprecation", f"@{int(self.since.timestamp())}".encode()),
            (b"link", f'<{self.explained}>; rel="deprecation"; type="text/html"'.encode()),
        ]
        if self.sunset is not None:
            at = self.sunset.astimezone(dt.UTC)
            fields.append((b"sunset", format_datetime(at, usegmt=True).encode()))
        return fields

    @property
    def sentence(self) -> str:
        """For people who read the API's description."""
        end = "" if self.sunset is None else f", and may stop to answer on {self.sunset:%Y-%m-%d}"
        return f"Deprecated since {self.since:%Y-%m-%d}{end}: see {self.explained}."
