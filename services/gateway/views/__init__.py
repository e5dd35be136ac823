"""What clients see: the JSON of the API, built from rows. Fields are added, never renamed or removed."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Generic, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta

T = TypeVar("T")

_ID = "0198c2de-8b1c-7d3e-9f5a-2b6c4d8e0f1a"
_SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

Id = Annotated[UUID, Meta(description="UUID version 7.", examples=[_ID])]
Time = Annotated[dt.datetime, Meta(tz=True, description="RFC 3339, UTC.", examples=["2026-11-22T09:30:00Z"])]
Bytes = Annotated[int, Meta(ge=0, description="Bytes.", examples=[48211904])]
Sha256 = Annotated[str, Meta(description="SHA-256 of the bytes, in hex.", examples=[_SHA256])]
Fraction = Annotated[float, Meta(ge=0, le=1, description="How much is done; null while unknown.", examples=[0.42])]
Url = Annotated[
    str,
    Meta(description="Absolute where AUDIO2TXT_PUBLIC_URL is set, else a path.", examples=[f"/v1/jobs/{_ID}"]),
]


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """Some of many, newest first."""

    data: tuple[T, ...]
    has_more: Annotated[bool, Meta(description="Whether there is another page.")] = False
    next_cursor: Annotated[str | None, Meta(description="Give it as `after` for the next page.")] = None
