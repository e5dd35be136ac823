"""Processes of our own for work that may crash, hang or eat memory; none outlives us, whatever ends us."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "SYSTEMROOT")
_PARENT = "AUDIO2TXT_PARENT"
_PR_SET_PDEATHSIG = 1
LONGEST_LINE = 64 * 1024 * 1024
"""Most bytes of one message from a child."""


async def start(module: str, *arguments: str, environment: Mapping[str, str] | None = None) -> asyncio.subprocess.Process:
    """Run `python -P -m module`, with pipes on its standard input and output, and without our secrets in its environment."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # nothing is imported from the current folder by chance
        "-m",
        module,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**_inherited(), **(environment or {}), _PARENT: str(os.getpid())},
        limit=LONGEST_LINE,
    )


@asynccontextmanager
async def running(module: str, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A child for the length of a block; whatever is left of it then is killed."""
    process = await start(module, *arguments)
    try:
        yield process
    finally:
        await end(process)


async def end(process: asyncio.subprocess.Process) -> None:
    """Kill a child, and wait until it is gone."""
    with suppress(ProcessLookupError):
        process.kill()
    await asyncio.shield(process.wait())


def die_with_parent() -> None:
    """Called first thing in a child: be killed when the parent is, even by `kill -9`.

    Linux alone offers this; elsewhere a child ends when it next reads its standard input.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if str(os.getppid()) != os.environ[_PARENT]:
        os._exit(1)  # it had died before we asked


def claim_stdout() -> int:
    """Called in a child: a descriptor for messages. What libraries print goes to standard error from here on."""
    messages = os.dup(1)
    os.dup2(2, 1)
    return messages


def _inherited() -> dict[str, str]:
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
