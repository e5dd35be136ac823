"""Requests as data."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar
from urllib.parse import quote
from uuid import UUID

import httpx
import msgspec

T = TypeVar("T")

QueryValue: TypeAlias = str | int | float | bool | UUID | dt.datetime | Sequence[str] | None

_REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})


class Absent(enum.Enum):
    """Stands for a value that was not given."""

    ABSENT = enum.auto()


ABSENT = Absent.ABSENT


@dataclass(frozen=True, kw_only=True)
class Request(Generic[T]):
    """One request, and what its answer holds."""

    method: str
    path: str
    kind: type[T]
    """Of the answer's JSON; `NoneType` where there is none."""
    query: Mapping[str, QueryValue] = field(default_factory=dict)
    """Without those that are `None`."""
    json: Any = field(default=ABSENT, repr=False)
    content: bytes | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: httpx.Timeout | None = None
    """`None` takes the client's."""
    idempotent: bool = False
    """Whether doing it twice is doing it once, although its method does not say so."""
    elsewhere: bool = False
    """Whether the path is a URL of another host, which must not see the API key; nor may errors show it."""
    attempts: int | None = None
    """At most so many, where somebody else decides about the next; `None` takes the client's."""

    @property
    def repeatable(self) -> bool:
        """Whether it may be sent again when nobody knows what became of it."""
        return self.idempotent or self.method in _REPEATABLE or "Idempotency-Key" in self.headers

    @property
    def body(self) -> bytes | None:
        """The bytes to send."""
        return self.content if self.json is ABSENT else msgspec.json.encode(self.json)

    @property
    def sent_headers(self) -> dict[str, str]:
        """With the type of JSON where there is any."""
        given = {} if self.json is ABSENT else {"Content-Type": "application/json"}
        return {**given, **self.headers}

    @property
    def parameters(self) -> dict[str, str | list[str]]:
        """The query as text."""
        return {name: _text(value) for name, value in self.query.items() if value is not None and value != ()}


def matching(etag: str | None) -> dict[str, str]:
    """The header that makes a change only to what has this entity tag still."""
    return {} if etag is None else {"If-Match": etag}


def path_of(*parts: str | UUID) -> str:
    """A path below `/v1`, each part quoted."""
    return "/v1/" + "/".join(quote(str(part), safe="") for part in parts)


def given(**values: Any) -> dict[str, Any]:
    """Those that are not `None`."""
    return {name: value for name, value in values.items() if value is not None}


def _text(value: QueryValue) -> str | list[str]:
    match value:
        case bool():
            return "true" if value else "false"
        case dt.datetime():
            return aware(value).isoformat()
        case str() | int() | float() | UUID():
            return str(value)
        case None:
            return ""
        case _:
            return [str(item) for item in value]


def aware(time: dt.datetime) -> dt.datetime:
    """A time with a zone; the machine's own where it has none."""
    return time if time.tzinfo is not None else time.astimezone()
