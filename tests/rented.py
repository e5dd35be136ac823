"""What tests of rented engines are made of: tasks, what engines are opened with, and a ledger in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from services.transcriber.engines import Account, Hooks, OutcomeUnknown, Task
from services.transcriber.engines.surroundings import Surroundings
from services.transcriber.scratch import Scratch
from services.transcriber.settings import TranscriberSettings
from shared.blobs import BlobStore, source_key
from shared.errors import JobError
from shared.schemas.engines import base_language
from shared.schemas.ids import new_id
from shared.schemas.jobs import JobOptions

RECORDING = b"RIFF, as far as the provider is concerned " * 20_000
"""Larger than one piece of a stream."""


def task(
    *,
    options: JobOptions | None = None,
    vocabulary: tuple[str, ...] = (),
    key: str = "a key",
    engine: str = "deepgram",
    owner: UUID | None = None,
) -> Task:
    """A task of a new job, on an account of the deployment's or a tenant's."""
    options = options or JobOptions()
    tenant_id, job_id = new_id(), new_id()
    return Task(
        tenant_id=tenant_id,
        job_id=job_id,
        run=1,
        language=None if options.language == "auto" else base_language(options.language),
        source_key=source_key(tenant_id, job_id),
        options=options,
        vocabulary=vocabulary,
        account=Account(engine=engine, id="deployment-1", tenant_id=owner, key=key),
        token=job_id.hex,
    )


async def stored(blobs: BlobStore, *, recording: bytes = RECORDING, **details: Any) -> Task:
    """A task, and its recording in the store."""
    wanted = task(**details)
    await blobs.put(wanted.source_key, recording)
    return wanted


class Pace:
    """A `Reserve` that counts the requests, and that none was sent outside of it."""

    def __init__(self) -> None:
        self.reserved = 0

    @asynccontextmanager
    async def __call__(self, account: Account) -> AsyncIterator[None]:
        self.reserved += 1
        yield


def surroundings(
    blobs: BlobStore, environment: Mapping[str, str], *, hooks: Hooks | None = None, pace: Pace | None = None
) -> Surroundings:
    """What an engine is opened with."""
    return Surroundings(
        environment=environment,
        settings=TranscriberSettings(),
        blobs=blobs,
        scratch=cast("Scratch", Path("unused")),
        reserve=pace or Pace(),
        hooks=hooks,
    )


class MemoryLedger:
    """A ledger of one task that forgets everything with the test."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes | None] = {}

    async def answer(self, name: str, ask: Callable[[], Awaitable[bytes]]) -> bytes:
        """See `Ledger`."""
        if name in self.answers:
            stored = self.answers[name]
            if stored is None:
                raise JobError("outcome_unknown", "It may have been paid for.")
            return stored
        await self.permit()
        self.answers[name] = None
        try:
            self.answers[name] = raw = await ask()
        except OutcomeUnknown:
            raise
        except Exception:
            del self.answers[name]
            raise
        return raw

    async def permit(self) -> None:
        """Nothing is forbidden."""


async def unreported(progress: float, **details: Any) -> None:
    """A `Report` that nobody reads."""
