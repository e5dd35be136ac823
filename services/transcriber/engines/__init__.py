"""Speech engines: what every one of them declares, and the two shapes they come in.

An engine in the house (`InHouseEngine`) works while this process holds the lease, and is simply called again after a
crash. A rented one (`RentedEngine`) works elsewhere: it is handed the audio once, asked how far it is, and its answer is
fetched. Its methods are the steps between which we write down where we are, so that nobody pays twice.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from shared.blobs import job_prefix
from shared.errors import RetryableError
from shared.schemas.transcripts import SegmentFlag, Word

Prepared = Mapping[str, str]
"""What a rented engine needs to submit a task, and to recognise it afterwards: the URL of the uploaded audio, say."""


class EngineCrashed(RetryableError):
    """The engine broke down on this very task; after a few times in a row the task is given up."""


class OutcomeUnknown(RetryableError):
    """Nobody knows yet whether the provider has taken the task; `find` must tell before it is submitted again."""


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What an engine can do, as far as requests and readers depend on it."""

    languages: frozenset[str] | None = None
    """Language codes without script and region; null when it takes any."""
    speakers: bool
    """Whether it tells speakers apart."""
    word_times: bool
    longest_ms: int | None = None
    """Longest recording; null when only our own limit counts."""
    keeps_copies: bool = False
    """Whether a provider keeps audio or text until it is told to `dismiss` them."""

    def speaks(self, language: str) -> bool:
        """Whether recordings in a language (BCP-47, or `auto`) can be heard."""
        return language == "auto" or self.languages is None or base_language(language) in self.languages


@dataclass(frozen=True, kw_only=True)
class Task:
    """One transcription, as engines see it."""

    tenant_id: UUID
    job_id: UUID
    run: int
    language: str | None
    """Language code without script and region; null when the engine is to find out."""
    source_key: str
    crashes: int = 0
    """How often in a row the engine broke down on it before."""


@dataclass(frozen=True, kw_only=True)
class Passage:
    """Words of one speaker in one language, as the engine grouped them. Every word has its times, if need be interpolated."""

    words: tuple[Word, ...]
    speaker: str | None = None
    """The engine's own label."""
    language: str | None = None
    flags: frozenset[SegmentFlag] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Heard:
    """An engine's answer in our terms. No words at all means that nobody speaks in the recording."""

    model: str
    duration_ms: int
    passages: tuple[Passage, ...]
    channels: int | None = None
    source_sha256: str | None = None
    language: str | None = None
    language_confidence: float | None = None
    """Null when the language was not detected but told or assumed."""
    speech_ms: int | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    """Codes for `Quality.notes`."""


class Report(Protocol):
    """Told how far a task is; waits until that is written down."""

    def __call__(self, progress: float, *, duration_ms: int | None = None) -> Awaitable[None]:
        """`progress` is between 0 and 1."""


@dataclass(frozen=True, kw_only=True)
class Pending:
    """A rented engine is not finished; ask again after `seconds`."""

    seconds: float
    progress: float = 0.0
    duration_ms: int | None = None


class Finished:
    """A rented engine's answer can be fetched."""


class Engine(ABC):
    """What both shapes share. Every failure a customer can cause is a `JobError`, every outage a `RetryableError`."""

    name: str
    capabilities: Capabilities
    at_once: int
    """How many tasks one process works on at a time."""

    @abstractmethod
    def parse(self, raw: bytes) -> Heard:
        """Read the engine's own answer. Pure, and may take seconds: it is called in a thread."""

    async def close(self) -> None:
        """Let go of processes and connections."""
        return


class InHouseEngine(Engine):
    """Hears the audio on this machine."""

    @abstractmethod
    async def transcribe(self, task: Task, report: Report) -> bytes:
        """The raw answer. May be cancelled at any point and called again, here or elsewhere: it goes on where it was."""


class RentedEngine(Engine):
    """Has the audio heard by a provider."""

    @abstractmethod
    async def prepare(self, task: Task) -> Prepared:
        """Everything that can be repeated for nothing, such as uploading the audio."""

    @abstractmethod
    async def submit(self, task: Task, prepared: Prepared) -> str:
        """Hand the task over, once; the provider's id for it.

        `JobError` and `RetryableError` say that the provider has not taken it. After `OutcomeUnknown` and every other
        exception it may have, and `find` is asked.
        """

    @abstractmethod
    async def find(self, task: Task, prepared: Prepared, submitted_at: datetime) -> str | None:
        """The id of a task that was perhaps submitted; null when it certainly was not; `OutcomeUnknown` until that is clear."""

    @abstractmethod
    async def poll(self, task: Task, provider_id: str) -> Pending | Finished:
        """How far the provider is; `JobError` when it failed."""

    @abstractmethod
    async def fetch(self, task: Task, provider_id: str) -> bytes:
        """The raw answer, byte for byte."""

    @abstractmethod
    async def dismiss(self, provider_id: str) -> None:
        """Have the provider stop and forget the task; once more is no error."""


def base_language(language: str) -> str:
    """`zh` of `zh-Hant-TW`."""
    return language.partition("-")[0].lower()


def checkpoint_prefix(tenant_id: UUID, job_id: UUID, run: int) -> str:
    """Below this prefix an engine in the house keeps what it has so far; it is removed when the task has ended."""
    return f"{job_prefix(tenant_id, job_id)}raw/{run}/"
