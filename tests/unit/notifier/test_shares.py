"""Which part the busiest tenant has."""

from __future__ import annotations

from services.notifier.shares import Share, Shares
from tests.notifying import tenant


def test_nothing_is_nobodys() -> None:
    """Without attempts there is no share."""
    assert Shares().look() == Share(tenants=0, slots=0, slot_seconds=0)


def test_the_busiest_tenants_part() -> None:
    """Of the attempts under way, and of the time that those took which have ended since the last look."""
    shares = Shares()
    for number in (1, 1, 1, 2):
        shares.started(tenant(number))
    shares.ended(tenant(1), 1.0)
    shares.ended(tenant(2), 3.0)
    assert shares.look() == Share(tenants=2, slots=1, slot_seconds=0.75)
    assert shares.look() == Share(tenants=1, slots=1, slot_seconds=0)


def test_who_is_gone_is_forgotten() -> None:
    """However many tenants pass by, only those of now are kept."""
    shares = Shares()
    for number in range(1000):
        shares.started(tenant(number))
        shares.ended(tenant(number), 0.1)
    assert shares.look().tenants == 1000
    assert shares.look().tenants == 0
