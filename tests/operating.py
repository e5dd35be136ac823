"""Somebody at a terminal of a distributed installation."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path

SECRET = "a master secret for tests, 32 bytes and more"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a command came to."""

    status: int
    out: str
    err: str


@dataclass(frozen=True, kw_only=True)
class Operator:
    """Runs `audio2txt COMMAND …` against a database."""

    command: str
    database_url: str
    folder: Path

    async def run(self, *arguments: str, typed: str = "") -> Outcome:
        """Run it, in a process of its own."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AUDIO2TXT_")}
        settings = {
            "PYTHONPATH": str(Path(__file__).parents[1]),
            "AUDIO2TXT_DATABASE_URL": self.database_url,
            "AUDIO2TXT_BUS_URL": "amqp://nobody@127.0.0.1:1/",
            "AUDIO2TXT_SECRET_KEY": SECRET,
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services", self.command, *arguments),
            cwd=self.folder,
            env=inherited | settings,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate(typed.encode())
        return Outcome(status=process.returncode or 0, out=out.decode(), err=err.decode())

    async def must(self, *arguments: str, typed: str = "") -> str:
        """Run it and insist."""
        outcome = await self.run(*arguments, typed=typed)
        assert outcome.status == 0, outcome.err
        return outcome.out
