"""An engine that hears nothing and always says the same: for tests of everything else, and for load.

It has the shape of a rented one. Its provider is the clock: what it was given when stands in the provider id.
"""

from __future__ import annotations

import time
from datetime import datetime

from typing_extensions import override

from services.transcriber.engines import (
    Account,
    Capabilities,
    EngineCrashed,
    Finished,
    Heard,
    Pending,
    Prepared,
    RentedEngine,
    Task,
)
from services.transcriber.engines.script import raw_script, read_script
from services.transcriber.engines.surroundings import Surroundings
from services.transcriber.settings import TranscriberSettings
from shared.schemas.engines import Feature

AT_ONCE = 64
_LONGEST_WAIT = 5.0


def open_engine(surroundings: Surroundings) -> ScriptedEngine | None:
    """The engine, where the settings ask for it."""
    return ScriptedEngine(surroundings.settings) if surroundings.settings.scripted_engine else None


class ScriptedEngine(RentedEngine):
    """Takes as long, breaks down as often and talks as much as the settings say."""

    name = "scripted"
    capabilities = Capabilities(features=frozenset({Feature.SPEAKERS, Feature.LANGUAGE_DETECTION}))
    at_once = AT_ONCE
    first_poll = 0.0
    key = "none is needed"

    def __init__(self, settings: TranscriberSettings) -> None:
        self._duration_ms = round(settings.scripted_seconds * 1000)
        self._delay = settings.scripted_delay
        self._failures = settings.scripted_failures
        self._hang = settings.scripted_hang

    @override
    async def prepare(self, task: Task) -> Prepared:
        return {}

    @override
    async def submit(self, task: Task, prepared: Prepared) -> str:
        return f"{task.job_id}/{task.run}@{time.time():.3f}"

    @override
    async def find(self, task: Task, prepared: Prepared, submitted_at: datetime) -> str | None:
        return None

    @override
    async def poll(self, task: Task, provider_id: str) -> Pending | Finished:
        if task.crashes < self._failures:
            raise EngineCrashed("The scripted engine breaks down, as its settings say.")
        waited = max(0.0, time.time() - float(provider_id.rpartition("@")[2]))
        if self._hang:
            return Pending(seconds=_LONGEST_WAIT, duration_ms=self._duration_ms)
        if waited < self._delay:
            remaining = self._delay - waited
            return Pending(seconds=min(remaining, _LONGEST_WAIT), progress=waited / self._delay, duration_ms=self._duration_ms)
        return Finished(raw=raw_script(self._duration_ms, task.language))

    @override
    async def dismiss(self, account: Account, provider_id: str | None, prepared: Prepared, *, search: bool) -> None:
        return

    @override
    def parse(self, raw: bytes) -> Heard:
        return read_script(raw)
