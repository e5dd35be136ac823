"""Ways to reach a receiver. A channel sends one message once and says what came back; when to try again is not its business."""

from __future__ import annotations

from typing import Protocol

import msgspec


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent: the same id and bytes at every attempt."""

    id: str
    url: str
    body: bytes
    secret: str
    """What it is signed with."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back from one attempt: an HTTP status, or the trouble that kept one from coming."""

    status: int | None = None
    trouble: str | None = None
    excerpt: bytes = b""
    """The beginning of the response's body, as it was sent."""
    retry_after: float | None = None
    """Seconds the receiver asks to be left alone."""
    stop: bool = False
    """Further attempts are unwanted or pointless."""


class Channel(Protocol):
    """One way to reach receivers."""

    async def send(self, message: Message) -> Answer:
        """One attempt. Whatever the receiver does is an answer, not an exception."""
