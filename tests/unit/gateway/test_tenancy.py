"""For whom a task works, and what that has to do with the tasks around it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from uuid import UUID

import pytest

from services.gateway import tenancy
from services.gateway.store.walled import NobodyAsks, WalledPool
from services.gateway.tenancy import Whole, whose
from shared.schemas.ids import new_id


async def test_nobody_may_ask_until_it_is_said_for_whom() -> None:
    """A statement of a task that works for nobody is an error, and not everybody's rows."""
    with pytest.raises(NobodyAsks):
        await WalledPool(system=None, tenants=None).fetch("select 1")


async def test_a_task_works_for_the_tenant_of_the_request_that_started_it() -> None:
    """Also when the request works for somebody else by then; what a task says of itself is nobody else's."""
    tenant_id, other = new_id(), new_id()
    go_on = asyncio.Event()

    async def in_the_background() -> Whole | UUID:
        await go_on.wait()
        before = whose()
        tenancy.enter(other)
        return before

    tenancy.enter(tenant_id)
    task = asyncio.create_task(in_the_background())
    tenancy.leave()
    go_on.set()
    assert (await task, whose()) == (tenant_id, Whole.NOBODY)


async def test_news_are_handled_for_their_tenant_and_loops_for_the_system() -> None:
    """And whoever calls goes on as before, whatever went wrong inside."""
    seen: list[Whole | UUID] = []

    async def handle(news: SimpleNamespace) -> None:
        seen.append(whose())
        raise ValueError(news)

    async def loop() -> None:
        seen.append(whose())

    news = SimpleNamespace(tenant_id=new_id())
    with pytest.raises(ValueError, match="tenant_id"):
        await tenancy.for_its_tenant(handle)(news)
    await tenancy.by_system(loop)()
    assert (seen, whose()) == ([news.tenant_id, Whole.SYSTEM], Whole.NOBODY)
