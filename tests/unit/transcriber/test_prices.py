"""What a transcription costs, from dated rows and never from a guess."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from itertools import combinations

import pytest

from services.transcriber.engines import Usage
from services.transcriber.prices import HOUR_MS, Price, PriceList, cost, price_list

DAY = dt.date(2026, 11, 1)


def price(item: str, per_hour: str, *, since: dt.date = DAY, until: dt.date | None = None, currency: str = "USD") -> Price:
    """A row of a provider called `p`."""
    return Price(
        id=f"p/{item}/{since}",
        provider="p",
        item=item,
        per_hour=Decimal(per_hour),
        currency=currency,
        since=since,
        until=until,
        source="a page",
    )


def prices(*rows: Price, **unit_ms: int) -> PriceList:
    """A list of such rows."""
    return PriceList(unit_ms=unit_ms, prices=rows)


def test_model_and_extras_add_up_by_the_second() -> None:
    """What is charged is the sum of the rows, for as long as the recording is, and the rows are named."""
    usage = Usage(billed_ms=37_000, items=("universal-3-5-pro", "speaker_labels"))
    found = cost("assemblyai", usage, DAY)
    assert found is not None
    assert found.amount == "0.002364"  # 0.23 * 37 / 3600
    assert found.currency == "USD"
    assert found.billed_ms == 37_000
    assert found.prices == ("assemblyai/universal-3-5-pro/2026-08-01", "assemblyai/speaker_labels/2026-08-01")


@pytest.mark.parametrize(
    ("provider", "items"),
    [("assemblyai", ("universal-9",)), ("assemblyai", ("universal-2", "telepathy")), ("nobody", ("universal-2",)), ("p", ())],
)
def test_one_unknown_price_makes_the_whole_cost_unknown(provider: str, items: tuple[str, ...]) -> None:
    """Neither a part of the sum nor another provider's price is passed off as the cost."""
    assert cost(provider, Usage(billed_ms=HOUR_MS, items=items), DAY) is None


def test_price_of_the_day_counts() -> None:
    """A price holds from its first day until before its last, and there is none outside."""
    change = dt.date(2026, 12, 1)
    rows = prices(price("m", "1", until=change), price("m", "2", since=change, until=dt.date(2027, 1, 1)))
    usage = Usage(billed_ms=HOUR_MS, items=("m",))
    amounts = [rows.cost("p", usage, day) for day in (dt.date(2026, 11, 30), change)]
    assert [found and found.amount for found in amounts] == ["1.000000", "2.000000"]
    assert rows.cost("p", usage, dt.date(2026, 10, 31)) is None
    assert rows.cost("p", usage, dt.date(2027, 1, 1)) is None


def test_begun_units_are_charged_whole() -> None:
    """Where a provider counts in whole seconds, the rest of a second costs a second."""
    usage = Usage(billed_ms=3_599_001, items=("m",))
    charged = prices(price("m", "3.6"), p=1000).cost("p", usage, DAY)
    reported = prices(price("m", "3.6")).cost("p", usage, DAY)
    assert charged is not None
    assert reported is not None
    assert (charged.amount, charged.billed_ms) == ("3.600000", HOUR_MS)
    assert (reported.amount, reported.billed_ms) == ("3.599001", 3_599_001)


def test_currencies_are_not_added() -> None:
    """Prices in two currencies have no sum."""
    rows = prices(price("m", "1"), price("extra", "1", currency="EUR"))
    assert rows.cost("p", Usage(billed_ms=HOUR_MS, items=("m", "extra")), DAY) is None


def test_list_has_one_price_a_day() -> None:
    """No two rows of one item hold on the same day, ids are unique, and each row says where it was read."""
    rows = price_list().prices
    assert len({row.id for row in rows}) == len(rows)
    assert all(row.source and row.per_hour > 0 and row.id == f"{row.provider}/{row.item}/{row.since}" for row in rows)
    for one, other in combinations(rows, 2):
        if (one.provider, one.item) == (other.provider, other.item):
            assert not any((one.holds(other.since), other.holds(one.since))), (one.id, other.id)
