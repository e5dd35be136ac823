"""What the reporter and its render processes say to each other: one request, one answer, framed by their length."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import msgspec

from services.reporter.chats import Prompt, Reply, Terms
from shared.schemas.jobs import ArtifactFormat, JobOptions
from shared.schemas.solutions import Solution

LENGTH_BYTES = 8
"""Every message is preceded by its length, big-endian."""


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a report is a function of."""

    job_id: UUID
    run: int
    options: JobOptions
    solution: Solution
    transcript_key: str
    transcript: bytes
    report: bytes | None = None
    """The report that is there, to be carried over to an edited transcript; null where one is to be written."""
    llm: Terms | Annotated[str, msgspec.Meta(min_length=1)] = "llm_not_configured"
    """On which terms a language model may be asked, or the code of the reason why it may not."""
    replies: dict[str, Reply] = {}
    """What it was asked before brought, by the prompts' keys."""


class Open(msgspec.Struct, frozen=True, kw_only=True, tag="open"):
    """Read a transcript and answer with its report document; the next renderings are of this one. Or with what must be asked
    first: then nothing is open."""

    assignment: Assignment


class Render(msgspec.Struct, frozen=True, kw_only=True, tag="render"):
    """Answer with one artifact of the open report."""

    format: ArtifactFormat


Request = Open | Render


class Done(msgspec.Struct, frozen=True, kw_only=True, tag="done"):
    """The file. `substituted` counts the characters for which no font had a glyph."""

    data: bytes
    substituted: int = 0


class Asking(msgspec.Struct, frozen=True, kw_only=True, tag="asking"):
    """A language model must be asked before there is a report."""

    prompts: tuple[Prompt, ...]


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag="failed"):
    """The request raised."""

    code: str
    where: str
    """The exception's type and line of code, never its text: that may quote the speakers."""


Answer = Done | Asking | Failed

_ENCODER = msgspec.msgpack.Encoder()


def frame(message: Request | Answer) -> bytes:
    """A message as it goes through the pipe."""
    body = _ENCODER.encode(message)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body
