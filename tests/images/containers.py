"""Containers of the trial: services that keep running, and commands that end."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import httpx

from shared.errors import Audio2txtError
from tests.images.engines import Engine
from tests.servers.ports import free_port

START_SECONDS = 90
COMMAND_SECONDS = 120
STOP_SECONDS = 35
"""What the installations grant, too."""


class TrialFailed(Audio2txtError):
    """An image does not do what it should; the message says which and what."""


@dataclass
class ServiceContainer:
    """One service from its image, with the image's own entrypoint and command."""

    engine: Engine
    service: str
    image: str
    settings: Mapping[str, str]
    folder: Path
    port: int = field(default_factory=free_port)
    pid: int = 0
    start_seconds: float = 0.0
    """From its first process until `/readyz` said yes."""
    _name: str = ""
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address; the image listens on all of the machine's."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """Its output."""
        return self.folder / f"{self.service}.log"

    async def start(self) -> None:
        """Start it, and wait until it is ready."""
        self._name = f"audio2txt-trial-{self.service}-{secrets.token_hex(3)}"
        environment = {**self.settings, "AUDIO2TXT_PORT": str(self.port)}
        command = await asyncio.to_thread(self.engine.command, self._name, self.image, (), environment)
        with self.log.open("wb") as log:
            self._process = _spawn(command, stdout=log, stderr=log)
        self.pid = await asyncio.to_thread(self.engine.pid, self._name, self._process)
        began = time.monotonic()
        await self._ready(began + START_SECONDS)
        self.start_seconds = time.monotonic() - began

    async def stop(self) -> None:
        """Ask it to drain; raises when its end is late or not orderly."""
        assert self._process is not None
        await asyncio.to_thread(self.engine.stop, self._name, self.pid)
        try:
            status = await asyncio.to_thread(self._process.wait, STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise TrialFailed(f"{self.service} did not end within {STOP_SECONDS} s.") from None
        if status != 0:
            raise TrialFailed(f"{self.service} ended with status {status} when it was asked to stop.")

    async def remove(self) -> None:
        """Leave nothing of it, whatever state it is in."""
        if self._process is not None:
            await asyncio.to_thread(_kill, self._process)
        await asyncio.to_thread(self.engine.remove, self._name)

    async def _ready(self, deadline: float) -> None:
        assert self._process is not None
        async with httpx.AsyncClient(timeout=5) as http:
            while True:
                try:
                    if (await http.get(f"{self.url}/readyz")).status_code == 200:
                        return
                except httpx.TransportError:
                    pass
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise TrialFailed(f"{self.service} did not get ready.")
                await asyncio.sleep(0.02)


async def run_command(
    engine: Engine, image: str, *arguments: str, settings: Mapping[str, str], program: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """Run a command in a container of its own until it ends, whatever its status."""
    name = f"audio2txt-trial-command-{secrets.token_hex(3)}"
    command = await asyncio.to_thread(engine.command, name, image, arguments, settings, program)
    process = _spawn(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        output, errors = await asyncio.to_thread(process.communicate, timeout=COMMAND_SECONDS)
        return subprocess.CompletedProcess(command, process.returncode, output.decode(), errors.decode())
    except subprocess.TimeoutExpired:
        raise TrialFailed(f"`{image} {' '.join(arguments)}` did not end within {COMMAND_SECONDS} s.") from None
    finally:
        await asyncio.to_thread(_kill, process)
        await asyncio.to_thread(engine.remove, name)


async def must(engine: Engine, image: str, *arguments: str, settings: Mapping[str, str]) -> str:
    """Run a command that succeeds; what it printed."""
    done = await run_command(engine, image, *arguments, settings=settings)
    if done.returncode:
        raise TrialFailed(
            f"`{image} {' '.join(arguments)}` failed with status {done.returncode}: {done.stderr.strip()[-1500:]}"
        )
    return done.stdout


def _spawn(command: Sequence[str], *, stdout: int | IO[bytes], stderr: int | IO[bytes]) -> subprocess.Popen[bytes]:
    """In a group of its own, which can be killed whole, and which Ctrl-C here leaves to us."""
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, start_new_session=True)


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
