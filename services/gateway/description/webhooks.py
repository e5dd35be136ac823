"""The messages that receivers of webhooks get, as the API's description tells them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from shared.schemas.endpoints import EventType
from shared.schemas.webhooks import WebhookBatchBody, WebhookBody, WebhookUsageBody

Schema = dict[str, Any]

BODY = WebhookBody
OTHER_BODIES: Mapping[EventType, type] = {
    EventType.BATCH_COMPLETED: WebhookBatchBody,
    EventType.USAGE_THRESHOLD: WebhookUsageBody,
}
"""Of messages that are not about one job."""
BODIES = frozenset({BODY, *OTHER_BODIES.values()})
WHEN: Mapping[EventType, str] = {
    EventType.JOB_COMPLETED: "The job's files are there.",
    EventType.JOB_FAILED: "The job ended without a result; `failure` says why.",
    EventType.JOB_CANCELLED: "The job was cancelled.",
    EventType.JOB_PROGRESSED: "How far the job is. Sent only to endpoints that name it.",
    EventType.BATCH_COMPLETED: "The last job of a batch has ended, however; once for each batch, whatever is retried later.",
    EventType.USAGE_THRESHOLD: "So many percent of what may be used in a month are used; once for each threshold and month.",
    EventType.ENDPOINT_TEST: "Somebody asked for it; looks like a completed job.",
}
"""What webhooks are sent about, and when. The other types are told to people only."""

_HEADERS: Mapping[str, str] = {
    "webhook-id": "The same at every attempt: by it a repeat is recognised.",
    "webhook-timestamp": "Unix seconds of this attempt.",
    "webhook-signature": "Signatures over id, timestamp and body, separated by spaces, after Standard Webhooks.",
}
_ANSWERS: Mapping[str, str] = {
    "2XX": "Taken. Answer at once, and work on it later.",
    "410": "Send nothing more to this endpoint.",
    "429": "Wait as long as Retry-After says.",
}


def webhooks(schema_of: Callable[[Any], Schema]) -> dict[str, Schema]:
    """By type; `schema_of` knows the schema of each body."""
    return {
        type_.value: {"post": _operation(type_, when, schema_of(OTHER_BODIES.get(type_, BODY)))} for type_, when in WHEN.items()
    }


def _operation(type_: EventType, when: str, schema: Schema) -> Schema:
    return {
        "operationId": type_.value.replace(".", "_"),
        "summary": when,
        "description": f"{when} Everything that is neither 2xx nor 410 is tried again for three days.",
        "tags": ["Endpoints"],
        "security": [],
        "parameters": [
            {"name": name, "in": "header", "required": True, "description": text, "schema": {"type": "string"}}
            for name, text in _HEADERS.items()
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"allOf": [schema, {"properties": {"type": {"const": type_.value}}}]}}},
        },
        "responses": {status: {"description": text} for status, text in _ANSWERS.items()},
    }
