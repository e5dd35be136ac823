"""Google Speech-to-Text v2, over its REST interface."""

from __future__ import annotations

from pathlib import Path

from services.transcriber.engines.google.credentials import ServiceAccount
from services.transcriber.engines.google.engine import GoogleEngine
from services.transcriber.engines.google.settings import GoogleSettings
from services.transcriber.engines.surroundings import Surroundings
from shared.errors import ConfigurationError
from shared.settings import load


def open_engine(surroundings: Surroundings) -> GoogleEngine | None:
    """The engine, where the settings name a service account: tenants cannot bring their own."""
    settings = load(GoogleSettings, surroundings.environment)
    if settings.google_credentials is None:
        return None
    if settings.google_bucket is None:
        raise ConfigurationError(
            "AUDIO2TXT_GOOGLE_BUCKET must name a Cloud Storage bucket: Google hears recordings from there only."
        )
    return GoogleEngine(
        settings=settings,
        bucket=settings.google_bucket,
        service_account=ServiceAccount.load(Path(settings.google_credentials).expanduser()),
        blobs=surroundings.blobs,
        reserve=surroundings.reserve,
    )
