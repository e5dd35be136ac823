"""A job's `callback_url` as an endpoint of its own: one for each tenant and URL, with the same limits as any other."""

from __future__ import annotations

import datetime as dt
import hashlib
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from services.notifier.store.intake import Callback
from shared.schemas.endpoints import Endpoint, EndpointKind, EventType, WebhookDestination
from shared.sealing import Sealer

SEALING_PURPOSE = "endpoint"


def callback(sealer: Sealer, tenant_id: UUID, url: str) -> Callback:
    """The endpoint behind a URL."""
    endpoint_id = callback_id(tenant_id, url)

    def configure() -> Endpoint:
        return Endpoint(
            id=endpoint_id,
            kind=EndpointKind.WEBHOOK,
            sealed=sealer.seal(msgspec.json.encode(WebhookDestination(url=url)).decode(), place=str(endpoint_id)),
            label=_label(url),
            events=(EventType.JOB_COMPLETED, EventType.JOB_FAILED),
            enabled_at=dt.datetime.now(dt.UTC),
        )

    return Callback(endpoint_id=endpoint_id, tenant_id=tenant_id, configure=configure)


def callback_id(tenant_id: UUID, url: str) -> UUID:
    """The first 16 bytes of the SHA-256 of tenant and URL, as the migration makes it, too."""
    return UUID(bytes=hashlib.sha256(f"{tenant_id} {url}".encode()).digest()[:16])


def _label(url: str) -> str:
    """Scheme and host: the rest may be secret."""
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/***"[:255]
    except ValueError:
        return "***"
