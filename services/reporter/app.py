"""Assembles the reporter."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.reporter.consumers import subscriptions
from services.reporter.language_model import LanguageModel
from services.reporter.reporting import Reporter
from services.reporter.settings import LlmSettings, ReporterSettings
from services.reporter.workers import RenderProcess, Workers
from shared.fontfiles import cjk_file, latin_file, noto_file
from shared.loops import Loop
from shared.runtime import Platform, Service
from shared.settings import load
from shared.solutions import load_solutions


@asynccontextmanager
async def assemble(platform: Platform) -> AsyncIterator[Service]:
    """The reporter on a platform. It needs no database. Raises `ConfigurationError` when its fonts are missing."""
    latin_file(), cjk_file(), noto_file("Sans")
    settings = load(ReporterSettings, platform.environment)
    workers = Workers(
        start=RenderProcess.start,
        count=settings.render_workers,
        seconds=settings.render_seconds,
        idle_seconds=settings.render_idle_seconds,
    )
    model = LanguageModel(settings=load(LlmSettings, platform.environment), blobs=platform.blobs)
    reporter = Reporter(
        blobs=platform.blobs,
        bus=platform.bus,
        workers=workers,
        solutions=load_solutions(platform.settings.solutions),
        model=model,
    )
    try:
        yield Service(
            name="reporter",
            subscriptions=subscriptions(reporter),
            loops=[Loop(name="reporter.language_model", run=model.run)],
        )
    finally:
        await model.close()
        await workers.close()
