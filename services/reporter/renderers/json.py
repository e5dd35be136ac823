"""The stored document itself: the report `audio2txt.report/1`, or where a scenario has no sections the transcript
`audio2txt.transcript/1`. One statement or segment a line, so that people and version control can read it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from services.reporter.blocks import Document
from shared.schemas.reports import Section

_ENCODER = msgspec.json.Encoder()


def render(document: Document) -> bytes:
    """The report or the transcript, unchanged in content."""
    return _object(document.report if document.solution.sections else document.transcript) + b"\n"


def _object(source: msgspec.Struct) -> bytes:
    """With a line for each member, and for each element of its lists."""
    return b"{\n" + b",\n".join(b'"%s": %s' % (name.encode(), _value(value)) for name, value in _members(source)) + b"\n}"


def _members(source: msgspec.Struct) -> Iterator[tuple[str, object]]:
    """What is encoded of it."""
    omitting = source.__struct_config__.omit_defaults
    for field in msgspec.structs.fields(source):
        value = getattr(source, field.name)
        if not (omitting and value == field.default):
            yield field.encode_name, value


def _value(value: object) -> bytes:
    if not isinstance(value, tuple) or not value:
        return _ENCODER.encode(value)
    return b"[\n" + b",\n".join(_object(one) if isinstance(one, Section) else _ENCODER.encode(one) for one in value) + b"\n]"
