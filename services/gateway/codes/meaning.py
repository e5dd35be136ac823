"""What is said about a problem code, wherever it is explained: the API's description, its page, the documentation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Meaning:
    """One code's."""

    status: int | tuple[int, ...]
    """That it is answered with; several where it is the same thing in other places."""
    what: str
    """What has happened, in one sentence."""
    remedy: str
    """What to do about it."""
    headers: tuple[str, ...] = ()
    """That come with it."""

    @property
    def statuses(self) -> tuple[int, ...]:
        """All of them."""
        return (self.status,) if isinstance(self.status, int) else self.status
