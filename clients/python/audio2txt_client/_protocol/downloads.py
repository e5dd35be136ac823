"""Files that are fetched piece by piece, and go on where they broke off."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

import httpx

from audio2txt_client._protocol.sources import CHUNK_BYTES
from audio2txt_client.errors import ContentMismatch, UnexpectedAnswer

Target: TypeAlias = str | os.PathLike[str] | BinaryIO
"""A path, or a binary file that is open for writing; it is written from where it stands."""

_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/\d+")


@dataclass(frozen=True, kw_only=True)
class Announced:
    """A file as the gateway announces it."""

    name: str
    size: int | None
    """Bytes; null where that is not known."""
    sha256: str | None
    """In hex; null where that is not known."""
    version: str
    """Other bytes have another; what is left of a version at a path is gone on with."""


class Download:
    """The bytes of one file so far. What an earlier program has left at the path is gone on with."""

    def __init__(self, announced: Announced, file: BinaryIO, *, start: int = 0) -> None:
        self._announced = announced
        self._file = file
        self._start = start
        self._etag: str | None = None
        self._digest = hashlib.sha256()
        self.received = 0

    def take_over(self) -> None:
        """Count what is in the file already."""
        self._file.seek(self._start)
        while chunk := self._file.read(CHUNK_BYTES):
            self._count(chunk)

    @property
    def complete(self) -> bool:
        """Whether all bytes are there, as far as their number is known."""
        return self._announced.size is not None and self.received >= self._announced.size

    @property
    def headers(self) -> dict[str, str]:
        """Of the request for the rest."""
        headers = {"Accept-Encoding": "identity"}
        if self.received:
            headers["Range"] = f"bytes={self.received}-"
            if self._etag:
                headers["If-Range"] = self._etag
        return headers

    def begin(self, answer: httpx.Response) -> None:
        """An answer is there: the rest, or everything anew. Raises `UnexpectedAnswer`."""
        self._etag = answer.headers.get("ETag")
        if answer.status_code != 206:
            self.discard()
            return
        match = _CONTENT_RANGE.match(answer.headers.get("Content-Range", ""))
        if match is None or int(match[1]) != self.received:
            raise UnexpectedAnswer("The answer is not the range that was asked for; is there a proxy in between?")

    def discard(self) -> None:
        """Begin anew."""
        if self.received:
            self._file.seek(self._start)
            self._file.truncate()
        self._digest, self.received = hashlib.sha256(), 0

    def write(self, chunk: bytes) -> None:
        """The next bytes."""
        self._file.write(chunk)
        self._count(chunk)

    def check(self) -> None:
        """Raise `ContentMismatch` unless these are the file's bytes."""
        expected = self._announced.sha256
        short = self._announced.size is not None and self.received != self._announced.size
        if short or (expected is not None and self._digest.hexdigest() != expected):
            raise ContentMismatch(f"{self._announced.name} did not arrive as it was announced; was it made anew meanwhile?")

    def _count(self, chunk: bytes) -> None:
        self._digest.update(chunk)
        self.received += len(chunk)


def partial_path(target: Path, announced: Announced) -> Path:
    """Where the bytes gather: named after what they are to be, so that only the same file is gone on with."""
    return target.with_name(f"{target.name}.{announced.version}.part")


@contextmanager
def written(target: Target) -> Iterator[BinaryIO]:
    """A file to write to: at a path, where it appears when it is whole, or the one that is given."""
    if not isinstance(target, str | os.PathLike):
        yield target
        return
    path = Path(target)
    partial = path.with_name(path.name + ".part")
    try:
        with partial.open("wb") as file:
            yield file
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
