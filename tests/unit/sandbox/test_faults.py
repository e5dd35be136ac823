"""Faults happen by chance, repeatably, or once where they are wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.sandbox.assemblyai.faults import TRAITS, Chance, Fault, Faults, Once, Route, Span, parse_chance, parse_span
from shared.errors import ConfigurationError


def test_a_fault_is_written_on_the_command_line() -> None:
    """Name, call, probability and argument are understood."""
    assert parse_chance("throttled@submit=0.1:2") == Chance(
        name=Fault.THROTTLED, probability=0.1, argument="2", route=Route.SUBMIT
    )
    assert parse_chance("drop=1") == Chance(name=Fault.DROP)


@pytest.mark.parametrize("text", ["", "nonsense=1", "drop=often", "drop@nowhere=1", "slow_body=1:long", "server_error=1:x"])
def test_what_is_no_fault_is_refused_with_the_choices(text: str) -> None:
    """A typing error is one sentence."""
    with pytest.raises(ConfigurationError):
        parse_chance(text)


def test_the_same_seed_gives_the_same_faults() -> None:
    """A failing test can be repeated."""

    def draws(seed: int) -> list[bool]:
        faults = Faults([Chance(name=Fault.DROP, probability=0.5)], seed=seed)
        return [faults.strike(Fault.DROP, Route.GET) is not None for _ in range(64)]

    assert draws(7) == draws(7)
    assert draws(7) != draws(8)
    assert 10 < sum(draws(7)) < 54


def test_a_fault_keeps_to_its_calls() -> None:
    """Accepted-then-dropped is about submitting unless told otherwise."""
    faults = Faults([Chance(name=Fault.ACCEPTED_THEN_DROPPED)])
    assert faults.strike(Fault.ACCEPTED_THEN_DROPPED, Route.GET) is None
    assert faults.strike(Fault.ACCEPTED_THEN_DROPPED, Route.SUBMIT) is not None


def test_a_fault_that_is_armed_happens_as_often_as_it_was() -> None:
    """One-shot faults are exact, and counted."""
    faults = Faults()
    faults.arm(Once(name=Fault.THROTTLED, argument="3", route=Route.LIST, times=2))
    assert faults.strike(Fault.THROTTLED, Route.GET) is None
    assert [faults.strike(Fault.THROTTLED, Route.LIST) for _ in range(3)] == ["3", "3", None]
    assert faults.happened[Fault.THROTTLED] == 2


def test_every_fault_is_explained() -> None:
    """The list that the control shows is whole."""
    assert set(TRAITS) == set(Fault)


def test_spans_are_requests_or_seconds() -> None:
    """`5` and `5s` differ."""
    assert parse_span("5") == Span(requests=5)
    assert parse_span("0.5s") == Span(seconds=0.5)


@pytest.mark.parametrize("fault", Fault)
def test_the_manual_tells_of_every_fault(fault: Fault) -> None:
    """As the sandbox itself does."""
    manual = (Path(__file__).parents[3] / "docs" / "sandbox.md").read_text(encoding="utf-8")
    assert f"| `{fault}` |" in manual
    assert TRAITS[fault].meaning in manual
