"""What endpoints may listen to."""

from __future__ import annotations

import msgspec
import pytest

from services.gateway.description.webhooks import WHEN
from services.gateway.endpoints.requests import NewEndpoint
from shared.schemas.endpoints import EventType


@pytest.mark.parametrize("event", sorted(set(WHEN) - {EventType.ENDPOINT_TEST}))
def test_every_webhook_that_is_described_can_be_asked_for(event: EventType) -> None:
    """By its name; a test is sent to whoever asks for one."""
    wish = {"kind": "webhook", "url": "https://example.com/hooks", "events": [event]}
    assert list(msgspec.convert(wish, NewEndpoint).events) == [event]


@pytest.mark.parametrize("event", [EventType.ENDPOINT_TEST, EventType.USER_INVITATION, EventType.USER_PASSWORD_RESET, "usage"])
def test_nothing_else_can_be_asked_for(event: str) -> None:
    """Links that somebody is to sign in by least of all."""
    wish = {"kind": "webhook", "url": "https://example.com/hooks", "events": [event]}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wish, NewEndpoint)
