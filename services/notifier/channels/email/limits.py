"""How many e-mails go out: so many a minute in all, and so many an hour to one address, whoever's endpoints lead there."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol

from shared.schemas.endpoints import CONFIRMATION_SECONDS


@dataclass(frozen=True, kw_only=True)
class Rate:
    """At most so many in any stretch of so many seconds.

    The generic cell rate algorithm (ITU-T I.371): up to `burst` at once, and after that one each `gap` seconds. Of a stretch
    as long as `seconds` that makes `burst + ceil(seconds / gap) - 1`, which is `most`.
    """

    most: int
    seconds: float

    @property
    def burst(self) -> int:
        """Half of them, so that the other half can flow in evenly."""
        return (self.most + 1) // 2

    @property
    def gap(self) -> float:
        """Seconds in which one is filled up again."""
        return self.seconds / (self.most - self.burst + 1)


class Allowances(Protocol):
    """Where it is kept what was taken, for all processes."""

    async def take(self, key: str, rate: Rate) -> float:
        """Take one: 0, or the seconds to wait, and nothing is taken."""

    async def give_back(self, key: str, rate: Rate) -> None:
        """Undo one `take`."""


CONFIRMATIONS = Rate(most=1, seconds=CONFIRMATION_SECONDS)
"""To one mailbox, whoever asks it."""


class MailLimits:
    """Of the installation. A letter is taken off each limit that it falls under, or off none."""

    def __init__(self, allowances: Allowances, *, per_minute: int, per_recipient_per_hour: int) -> None:
        self._allowances = allowances
        self._all = Rate(most=per_minute, seconds=60.0)
        self._recipient = Rate(most=per_recipient_per_hour, seconds=3600.0)

    async def take(self, address: str, *, confirmation: bool = False) -> float:
        """Take one for the address: 0, or the seconds to wait, and nothing is taken."""
        taken: list[tuple[str, Rate]] = []
        for key, rate in self._limits(address, confirmation=confirmation):
            if (wait := await self._allowances.take(key, rate)) > 0:
                await self._return(taken)
                return wait
            taken.append((key, rate))
        return 0.0

    async def give_back(self, address: str, *, confirmation: bool = False) -> None:
        """Nothing was sent for it."""
        await self._return(self._limits(address, confirmation=confirmation))

    async def _return(self, taken: list[tuple[str, Rate]]) -> None:
        for key, rate in reversed(taken):
            await self._allowances.give_back(key, rate)

    def _limits(self, address: str, *, confirmation: bool) -> list[tuple[str, Rate]]:
        """The one that all share comes last, so that nobody takes of it in vain."""
        confirming = [(_key("confirmation", mailbox_of(address)), CONFIRMATIONS)] if confirmation else []
        return [*confirming, (_key("recipient", address), self._recipient), ("mail", self._all)]


def mailbox_of(address: str) -> str:
    """Without what many mail servers ignore: `chen+7@example.com` is read by whoever reads `chen@example.com`."""
    name, at, domain = address.rpartition("@")
    return f"{name.partition('+')[0] or name}{at}{domain}"


def _key(limit: str, address: str) -> str:
    """Nobody needs to read whom we wrote to."""
    return f"{limit} {hashlib.sha256(address.casefold().encode()).hexdigest()}"
