"""AssemblyAI, rented by the second: recordings go there, transcripts come back, and nothing of ours stays."""

from __future__ import annotations

from importlib.util import find_spec

from services.transcriber.engines.assemblyai.engine import AssemblyAIEngine
from services.transcriber.engines.assemblyai.settings import AssemblyAISettings
from services.transcriber.engines.assemblyai.wire import connector
from services.transcriber.engines.surroundings import Surroundings
from shared.settings import load


def open_engine(surroundings: Surroundings) -> AssemblyAIEngine | None:
    """The engine, where AssemblyAI's package is installed; also without a key, for tenants who bring their own."""
    if find_spec("assemblyai") is None:
        return None
    settings = load(AssemblyAISettings, surroundings.environment)
    return AssemblyAIEngine(
        settings=settings,
        blobs=surroundings.blobs,
        reserve=surroundings.reserve,
        hooks=surroundings.hooks,
        connect=connector(settings.service),
    )
