"""The transcript itself, `audio2txt.transcript/1`, one segment a line so that people and version control can read it."""

from __future__ import annotations

import msgspec

from services.reporter.blocks import Document
from shared.schemas.transcripts import Transcript

_ENCODER = msgspec.json.Encoder()


def render(document: Document) -> bytes:
    """The transcript, unchanged in content."""
    names = msgspec.structs.fields(Transcript)
    members = [_member(field.encode_name, getattr(document.transcript, field.name)) for field in names]
    return b"{\n" + b",\n".join(members) + b"\n}\n"


def _member(name: str, value: object) -> bytes:
    key = _ENCODER.encode(name) + b": "
    if isinstance(value, tuple) and value:
        return key + b"[\n" + b",\n".join(map(_ENCODER.encode, value)) + b"\n]"
    return key + _ENCODER.encode(value)
