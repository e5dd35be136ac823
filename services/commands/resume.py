"""What `audio2txt transcribe` remembers, so that the same command after Ctrl-C goes on instead of starting again."""

from __future__ import annotations

import hashlib
from pathlib import Path
from uuid import UUID

import msgspec

FILE_NAME = ".audio2txt-resume.json"


class Remembered(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far one recording got."""

    sending_id: UUID | None = None
    """The upload that lacks bytes yet."""
    upload_id: UUID | None = None
    job_id: UUID | None = None


class Memory:
    """The unfinished recordings of one output folder; finished ones are forgotten."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        self._known = self._read()

    def find(self, key: str) -> Remembered:
        """What is known of a recording; empty when nothing is."""
        return self._known.get(key, Remembered())

    def keep(self, key: str, remembered: Remembered) -> None:
        """Remember, on disk."""
        self._known[key] = remembered
        self._write()

    def forget(self, key: str) -> None:
        """The recording is done, or must start again."""
        if self._known.pop(key, None) is not None:
            self._write()

    def _read(self) -> dict[str, Remembered]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, Remembered])
        except (FileNotFoundError, msgspec.DecodeError):
            return {}

    def _write(self) -> None:
        if self._known:
            partial = self._path.with_name(self._path.name + ".part")
            partial.write_bytes(msgspec.json.encode(self._known))
            partial.replace(self._path)
        else:
            self._path.unlink(missing_ok=True)


def key_of(path: Path, *, url: str, order: bytes) -> str:
    """The same file (by path, size and time of change), gateway and options give the same key."""
    status = path.stat()
    identity = f"{path.absolute()}\n{status.st_size}\n{status.st_mtime_ns}\n{url}\n".encode()
    return hashlib.sha256(identity + order).hexdigest()[:32]
