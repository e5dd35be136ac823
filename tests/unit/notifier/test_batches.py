"""Carrying out together what is handed in at about the same time."""

from __future__ import annotations

import asyncio

import pytest

from services.notifier.batches import Batches, Entry


class Works:
    """Doubles numbers, batch by batch; refuses 13, and is away when it is told to be."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.away = False

    async def carry_out(self, batch: list[Entry[int, int]]) -> None:
        """One batch."""
        self.batches.append([entry.item for entry in batch])
        await self.open.wait()
        if self.away:
            raise ConnectionRefusedError
        if any(entry.item == 13 for entry in batch):
            raise ValueError("13")
        for entry in batch:
            entry.resolve(2 * entry.item)

    def entered(self, most: int = 10) -> Batches[int, int]:
        """To be entered."""
        return Batches(self.carry_out, most=most, name="test")


async def test_what_comes_while_a_batch_is_under_way_is_the_next() -> None:
    """Nobody waits for others on purpose, and nothing is carried out twice."""
    works = Works()
    works.open.clear()
    async with works.entered(most=3) as batches:
        first = asyncio.create_task(batches.carry_out(1))
        while not works.batches:
            await asyncio.sleep(0)
        others = [asyncio.create_task(batches.carry_out(number)) for number in range(2, 7)]
        await asyncio.sleep(0)
        works.open.set()
        assert await asyncio.gather(first, *others) == [2, 4, 6, 8, 10, 12]
    assert works.batches == [[1], [2, 3, 4], [5, 6]]


async def test_what_cannot_be_carried_out_keeps_nothing_else_from_it() -> None:
    """Each of a batch that failed is tried alone; only the one that is refused hears of it."""
    works = Works()
    async with works.entered() as batches:
        answers = await asyncio.gather(*map(batches.carry_out, (1, 13, 2)), return_exceptions=True)
    assert (answers[0], answers[2]) == (2, 4)
    assert isinstance(answers[1], ValueError)


async def test_an_outage_is_tried_once_for_all() -> None:
    """Whoever handed in decides what to do about it."""
    works = Works()
    works.away = True
    async with works.entered() as batches:
        answers = await asyncio.gather(*map(batches.carry_out, (1, 2)), return_exceptions=True)
        assert [type(answer) for answer in answers] == [ConnectionRefusedError] * 2
        works.away = False
        assert await batches.carry_out(3) == 6
    assert works.batches == [[1, 2], [3]]


async def test_leaving_waits_for_what_was_handed_in() -> None:
    """Also where whoever handed it in has gone."""
    works = Works()
    works.open.clear()
    async with works.entered() as batches:
        gone = asyncio.create_task(batches.carry_out(1))
        while not works.batches:
            await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        asyncio.get_running_loop().call_soon(works.open.set)
        last = asyncio.create_task(batches.carry_out(2))
        await asyncio.sleep(0)
    assert await last == 4
