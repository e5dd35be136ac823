"""Recordings to send: files by path, bytes, and objects to read from."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

Source: TypeAlias = str | os.PathLike[str] | bytes | BinaryIO
"""A path, the bytes themselves, or a binary file that is open for reading; it is read from where it stands."""

Progress: TypeAlias = Callable[[int, int | None], None]
"""Hears how many bytes have gone, of how many; `None` where that is not known."""

CHUNK_BYTES = 1024 * 1024


class Reader:
    """Reads a recording forward, and keeps the SHA-256 of all of it up to where it is."""

    def __init__(self, file: BinaryIO, *, start: int) -> None:
        self._file = file
        self._start = start
        self._digest = hashlib.sha256()
        self.position = 0

    def rewind(self) -> None:
        """Go back to the beginning."""
        if self.position:
            self._file.seek(self._start)
            self._digest, self.position = hashlib.sha256(), 0

    def seek(self, offset: int) -> None:
        """Go to a byte; what lies before it is read, so that the digest stays that of the whole."""
        if offset < self.position:
            self.rewind()
        while self.position < offset and self.read(min(CHUNK_BYTES, offset - self.position)):
            pass

    def read(self, most: int = CHUNK_BYTES) -> bytes:
        """The next bytes; none at the end."""
        chunk = self._file.read(most)
        self._digest.update(chunk)
        self.position += len(chunk)
        return chunk

    @property
    def sha256(self) -> str:
        """Of all bytes up to here, in hex."""
        return self._digest.copy().hexdigest()


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A recording to send."""

    file_name: str | None
    size: int | None
    """Bytes; null for what is read from somewhere that does not know."""
    rewindable: bool
    """Whether it can be sent a second time."""
    open: Callable[[], Iterator[Reader]]

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        """Opens it at its beginning."""
        yield from self.open()


def recording_of(source: Source, *, file_name: str | None) -> Recording:
    """What is to be sent. Raises `OSError` for a file that is not there, `TypeError` for what is no source."""
    if isinstance(source, str | os.PathLike):
        return _at_path(Path(source), file_name)
    if isinstance(source, bytes | bytearray | memoryview):
        return _in_memory(bytes(source), file_name)
    if hasattr(source, "read"):
        return _open_file(source, file_name)
    raise TypeError(f"a recording is a path, bytes or a binary file, and no {type(source).__name__}")


def _at_path(path: Path, file_name: str | None) -> Recording:
    def read() -> Iterator[Reader]:
        with path.open("rb") as file:
            yield Reader(file, start=0)

    return Recording(file_name=file_name or path.name, size=path.stat().st_size, rewindable=True, open=read)


def _in_memory(data: bytes, file_name: str | None) -> Recording:
    def read() -> Iterator[Reader]:
        yield Reader(io.BytesIO(data), start=0)

    return Recording(file_name=file_name, size=len(data), rewindable=True, open=read)


def _open_file(file: BinaryIO, file_name: str | None) -> Recording:
    if isinstance(file, io.TextIOBase):
        raise TypeError('open the recording in binary mode: open(path, "rb")')
    name = getattr(file, "name", None)
    known = Path(name).name if isinstance(name, str) else None
    if not file.seekable():

        def read_once() -> Iterator[Reader]:
            yield Reader(file, start=0)

        return Recording(file_name=file_name or known, size=None, rewindable=False, open=read_once)
    start = file.tell()
    size = file.seek(0, os.SEEK_END) - start
    file.seek(start)

    def read() -> Iterator[Reader]:
        file.seek(start)
        yield Reader(file, start=start)

    return Recording(file_name=file_name or known, size=size, rewindable=True, open=read)
