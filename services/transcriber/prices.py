"""What providers ask for an hour of audio, as dated rows: a price that is not known on a day is no price at all.

The rows stand in `prices.yaml`, each with the page it was read from. A provider's add-ons are rows like its models.
"""

from __future__ import annotations

import datetime as dt
import functools
from decimal import ROUND_HALF_EVEN, Decimal
from importlib.resources import files

import msgspec

from services.transcriber.engines import Usage
from shared.schemas.transcripts import Cost

HOUR_MS = 3_600_000
_SMALLEST = Decimal("0.000001")


class Price(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"since": "from"}):
    """What one hour of audio costs with one model or add-on, from one day until before another."""

    id: str
    provider: str
    item: str
    per_hour: Decimal
    currency: str = "USD"
    since: dt.date
    until: dt.date | None = None
    """First day on which it does not hold any more; null while no end is known."""
    source: str

    def holds(self, day: dt.date) -> bool:
        """Whether it is the price on a day."""
        return self.since <= day and (self.until is None or day < self.until)


class PriceList(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All prices, and the unit in which each provider counts."""

    unit_ms: dict[str, int]
    """A recording is charged in whole units of this many milliseconds; providers not named charge what they report."""
    prices: tuple[Price, ...]

    def cost(self, provider: str, usage: Usage, day: dt.date) -> Cost | None:
        """What a provider asks for a transcription; null unless everything that is charged has a price on that day."""
        rows = [self._price(provider, item, day) for item in usage.items]
        known = [row for row in rows if row is not None]
        if not known or len(known) < len(rows) or len({row.currency for row in known}) > 1:
            return None
        billed_ms = self._billed(provider, usage.billed_ms)
        amount = sum((row.per_hour for row in known), Decimal()) * billed_ms / HOUR_MS
        return Cost(
            amount=f"{amount.quantize(_SMALLEST, ROUND_HALF_EVEN):f}",
            currency=known[0].currency,
            billed_ms=billed_ms,
            prices=tuple(row.id for row in known),
        )

    def _price(self, provider: str, item: str, day: dt.date) -> Price | None:
        fit = (row for row in self.prices if row.provider == provider and row.item == item and row.holds(day))
        return next(fit, None)

    def _billed(self, provider: str, billed_ms: int) -> int:
        unit = self.unit_ms.get(provider, 1)
        return -(-billed_ms // unit) * unit


@functools.cache
def price_list() -> PriceList:
    """The rows that come with this package."""
    return msgspec.yaml.decode((files(__package__) / "prices.yaml").read_bytes(), type=PriceList)


def cost(provider: str, usage: Usage, at: dt.date) -> Cost | None:
    """What a provider asks for a transcription done on a day; null unless everything that is charged has a price then."""
    return price_list().cost(provider, usage, at)
