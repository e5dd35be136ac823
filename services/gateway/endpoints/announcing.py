"""What the notifier is told of an endpoint."""

from __future__ import annotations

import msgspec

from services.gateway.store.endpoints import EndpointRow
from shared.schemas.endpoints import Endpoint
from shared.schemas.events import EndpointChanged


def changed_event(row: EndpointRow, traceparent: str | None = None) -> EndpointChanged:
    """This version of it, as a whole."""
    endpoint = msgspec.convert(row, Endpoint, from_attributes=True)
    return EndpointChanged(
        tenant_id=row.tenant_id, endpoint_id=row.id, version=row.version, endpoint=endpoint, traceparent=traceparent
    )
