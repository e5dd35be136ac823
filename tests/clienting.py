"""Both faces of the Python client, to be tried with one and the same test."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, closing
from itertools import islice
from typing import Any, TypeAlias

import httpx

from audio2txt_client import AsyncClient, Client

FACES = ("sync", "async")

Handler: TypeAlias = Callable[[httpx.Request], httpx.Response]


class Face:
    """A client of either kind. What is asked of it is awaited, or done in a thread; lists come whole."""

    def __init__(self, client: Client | AsyncClient) -> None:
        self.client = client

    async def __call__(self, ask: Callable[[Any], Any]) -> Any:
        """The result of `ask(client)`."""
        if isinstance(self.client, AsyncClient):
            return await _awaited(ask(self.client))
        return await asyncio.to_thread(lambda: _listed(ask(self.client)))


def first(count: int, stream: Any) -> Any:
    """So many of a stream that does not end; it is closed then."""
    if hasattr(stream, "__aiter__"):
        return _first(count, stream)
    with closing(stream):
        return list(islice(stream, count))


@asynccontextmanager
async def facing(kind: str, **options: Any) -> AsyncIterator[Face]:
    """A client, closed afterwards. A function as `handler` takes the place of the network."""
    handler: Handler | None = options.pop("handler", None)
    if handler is not None:
        options |= {"transport": httpx.MockTransport(handler), "url": "http://gateway.test", "api_key": "a2t_live_test"}
    if kind == "async":
        async with AsyncClient(**options) as client:
            yield Face(client)
    else:
        blocking = Client(**options)
        try:
            yield Face(blocking)
        finally:
            await asyncio.to_thread(blocking.close)


async def _first(count: int, stream: Any) -> list[Any]:
    found: list[Any] = []
    async with aclosing(stream):
        async for item in stream:
            found.append(item)
            if len(found) == count:
                break
    return found


async def _awaited(result: Any) -> Any:
    if inspect.isawaitable(result):
        return await result
    return [item async for item in result] if hasattr(result, "__aiter__") else result


def _listed(result: Any) -> Any:
    return list(result) if isinstance(result, Iterator) else result
