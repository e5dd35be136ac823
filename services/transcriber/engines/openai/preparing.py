"""This side of the processes that cut a recording into pieces and encode them: neither numpy nor FFmpeg is loaded here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from services.transcriber import children
from services.transcriber.engines import EngineCrashed
from services.transcriber.engines.openai.messages import Encode, Piece

CUT_SECONDS = 3600.0
ENCODE_SECONDS = 300.0


async def cut(pcm: Path, longest_ms: int) -> tuple[Piece, ...]:
    """The pieces in which somebody speaks. `EngineCrashed` when the process dies or takes too long."""
    arguments = (str(pcm), str(longest_ms))
    async with children.running("services.transcriber.engines.openai.cutting", *arguments) as process:
        return msgspec.json.decode(await _line(process, CUT_SECONDS), type=tuple[Piece, ...])


class Encoder:
    """A process that encodes pieces of one recording, one after the other."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def encoded(self, piece: Piece) -> AsyncIterator[Path]:
        """A file with the piece for the length of a block. `EngineCrashed` when the process dies or falls silent."""
        path = self._folder / f"{piece.start_ms}.flac"
        request = Encode(start_ms=piece.start_ms, end_ms=piece.end_ms, path=str(path))
        assert self._process.stdin is not None
        async with self._turn:
            self._process.stdin.write(msgspec.json.encode(request) + b"\n")
            await _line(self._process, ENCODE_SECONDS)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)


@asynccontextmanager
async def encoder(pcm: Path) -> AsyncIterator[Encoder]:
    """An encoder for the length of a block; its files lie beside the samples."""
    async with children.running("services.transcriber.engines.openai.encoding", str(pcm)) as process:
        yield Encoder(process, pcm.parent)


async def _line(process: asyncio.subprocess.Process, seconds: float) -> bytes:
    assert process.stdout is not None
    try:
        async with asyncio.timeout(seconds):
            line = await process.stdout.readline()
            if not line.endswith(b"\n"):
                raise EngineCrashed(f"The process that prepares recordings ended with status {await process.wait()}.")
    except TimeoutError:
        raise EngineCrashed(f"The process that prepares recordings said nothing for {seconds:g} s.") from None
    return line
