"""Hosts that cannot be reached: found out once, by few, and never by answers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.notifier.channels import Contact
from services.notifier.hosts import FIRST_REST, LONGEST_REST, PROBE_SECONDS, STRIKES, Hosts, host_of
from shared.schemas.endpoints import (
    ChatDestination,
    Destination,
    EmailDestination,
    NtfyDestination,
    TelegramDestination,
    WebhookDestination,
)

DEAD, ALIVE = "dead.example:443", "alive.example:443"


def struck(hosts: Hosts, count: int, *, now: float = 1000.0, host: str = DEAD) -> list[bool]:
    """So many attempts in a row that do not get through; whether each made the host rest."""
    return [hosts.ended(host, Contact.UNREACHED, now) for _ in range(count)]


def test_a_host_that_is_not_reached_rests() -> None:
    """After the last of so many in a row; another host does not."""
    hosts = Hosts()
    assert struck(hosts, STRIKES) == [False] * (STRIKES - 1) + [True]
    assert hosts.wait(DEAD, 1000.0) == FIRST_REST
    assert hosts.wait(ALIVE, 1000.0) == 0
    assert hosts.unreachable == 1


def test_any_answer_begins_the_count_anew() -> None:
    """Whoever answers is alive. What says nothing changes nothing."""
    hosts = Hosts()
    struck(hosts, STRIKES - 1)
    hosts.ended(DEAD, Contact.UNKNOWN, 1000.0)
    hosts.ended(DEAD, Contact.REACHED, 1000.0)
    assert not any(struck(hosts, STRIKES - 1))
    assert hosts.wait(DEAD, 1000.0) == 0


def test_one_attempt_finds_out() -> None:
    """The others wait for it, no longer than a connection takes; when it gets through, everybody may."""
    hosts = Hosts()
    struck(hosts, STRIKES)
    later = 1000.0 + FIRST_REST
    assert [hosts.wait(DEAD, later) for _ in range(3)] == [0, PROBE_SECONDS, PROBE_SECONDS]
    hosts.ended(DEAD, Contact.REACHED, later + 1)
    assert [hosts.wait(DEAD, later + 1) for _ in range(3)] == [0, 0, 0]
    assert hosts.unreachable == len(hosts) == 0


def test_one_that_never_says_does_not_block_the_others() -> None:
    """As when its process gave it up: the next one finds out."""
    hosts = Hosts()
    struck(hosts, STRIKES)
    later = 1000.0 + FIRST_REST
    assert hosts.wait(DEAD, later) == 0
    assert hosts.wait(DEAD, later + PROBE_SECONDS) == 0


def test_each_failure_makes_it_rest_longer() -> None:
    """Twice as long, and ten minutes at most. Attempts that were under way do not count."""
    hosts, now, rests = Hosts(), 1000.0, []
    struck(hosts, STRIKES, now=now)
    for _ in range(10):
        assert struck(hosts, 7, now=now + 1) == [False] * 7
        rests.append(hosts.wait(DEAD, now))
        now += rests[-1]
        assert hosts.wait(DEAD, now) == 0
        assert struck(hosts, 1, now=now) == [True]
    assert rests[:4] == [FIRST_REST, 2 * FIRST_REST, 4 * FIRST_REST, 8 * FIRST_REST]
    assert rests[-1] == LONGEST_REST


@given(st.lists(st.integers(0, 40), max_size=300))
def test_memory_is_bounded(numbers: list[int]) -> None:
    """However many hosts fail; who is forgotten is found out anew."""
    hosts = Hosts(most=10)
    for now, number in enumerate(numbers):
        hosts.ended(f"{number}.example:443", Contact.UNREACHED, float(now))
        assert len(hosts) <= 10


class Reaching(RuleBasedStateMachine):
    """One host that is up or down, and many attempts that overlap."""

    def __init__(self) -> None:
        super().__init__()
        self.hosts, self.now, self.up = Hosts(), 1000.0, True
        self.running: list[bool] = []
        self.in_a_row = 0
        self.started_at: list[float] = []

    @rule(seconds=st.sampled_from([0.1, 2.0, PROBE_SECONDS, FIRST_REST, LONGEST_REST]))
    def time_passes(self, seconds: float) -> None:
        """Rests end."""
        self.now += seconds

    @rule()
    def it_goes_down_or_comes_back(self) -> None:
        """Attempts under way keep the fate they had when they began."""
        self.up = not self.up

    @rule(count=st.integers(1, 12))
    def attempts_are_wanted(self, count: int) -> None:
        """A host that has not failed often enough is never kept from anybody; one that has gets one at a time."""
        waits = [self.hosts.wait(DEAD, self.now) for _ in range(count)]
        assert all(0 <= wait <= LONGEST_REST for wait in waits)
        if self.in_a_row < STRIKES:
            assert waits == [0] * count
        elif self.hosts.unreachable:
            assert waits.count(0) <= 1
        self.running += [self.up] * waits.count(0)

    @rule(count=st.integers(1, 12))
    def attempts_end(self, count: int) -> None:
        """In the order in which they began."""
        for reached in self.running[:count]:
            self.in_a_row = 0 if reached else self.in_a_row + 1
            self.hosts.ended(DEAD, Contact.REACHED if reached else Contact.UNREACHED, self.now)
        del self.running[:count]

    @invariant()
    def nobody_is_shut_out_for_ever(self) -> None:
        """Whatever happened, after the longest rest somebody may try; and others were never concerned."""
        assert self.hosts.wait(ALIVE, self.now) == 0
        later = self.now + LONGEST_REST + PROBE_SECONDS
        record = self.hosts._records.get(DEAD)
        assert record is None or max(record.rests_until, record.probed_at + PROBE_SECONDS) <= later


TestReaching = Reaching.TestCase
TestReaching.settings = settings(max_examples=200, stateful_step_count=50)


@pytest.mark.parametrize(
    ("destination", "host"),
    [
        (WebhookDestination(url="https://Hooks.Example.com/a?b=c"), "hooks.example.com:443"),
        (WebhookDestination(url="https://hooks.example.com.:8443/a"), "hooks.example.com:8443"),
        (WebhookDestination(url="http://[2001:db8::1]/a"), "2001:db8::1:80"),
        (ChatDestination(url="https://hooks.slack.com/services/T/B/x"), "hooks.slack.com:443"),
        (NtfyDestination(url="https://ntfy.sh/topic"), "ntfy.sh:443"),
        (TelegramDestination(bot_token="1:a", chat_id="1"), "api.telegram.org:443"),
        (EmailDestination(address="chen@example.com"), None),
        (WebhookDestination(url="https://hooks.example.com:port/"), None),
    ],
)
def test_a_destinations_host(destination: Destination, host: str | None) -> None:
    """Name and port, however they are written; nothing of the path, which may be secret."""
    assert host_of(destination) == host
