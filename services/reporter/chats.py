"""What a language model is asked, on which terms, and what came of it: the words between those who write prompts and those
who carry them."""

from __future__ import annotations

import enum
from typing import Literal

import msgspec

from shared.schemas.jobs import LlmAllowance


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """Which model writes, and what it may be asked for one report."""

    model: str
    host: str
    """Host name of the server: the same name elsewhere may be another model."""
    context_tokens: int
    """Prompt and answer together."""
    max_output_tokens: int
    """Of one answer; always sent, because some servers take a thousand otherwise."""
    temperature: float | None
    prompt_price: str | None
    """USD for a million tokens, a decimal number; null where it is not known."""
    completion_price: str | None
    allowance: LlmAllowance


class Message(msgspec.Struct, frozen=True):
    """One message of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """One request."""

    key: str
    """Digest of everything that decides about the answer: the same key, the same question."""
    messages: tuple[Message, ...]
    schema: str
    """JSON schema of the answer, whose form the messages show too, for servers that take none."""
    tokens: int
    """What we take the messages for."""


class Fate(enum.StrEnum):
    """What became of a request."""

    ANSWERED = "answered"
    REFUSED = "refused"
    """The model does not want to, or may not."""
    LOST = "lost"
    """It was sent and no answer came; nobody knows whether it is charged, so it is not sent again."""
    UNREACHABLE = "unreachable"
    """The server could not be reached, or asked for patience all the time."""
    REJECTED = "rejected"
    """The server refuses the key, the model or the request."""
    TOO_LATE = "too_late"
    """The time for the report was over before it could be sent."""
    TRUNCATED = "truncated"
    """The server has read only a part of the prompt."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What a request brought."""

    fate: Fate
    text: str = ""
    cut_off: bool = False
    """It ended at the greatest length of an answer."""
    prompt_tokens: int | None = None
    """As the server counts; null where it does not say."""
    completion_tokens: int | None = None
    kept: bool = False
    """An earlier attempt at a report of the job was charged for it."""
