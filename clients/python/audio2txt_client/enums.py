"""Names that the gateway may add to: what this version does not know yet is kept, and breaks nothing."""

from __future__ import annotations

import enum
from typing import Self


class OpenEnum(enum.StrEnum):
    """An enumeration that takes any text. A value that this version does not know is a member of its own, equal to its text,
    with `known` false; it is written back as it came."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = member._value_ = value
        return member

    @property
    def known(self) -> bool:
        """Whether this version of the client knows the value."""
        return self._name_ in type(self).__members__
