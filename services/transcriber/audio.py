"""A recording becomes samples: decoded by a child process that cannot do more harm than to fail."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import msgspec
import structlog

from services.transcriber import children
from services.transcriber.decoding import Outage, Outcome, Recording, Refused
from shared.errors import JobError, RetryableError

CPU_SECONDS = 1800
WALL_SECONDS = 3600.0
_DEADLY = {-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGFPE, -signal.SIGILL, -signal.SIGXCPU, -signal.SIGXFSZ}

log = structlog.get_logger(__name__)


class DecoderDied(RetryableError):
    """Somebody else ended the decoder, as happens when memory runs out; the file is not to blame, or not yet."""


async def decode(source: Path, pcm: Path, *, most_ms: int) -> Recording:
    """Decode `source` into `pcm` (16 kHz, mono, 16 bit) in constant memory, up to `most_ms` milliseconds.

    A file cut short gives what there is, marked `truncated`. Raises `JobError` with the codes `empty_file`, `not_audio`,
    `no_audio_track`, `unsupported_audio`, `audio_too_long` or `damaged_audio`; `RetryableError` when the disk is to
    blame, and `DecoderDied`.
    """
    arguments = (str(source), str(pcm), str(most_ms), str(CPU_SECONDS))
    async with children.running("services.transcriber.decoding", *arguments) as process:
        try:
            async with asyncio.timeout(WALL_SECONDS):
                line = await _only_line(process)
        except TimeoutError:
            raise _unbearable() from None
    outcome: Outcome = msgspec.json.decode(line, type=Outcome)
    match outcome:
        case Recording():
            return outcome
        case Refused(code=code, message=message):
            raise JobError(code, message)
        case Outage(message=message):
            raise RetryableError(message)


async def _only_line(process: asyncio.subprocess.Process) -> bytes:
    assert process.stdout is not None
    line = await process.stdout.readline()
    status = await process.wait()
    if status == 0 and line:
        return line
    log.warning("decoder.died", status=status)
    if status in _DEADLY:
        raise _unbearable()
    raise DecoderDied(f"The audio decoder ended with status {status}.")


def _unbearable() -> JobError:
    return JobError(
        "damaged_audio", "The file breaks the audio decoder or keeps it busy without end; upload a copy in another format."
    )
