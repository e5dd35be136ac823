"""Cursors of lists: where the last page ended, opaque to clients."""

from __future__ import annotations

import datetime as dt
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from typing_extensions import override

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_LENGTH = 32
_PASSAGE_LENGTH = 40


@dataclass(frozen=True, kw_only=True)
class Cursor:
    """The last row of a page in the order `(created_at, id)`, newest first."""

    created_at: dt.datetime
    id: UUID

    def encode(self) -> str:
        """The text clients hand back: 8 bytes of microseconds and the id, in base64url."""
        microseconds = (self.created_at - _EPOCH) // dt.timedelta(microseconds=1)
        return urlsafe_b64encode(microseconds.to_bytes(8, "big") + self.id.bytes).decode()

    @classmethod
    def decode(cls, text: str) -> Self:
        """Read a cursor back; raises `ValueError` when it is none of ours."""
        if len(text) != _LENGTH or not text.isascii():
            raise ValueError("not a cursor")
        data = urlsafe_b64decode(text)
        try:
            created_at = _EPOCH + dt.timedelta(microseconds=int.from_bytes(data[:8], "big"))
        except OverflowError:
            raise ValueError("not a cursor") from None
        return cls(created_at=created_at, id=UUID(bytes=data[8:]))


@dataclass(frozen=True, kw_only=True)
class PassageCursor(Cursor):
    """The last passage of a page: of the jobs in the order of lists, and in a job of its places, which count downwards."""

    place: int

    @override
    def encode(self) -> str:
        """As `Cursor`, with 6 more bytes."""
        return super().encode() + urlsafe_b64encode((-self.place).to_bytes(6, "big")).decode()

    @classmethod
    @override
    def decode(cls, text: str) -> Self:
        if len(text) != _PASSAGE_LENGTH or not text.isascii():
            raise ValueError("not a cursor")
        job, place = Cursor.decode(text[:_LENGTH]), urlsafe_b64decode(text[_LENGTH:])
        return cls(created_at=job.created_at, id=job.id, place=max(-int.from_bytes(place, "big"), -(2**31)))
