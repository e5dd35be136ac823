"""Entries of the audit log, and how they are linked."""

from __future__ import annotations

import asyncio
from pathlib import Path

from services.gateway.audit import START, Acting, Action, Actor, ActorKind, act, decode, entry_of, link
from shared.schemas.ids import new_id

PAGE = Path(__file__).parents[3] / "docs" / "audit.md"


async def test_nobody_acts_in_background_work() -> None:
    """What a request says of who acts ends with its task."""
    tenant_id = new_id()

    async def request() -> str | None:
        act(Acting(actor=Actor(kind=ActorKind.KEY, id=new_id(), name="importer"), address="203.0.113.7", request_id="req_1"))
        return entry_of(Action.JOB_DELETED, tenant_id, new_id(), before={"state": "queued"})

    text = await asyncio.create_task(request())
    assert text is not None
    entry = decode(text)
    assert (entry.actor.name, entry.address, entry.request_id) == ("importer", "203.0.113.7", "req_1")
    assert entry_of(Action.JOB_DELETED, tenant_id, new_id()) is None


async def test_an_entry_is_the_same_text_whenever_it_is_written() -> None:
    """What is hashed does not depend on the order in which facts are given, and survives being read."""
    act(Acting(actor=Actor(kind=ActorKind.OPERATOR, name="root")))
    text = entry_of(Action.JOB_CREATED, new_id(), new_id(), after={"b": "週會", "a": ("x", "y"), "c": None})
    assert text is not None
    assert decode(text).encode() == text
    assert text.index('"a"') < text.index('"b"') < text.index('"c"')


def test_a_link_depends_on_everything_before_it() -> None:
    """Another predecessor, number, tenant or word is another hash."""
    tenant_id = new_id()
    right = link(START, 1, tenant_id, "{}")
    assert len(right) == 32
    others = [link(right, 1, tenant_id, "{}"), link(START, 2, tenant_id, "{}"), link(START, 1, new_id(), "{}")]
    assert len({right, *others, link(START, 1, tenant_id, "{ }")}) == 5


def test_the_page_names_every_action() -> None:
    """Who filters the log finds in docs/audit.md what there is to filter by."""
    page = PAGE.read_text()
    assert [action for action in Action if f"`{action}`" not in page] == []
