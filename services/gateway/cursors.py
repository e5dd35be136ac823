"""Cursors of lists: where the last page ended, opaque to clients."""

from __future__ import annotations

import datetime as dt
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Self
from uuid import UUID

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_LENGTH = 32


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
