"""What every call passes: the key, the faults on its way in and out, and the count."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TypeAlias
from uuid import uuid4

import msgspec
from aiohttp import web

from services.sandbox.assemblyai.faults import Fault, Faults, Route, parse_span
from services.sandbox.assemblyai.order import Refusal
from services.sandbox.assemblyai.state import State

DROPPED = "dropped"
_PIECES = 10
_UNKNOWN_KEY = "Authentication error, API token missing/invalid"
_TOO_MANY = "Too Many Requests"
_BROKEN = "Internal Server Error"

Call: TypeAlias = Callable[[web.Request, str], Awaitable[web.Response]]
"""Answers a request of the key that is given with it."""
Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Dropped(Exception):
    """The connection is cut instead of answering."""


def reply(data: object, status: int = 200, **headers: str) -> web.Response:
    """An answer in JSON; bytes are JSON already. In the names of headers `_` stands for `-`."""
    body = data if isinstance(data, bytes) else msgspec.json.encode(data)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.Response(body=body, status=status, content_type="application/json", headers=named)


class Door:
    """Wraps the calls of the vendor's interface."""

    def __init__(
        self, *, state: State, faults: Faults, keys: frozenset[str], outage: Callable[[float], Awaitable[None]]
    ) -> None:
        self._state = state
        self._faults = faults
        self._keys = keys
        self._outage = outage
        self._bursts: dict[Fault, Burst] = {}
        self._spared: set[str] = set()
        self.counts: Counter[tuple[Route, str]] = Counter()

    def opens(self, route: Route, call: Call, *, public: bool = False) -> Handler:
        """The call as aiohttp wants it. A public one needs no key."""

        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                response = await self._answer(route, call, request, public=public)
            except Dropped:
                self.counts[route, DROPPED] += 1
                return _drop(request)
            self.counts[route, str(response.status)] += 1
            return response

        return handle

    def reset(self) -> None:
        """Forget the counts, and faults that go on."""
        self.counts.clear()
        self._bursts.clear()
        self._spared.clear()

    async def _answer(self, route: Route, call: Call, request: web.Request, *, public: bool) -> web.StreamResponse:
        try:
            await self._before(route)
            key = "" if public else self._key(request)
            response = await call(request, key)
        except Refusal as refusal:
            if refusal.status == 503:
                return web.Response(status=503)
            headers = {"Retry_After": refusal.retry_after} if refusal.retry_after is not None else {}
            return reply(_worded(route, refusal), refusal.status, **headers)
        if response.status != 200:
            return response
        return await self._after(route, request, response)

    def _key(self, request: web.Request) -> str:
        key = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        if not key or (self._keys and key not in self._keys) or self._state.key(key).refused:
            raise Refusal(401, _UNKNOWN_KEY)
        return key

    async def _before(self, route: Route) -> None:
        if self._strikes(Fault.DROP, route):
            raise Dropped
        if (argument := self._faults.strike(Fault.OUTAGE, route)) is not None:
            await self._outage(parse_span(argument).seconds)
            raise Dropped
        for fault, status in ((Fault.SERVER_ERROR, 500), (Fault.UNAVAILABLE, 503)):
            if self._lasts(fault, route):
                raise Refusal(status, _BROKEN)
        if (seconds := self._faults.strike(Fault.THROTTLED, route)) is not None:
            raise Refusal(429, _TOO_MANY, retry_after=seconds)
        if self._strikes(Fault.THROTTLED_SILENTLY, route):
            raise Refusal(429, _TOO_MANY)

    def _strikes(self, fault: Fault, route: Route) -> bool:
        return self._faults.strike(fault, route) is not None

    def _lasts(self, fault: Fault, route: Route) -> bool:
        """Whether a burst of it goes on, or begins."""
        if (burst := self._bursts.get(fault)) is not None and burst.takes():
            return True
        self._bursts.pop(fault, None)
        if (argument := self._faults.strike(fault, route)) is None:
            return False
        span = parse_span(argument)
        self._bursts[fault] = Burst(requests=span.requests - 1, until=time.monotonic() + span.seconds)
        return True

    async def _after(self, route: Route, request: web.Request, response: web.Response) -> web.StreamResponse:
        if self._strikes(Fault.ACCEPTED_THEN_DROPPED, route):
            raise Dropped
        if self._strikes(Fault.ACCEPTED_THEN_500, route):
            return reply({"error": _BROKEN}, 500)
        if (seconds := self._faults.strike(Fault.ACCEPTED_THEN_SILENCE, route)) is not None:
            await asyncio.sleep(float(seconds))
            raise Dropped
        body = response.body
        assert isinstance(body, bytes)
        spoilt = self._spoils(route, request.path)
        if spoilt is Fault.TRUNCATED_JSON:
            response.body = body[: len(body) // 2]
        elif spoilt is Fault.CUT_BODY:
            await _send(request, response, body, cut=True)
            raise Dropped
        elif (seconds := self._faults.strike(Fault.SLOW_BODY, route)) is not None:
            return await _send(request, response, body, seconds=float(seconds))
        return response

    def _spoils(self, route: Route, path: str) -> Fault | None:
        """How an answer is spoilt; never twice in a row at one place, so that a client that asks again gets on."""
        if path in self._spared:
            self._spared.discard(path)
            return None
        for fault in (Fault.TRUNCATED_JSON, Fault.CUT_BODY):
            if self._strikes(fault, route):
                self._spared.add(path)
                return fault
        return None


class Burst:
    """A failure that goes on for so many requests, or until a time."""

    def __init__(self, *, requests: int, until: float) -> None:
        self._requests = requests
        self._until = until

    def takes(self) -> bool:
        """Whether it befalls one more."""
        self._requests -= 1
        return self._requests >= 0 or time.monotonic() < self._until


def _worded(route: Route, refusal: Refusal) -> dict[str, object]:
    """The LLM gateway words its errors otherwise than the rest."""
    if route not in (Route.CHAT, Route.MODELS):
        return {"error": str(refusal)}
    if refusal.status == 401:
        return {"error": str(refusal), "status": "error", "request_id": str(uuid4())}
    return {"message": str(refusal), "code": refusal.status, "request_id": str(uuid4()), "metadata": {"errors": []}}


def _drop(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _send(
    request: web.Request, response: web.Response, body: bytes, *, seconds: float = 0.0, cut: bool = False
) -> web.StreamResponse:
    """Send a body piece by piece, or only half of it."""
    stream = web.StreamResponse(headers={"Content-Type": response.headers["Content-Type"]})
    stream.content_length = len(body)
    await stream.prepare(request)
    if cut:
        await stream.write(body[: len(body) // 2])
        return stream
    step = max(1, -(-len(body) // _PIECES))
    for start in range(0, len(body), step):
        await stream.write(body[start : start + step])
        await asyncio.sleep(seconds / _PIECES)
    await stream.write_eof()
    return stream
