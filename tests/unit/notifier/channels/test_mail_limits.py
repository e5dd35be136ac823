"""How many e-mails go out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.channels.email import limits as module
from services.notifier.channels.email.limits import MailLimits


class Clock:
    """Goes on when told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def limits(clock: Clock, *, per_minute: int = 1000, per_recipient: int = 2) -> MailLimits:
    """With a clock of the test's."""
    return MailLimits(per_minute=per_minute, per_recipient_per_hour=per_recipient, clock=clock)


def test_an_address_has_its_allowance_whatever_its_letters_case() -> None:
    """After two, the next fits half an hour later."""
    clock = Clock()
    mail = limits(clock)
    assert [mail.take("chen@example.com"), mail.take("Chen@Example.com")] == [0, 0]
    assert mail.take("chen@example.com") == pytest.approx(1800)
    assert mail.take("lin@example.com") == 0
    clock.now += 1801
    assert mail.take("chen@example.com") == 0


def test_what_was_not_sent_is_given_back() -> None:
    """A mail server that is away uses up nothing."""
    mail = limits(Clock(), per_minute=2)
    for _ in range(10):
        assert mail.take("chen@example.com") == 0
        mail.give_back("chen@example.com")


def test_a_wait_takes_nothing() -> None:
    """Whoever has to wait does not push the others back."""
    mail = limits(Clock(), per_minute=3)
    for _ in range(5):
        mail.take("chen@example.com")
    assert mail.take("lin@example.com") == 0


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 100)), max_size=200))
def test_no_hour_has_more_than_twice_the_allowance(asked: list[tuple[str, float]]) -> None:
    """A full bucket and what flows into it: never more, however it is asked."""
    clock, sent = Clock(), dict[str, list[float]]()
    mail = limits(clock, per_minute=10)
    for address, pause in asked:
        clock.now += pause
        if mail.take(address) == 0:
            sent.setdefault(address, []).append(clock.now)
    for moments in sent.values():
        for moment in moments:
            assert sum(moment <= other < moment + 3600 for other in moments) <= 4
    everything = sorted(moment for moments in sent.values() for moment in moments)
    for moment in everything:
        assert sum(moment <= other < moment + 60 for other in everything) <= 20


def test_memory_does_not_grow_with_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that have their allowance back are forgotten."""
    monkeypatch.setattr(module, "MOST_REMEMBERED", 10)
    clock = Clock()
    mail = limits(clock)
    for number in range(100):
        clock.now += 4000
        mail.take(f"{number}@example.com")
    assert len(mail._recipients) <= 10
