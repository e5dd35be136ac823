"""A running Audio2txt for tests and benchmarks: real processes, started by the real command."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from services.gateway.keys import new_key
from shared.runtime import SERVICES

START_SECONDS = 60
STOP_SECONDS = 40


class StartFailed(Exception):
    """A process ended, or did not get ready; the message holds the end of its log."""


@dataclass
class Process:
    """One `audio2txt run …`."""

    names: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    url: str = ""
    module: str = "services"
    """What stands in for the command."""
    _process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The running process's id."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> Path:
        """Where its log lines go, over all its starts."""
        return self.folder / f"{'-'.join(self.names)}.log"

    async def start(self) -> None:
        """Start it and wait until it answers."""
        ready = self.folder / f"{'-'.join(self.names)}.ready"
        ready.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", self.module, "run", *self.names, "--ready-file", str(ready)],
                env={**_inherited(), **self.environment},
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_SECONDS
        while not (ready.exists() and ready.read_text().strip()):
            if self._process.poll() is not None or time.monotonic() > deadline:
                status = self._process.poll()
                raise StartFailed(f"{self.names} is not ready (exit status {status}):\n{self.log.read_text()[-4000:]}")
            await asyncio.sleep(0.02)
        self.url = ready.read_text().strip()

    async def kill(self) -> None:
        """`kill -9`: no warning, no clean-up."""
        if self._process is not None:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)

    async def stop(self) -> int:
        """SIGTERM, and wait for the orderly end; returns the exit status."""
        assert self._process is not None
        self._process.terminate()
        return await asyncio.to_thread(self._process.wait, STOP_SECONDS)

    def log_lines(self) -> list[dict[str, object]]:
        """What it logged so far."""
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


@dataclass
class Installation:
    """Audio2txt in one process, or in four over real servers, with one tenant's API key."""

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    together: bool = True
    api_key: str = field(default_factory=new_key)
    processes: dict[str, Process] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The gateway's address."""
        return self.process("gateway").url

    def process(self, service: str) -> Process:
        """The process that runs a service."""
        return self.processes["all" if self.together else service]

    async def __aenter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.together:
            await self._migrate()
        for name in ("all",) if self.together else SERVICES:
            self.processes[name] = Process(names=(name,), environment=self.environment(name), folder=self.folder)
        try:
            await asyncio.gather(*(process.start() for process in self.processes.values()))
        except BaseException:
            await self._kill_all()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await asyncio.gather(*(process.stop() for process in self.processes.values()))
        finally:
            await self._kill_all()

    async def operate(self, *command: str, status: int | None = 0) -> str:
        """What `audio2txt admin …` prints."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services", "admin", *command),
            env={**_inherited(), **self.environment("admin")},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        printed, complaints = await process.communicate()
        assert status is None or process.returncode == status, complaints.decode()
        return printed.decode()

    def environment(self, name: str) -> dict[str, str]:
        """The settings of one of its processes."""
        return {
            "AUDIO2TXT_DATA_DIR": str(self.folder / (name if name != "all" else "data")),
            "AUDIO2TXT_PORT": "0",
            "AUDIO2TXT_LOG_FORMAT": "json",
            "AUDIO2TXT_SECRET_KEY": "a secret of the tests, long enough for everyone",
            "AUDIO2TXT_BOOTSTRAP_API_KEY": self.api_key,
            "AUDIO2TXT_SCRIPTED_ENGINE": "true",
            "AUDIO2TXT_EGRESS_ALLOW_CIDRS": "127.0.0.1/32",
            **self.settings,
        }

    async def _migrate(self) -> None:
        command = [sys.executable, "-m", "services", "migrate"]
        environment = {**_inherited(), **self.environment("migrate")}
        done = await asyncio.to_thread(subprocess.run, command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise StartFailed(f"migrate failed:\n{done.stderr}")

    async def _kill_all(self) -> None:
        await asyncio.gather(*(process.kill() for process in self.processes.values()))


def distributed_settings(*, database_url: str, bus_url: str, blobs_url: str, s3: Mapping[str, str]) -> dict[str, str]:
    """The settings that make four processes one installation."""
    return {
        "AUDIO2TXT_DATABASE_URL": database_url,
        "AUDIO2TXT_BUS_URL": bus_url,
        "AUDIO2TXT_BLOBS_URL": blobs_url,
        "AUDIO2TXT_S3_ACCESS_KEY_ID": s3["access_key_id"],
        "AUDIO2TXT_S3_SECRET_ACCESS_KEY": s3["secret_access_key"],
    }


def fresh_bucket() -> str:
    """A bucket name nobody used before."""
    return f"test-{secrets.token_hex(6)}"


def _inherited() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("AUDIO2TXT_")}
