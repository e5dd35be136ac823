"""What the sandbox knows: keys, uploads, transcripts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from uuid import uuid4

import msgspec

from services.sandbox.assemblyai.order import Order


class Status(StrEnum):
    """Where a transcript is."""

    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    ERROR = "error"

    @property
    def is_final(self) -> bool:
        """Whether it stays so."""
        return self in (Status.COMPLETED, Status.ERROR)


class Key(msgspec.Struct, kw_only=True):
    """How a key fares that somebody has marked."""

    refused: bool = False
    negative_balance: bool = False


class Upload(msgspec.Struct, kw_only=True, tag="upload"):
    """A file that was sent to us."""

    id: str
    key: str
    sha256: str
    size: int
    created: str
    deleted: bool = False


class Fate(msgspec.Struct, frozen=True, kw_only=True):
    """What goes wrong with a transcript; decided when it is accepted, so that its answer is always the same."""

    listed_after: float = 0.0
    """Seconds."""
    error: str | None = None
    expired: bool = False
    new_values: bool = False


class Transcript(msgspec.Struct, kw_only=True, tag="transcript"):
    """One accepted request and what became of it."""

    id: str
    key: str
    order: Order
    created: str
    number: int
    """Place among the transcripts of its key, from 0."""
    fate: Fate = Fate()
    status: Status = Status.QUEUED
    completed: str | None = None
    error: str | None = None
    deleted: bool = False
    audio_sha256: str | None = None
    audio_duration: int | None = None
    answer_sha256: str | None = None
    """Of the final answer's bytes; null until they were served once, for until then the webhook's outcome goes into them."""
    webhook_status_code: int | None = None
    webhook_attempts: int = 0
    webhook_over: bool = False
    polls: int = 0
    """How often it was asked for before it was final."""
    gets: int = 0
    """How often since."""
    deletes: int = 0

    @property
    def age(self) -> float:
        """Seconds since it was accepted."""
        return (datetime.now(UTC).replace(tzinfo=None) - datetime.fromisoformat(self.created)).total_seconds()


class State:
    """All of it, in memory."""

    def __init__(self) -> None:
        self.keys: dict[str, Key] = {}
        self.uploads: dict[str, Upload] = {}
        self.transcripts: dict[str, Transcript] = {}
        self._by_key: dict[str, list[Transcript]] = {}

    def key(self, key: str) -> Key:
        """How a key fares."""
        return self.keys.get(key) or Key()

    def of_key(self, key: str) -> list[Transcript]:
        """A key's transcripts, oldest first."""
        return self._by_key.get(key, [])

    def accept(self, key: str, order: Order, fate: Fate) -> Transcript:
        """A new transcript."""
        transcript = Transcript(id=str(uuid4()), key=key, order=order, created=now(), number=len(self.of_key(key)), fate=fate)
        self.add(transcript)
        return transcript

    def add(self, record: Upload | Transcript) -> None:
        """Take a record in, or its newer version; a key's transcripts come in order."""
        if isinstance(record, Upload):
            self.uploads[record.id] = record
            return
        siblings = self._by_key.setdefault(record.key, [])
        siblings[record.number : record.number + 1] = [record]
        self.transcripts[record.id] = record

    def records(self) -> Iterator[Upload | Transcript]:
        """Everything, so that it can be read again in this order."""
        yield from self.uploads.values()
        yield from self.transcripts.values()

    def clear(self) -> None:
        """Forget everything."""
        for kept in (self.keys, self.uploads, self.transcripts, self._by_key):
            kept.clear()


def now() -> str:
    """As the vendor writes times: UTC, without saying so."""
    return datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")


def project(key: str) -> str:
    """What upload URLs tell of the key they belong to."""
    return hashlib.sha256(f"project {key}".encode()).hexdigest()
