"""The sandbox's files: audio, final answers, and with `--data` a journal from which the state is read again."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import BinaryIO

import msgspec

from services.sandbox.assemblyai.state import State, Transcript, Upload

_JOURNAL = "journal.jsonl"
_PARTS = ("uploads", "fetched", "answers")


class Folder:
    """One folder; `keep` null makes one that vanishes with the sandbox."""

    def __init__(self, keep: Path | None) -> None:
        self._temporary = keep is None
        self.path = Path(tempfile.mkdtemp(prefix="audio2txt-sandbox-")) if keep is None else keep
        for name in _PARTS:
            (self.path / name).mkdir(parents=True, exist_ok=True)
        self._journal: BinaryIO | None = None

    def read(self, state: State) -> None:
        """Fill the state from the journal, and write that anew without what is outdated."""
        if self._temporary:
            return
        path = self.path / _JOURNAL
        if path.exists():
            *lines, _torn = path.read_bytes().split(b"\n")
            for line in lines:
                state.add(msgspec.json.decode(line, type=Upload | Transcript))
        fresh = path.with_suffix(".new")
        with fresh.open("wb") as file:
            file.writelines(msgspec.json.encode(record) + b"\n" for record in state.records())
        fresh.replace(path)
        self._journal = path.open("ab", buffering=0)

    def note(self, record: Upload | Transcript) -> None:
        """Write down how a record is now."""
        if self._journal is not None:
            self._journal.write(msgspec.json.encode(record) + b"\n")

    def upload(self, name: str) -> Path:
        """Where an uploaded file lies."""
        return self.path / "uploads" / name

    def fetched(self, name: str) -> Path:
        """Where the audio of an `audio_url` elsewhere lies."""
        return self.path / "fetched" / name

    def answer(self, name: str) -> Path:
        """Where the final answer of a transcript lies."""
        return self.path / "answers" / f"{name}.json"

    def clear(self) -> None:
        """Remove every file."""
        for name in _PARTS:
            for file in (self.path / name).iterdir():
                file.unlink()
        if self._journal is not None:
            self._journal.truncate(0)

    def close(self) -> None:
        """Close the journal, or remove everything if nothing was to be kept."""
        if self._journal is not None:
            self._journal.close()
        if self._temporary:
            shutil.rmtree(self.path, ignore_errors=True)


class Intake:
    """A file that is being received."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._digest = hashlib.sha256()
        self.size = 0

    def write(self, chunk: bytes) -> None:
        """The next part."""
        self.size += self._file.write(chunk)
        self._digest.update(chunk)

    def close(self) -> str:
        """Finish it; its SHA-256."""
        self._file.close()
        return self._digest.hexdigest()
