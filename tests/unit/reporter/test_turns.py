from __future__ import annotations

import asyncio
from contextlib import ExitStack
from uuid import UUID

import pytest

from services.reporter.places import OF_A_TENANT, PLACES, WITH_LLM, Places
from services.reporter.turns import Turns
from shared.errors import NotNow

ONE, OTHER, THIRD = UUID(int=1), UUID(int=2), UUID(int=3)


async def test_tenants_take_turns() -> None:
    """Whoever asked ten times before the other asked once does not go ten times first."""
    turns, order = Turns(1), list[str]()

    async def work(tenant: UUID, name: str) -> None:
        async with turns.take(tenant):
            order.append(name)
            await asyncio.sleep(0)

    names = [(ONE, "a1"), (ONE, "a2"), (ONE, "a3"), (OTHER, "b1"), (OTHER, "b2"), (THIRD, "c1")]
    async with asyncio.TaskGroup() as tasks:
        for tenant, name in names:
            tasks.create_task(work(tenant, name))
    assert order == ["a1", "a2", "b1", "c1", "a3", "b2"]


async def test_as_many_work_at_once_as_there_are_places() -> None:
    """And all of them when nobody waits."""
    turns, running, most = Turns(3), 0, 0

    async def work(number: int) -> None:
        nonlocal running, most
        async with turns.take(UUID(int=number % 4)):
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.001)
            running -= 1

    await asyncio.gather(*map(work, range(20)))
    assert (running, most) == (0, 3)


async def test_a_turn_that_nobody_waits_for_any_more_is_not_lost() -> None:
    """Also when it comes in the very moment in which the wait is given up."""
    turns = Turns(1)
    for late in (False, True):
        async with turns.take(ONE):
            waiting = asyncio.create_task(_take(turns, OTHER))
            await asyncio.sleep(0)
            if not late:
                waiting.cancel()
                await asyncio.gather(waiting, return_exceptions=True)
        if late:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        async with asyncio.timeout(1):
            await _take(turns, THIRD)


async def _take(turns: Turns, tenant: UUID) -> None:
    async with turns.take(tenant):
        pass


def test_a_tenant_has_some_places_and_never_all() -> None:
    """What has none goes behind those that wait; what ends makes room."""
    places = Places()
    with ExitStack() as held:
        for _ in range(OF_A_TENANT):
            held.enter_context(places.take(ONE, llm=False))
        with pytest.raises(NotNow), places.take(ONE, llm=False):
            pass
        with places.take(OTHER, llm=True):
            pass
    with places.take(ONE, llm=False):
        pass
    assert OF_A_TENANT * 2 < PLACES


def test_reports_that_wait_for_a_model_leave_places_for_others() -> None:
    """However many tenants have them."""
    places = Places()
    with ExitStack() as held:
        for number in range(WITH_LLM):
            held.enter_context(places.take(UUID(int=number % (WITH_LLM // OF_A_TENANT + 1)), llm=True))
        with pytest.raises(NotNow), places.take(UUID(int=99), llm=True):
            pass
        with places.take(UUID(int=99), llm=False):
            pass
    assert WITH_LLM < PLACES
