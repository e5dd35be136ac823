"""Reads multipart forms as they arrive: fields are kept, the file is handed on piece by piece."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import AsyncIterator, Mapping, Sequence

import msgspec
from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)

from services.gateway.problems import Problem, invalid

FILE = "file"
LARGEST_FIELD = 64 * 1024
MOST_PARTS = 100


class Form:
    """One form. Read `file()` to its end, then `fields` and `file_name` are complete."""

    def __init__(self, content_type: str, chunks: AsyncIterator[bytes]) -> None:
        _, options = parse_options_header(content_type)
        try:
            self._parser = PushMultipartParser(options.get("boundary", ""), max_segment_count=MOST_PARTS)
        except MultipartError as error:
            raise _malformed(error) from None
        self._chunks = chunks
        self._events: deque[MultipartSegment | bytes | bytearray | None] = deque()
        self.fields: dict[str, list[str]] = defaultdict(list)
        self.file_name: str | None = None

    async def file(self) -> AsyncIterator[bytes]:
        """The bytes of the part named `file`; ends when the whole form is read. Raises `Problem`."""
        files = 0
        while (part := await self._next()) is not None:
            assert isinstance(part, MultipartSegment)
            if part.name != FILE:
                await self._keep_field(part)
                continue
            files += 1
            if files > 1:
                raise invalid("/file", "too_many_files", "The form has more than one file; make one job for each.")
            self.file_name = part.filename
            while chunk := await self._next():
                assert isinstance(chunk, (bytes, bytearray))
                yield bytes(chunk)
        if not files:
            raise invalid("/file", "file_missing", "The form has no part named `file`; add the recording.")

    async def _keep_field(self, part: MultipartSegment) -> None:
        value = b""
        while chunk := await self._next():
            assert isinstance(chunk, (bytes, bytearray))
            value += chunk
            if len(value) > LARGEST_FIELD:
                raise Problem(413, "too_large", f"The form's field {part.name!r} is longer than {LARGEST_FIELD:,} bytes.")
        if b"\0" in value:
            raise invalid(f"/{part.name}", "invalid_request", f"The form's field {part.name!r} contains the NUL character.")
        try:
            self.fields[part.name or ""].append(value.decode())
        except UnicodeDecodeError:
            raise invalid(f"/{part.name}", "invalid_request", f"The form's field {part.name!r} is not UTF-8.") from None

    async def _next(self) -> MultipartSegment | bytes | bytearray | None:
        """The parser's next event: a part, some of its bytes, or null at its end and at the end of the form."""
        try:
            while not self._events and not self._parser.closed:
                self._events.extend(self._parser.parse(await anext(self._chunks, b"")))
        except MultipartError as error:
            raise _malformed(error) from None
        return self._events.popleft() if self._events else None


def values_of(fields: Mapping[str, Sequence[str]]) -> dict[str, object]:
    """A form's fields as the values that a JSON body has; of fields that are given twice, the last counts.

    Raises `Problem` for one that cannot be read.
    """
    return {name: _value(name, texts) for name, texts in fields.items()}


def _value(name: str, texts: Sequence[str]) -> object:
    text = texts[-1].strip()
    match name:
        case "formats" | "analyses" | "tags":
            apart = [part.strip() for text in texts for part in text.split(",")]
            return _json(name, text) if text.startswith('["') else apart
        case "vocabulary" | "vocabularies":
            return _json(name, text) if text.startswith("[") else texts
        case "speakers":
            return _speakers(text)
        case "channels":
            return {"true": True, "false": False}.get(text.lower(), text)
        case "redaction" | "inputs" | "metadata":
            return _json(name, text)
        case _:
            return texts[-1]


def _speakers(text: str) -> object:
    if text.startswith("{"):
        return _json("speakers", text)
    least, dash, most = text.partition("-")
    try:
        return {"min": int(least), "max": int(most if dash else least)}
    except ValueError:
        raise invalid("/speakers", "invalid_request", "speakers is a number, or a range such as 2-4.") from None


def _json(name: str, text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise invalid(f"/{name}", "invalid_request", f"The form's field {name} is not JSON: {error}.") from None


def _malformed(error: MultipartError) -> Problem:
    return Problem(400, "invalid_form", f"The multipart form cannot be read: {error}.")
