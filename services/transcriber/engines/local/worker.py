"""This side of the recogniser's process: started when it is needed, ended when it idles, replaced when it dies."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import structlog

from services.transcriber import children
from services.transcriber.engines import EngineCrashed
from services.transcriber.engines.local.messages import Hear, Message, Position, Request, Separate, Turns, Window

PATIENCE_SECONDS = 900.0
"""Longest silence of the process while it works: a half minute of speech on a large model and a slow machine."""

_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "MALLOC_ARENA_MAX": "1"}

log = structlog.get_logger(__name__)


class Worker:
    """One process with one loaded model, for one recording at a time."""

    def __init__(self, *, model: str, beam_size: int, idle_seconds: float) -> None:
        self._arguments = (model, str(beam_size))
        self._idle_seconds = idle_seconds
        self._process: asyncio.subprocess.Process | None = None
        self._unloading: asyncio.TimerHandle | None = None

    @property
    def pid(self) -> int | None:
        """The process's id; null while there is none."""
        return None if self._process is None else self._process.pid

    async def hear(self, request: Hear, report: Callable[[int], Awaitable[None]]) -> Window:
        """One window. `EngineCrashed` when the process dies or falls silent; when cancelled, its work is stopped."""
        window = await self._work(request, report)
        assert isinstance(window, Window)
        return window

    async def separate(self, request: Separate) -> Turns:
        """Who speaks when in the whole recording. Fails as `hear` does."""
        turns = await self._work(request, _unheeded)
        assert isinstance(turns, Turns)
        return turns

    async def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if self._unloading is not None:
            self._unloading.cancel()
        if process is not None:
            await children.end(process)

    async def _work(self, request: Request, report: Callable[[int], Awaitable[None]]) -> Window | Turns:
        if self._unloading is not None:
            self._unloading.cancel()
        try:
            answer = await self._ask(await self._running(), request, report)
        except BaseException:
            await self.close()
            raise
        self._unloading = asyncio.get_running_loop().call_later(self._idle_seconds, self._unload)
        return answer

    async def _running(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await children.start(
                "services.transcriber.engines.local.child", *self._arguments, environment=_ENVIRONMENT
            )
            log.info("local.started", pid=self._process.pid)
        return self._process

    async def _ask(
        self, process: asyncio.subprocess.Process, request: Request, report: Callable[[int], Awaitable[None]]
    ) -> Window | Turns:
        assert process.stdin is not None
        process.stdin.write(msgspec.json.encode(request) + b"\n")
        while True:
            match await _next_message(process):
                case Position(ms=ms):
                    await report(ms)
                case Window() | Turns() as answer:
                    return answer

    def _unload(self) -> None:
        if self._process is not None and self._process.returncode is None:
            log.info("local.unloaded", pid=self._process.pid)
            self._process.kill()


async def _unheeded(ms: int) -> None:
    del ms


async def _next_message(process: asyncio.subprocess.Process) -> Message:
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            line = await process.stdout.readline()
            if not line.endswith(b"\n"):
                raise EngineCrashed(f"The local engine's process ended with status {await process.wait()}.")
    except TimeoutError:
        raise EngineCrashed(f"The local engine's process said nothing for {PATIENCE_SECONDS:g} s.") from None
    message: Message = msgspec.json.decode(line, type=Message)
    return message
