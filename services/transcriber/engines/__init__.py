"""Speech engines: what every one of them declares, and the three shapes they come in.

An engine in the house (`InHouseEngine`) works while this process holds the lease, and is simply called again after a
crash. A rented one (`RentedEngine`) works elsewhere: it is handed the audio once, asked how far it is, and its answer is
fetched. Its methods are the steps between which we write down where we are, so that nobody pays twice. A rented one that
answers in the request itself (`AnsweringEngine`) has its paid requests kept in a ledger instead.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from shared.blobs import job_prefix
from shared.errors import RetryableError
from shared.http_client import OutcomeUnknown
from shared.schemas.engines import Capabilities, base_language
from shared.schemas.jobs import JobOptions
from shared.schemas.transcripts import Insights, SegmentFlag, Word

__all__ = [
    "Account",
    "AnsweringEngine",
    "Attachment",
    "Capabilities",
    "Engine",
    "EngineCrashed",
    "Finished",
    "Heard",
    "Hooks",
    "InHouseEngine",
    "KeyRefused",
    "Ledger",
    "News",
    "OutcomeUnknown",
    "Passage",
    "Pending",
    "Permit",
    "Prepared",
    "RentedEngine",
    "Report",
    "Task",
    "Throttled",
    "Unreadable",
    "Usage",
    "base_language",
    "checkpoint_prefix",
]

Prepared = Mapping[str, str]
"""What a rented engine needs to submit a task, and to recognise it afterwards: the URL of the uploaded audio, say."""


class EngineCrashed(RetryableError):
    """The engine broke down on this very task; after a few times in a row the task is given up."""


class Unreadable(Exception):
    """An answer holds nothing that this version can read."""


class Throttled(RetryableError):
    """The provider has not taken the request and asks for patience; all requests of the account wait."""

    def __init__(self, message: str, *, seconds: float | None = None) -> None:
        super().__init__(message)
        self.seconds = seconds
        """How long, as `Retry-After` says; null when it does not."""


class KeyRefused(RetryableError):
    """The provider refuses the account's key, or the account itself (its balance, its plan). Nothing was taken.

    The message says which in one sentence, without the key. The account's tasks wait or fail, as the operator has set.
    """


@dataclass(frozen=True, kw_only=True)
class Account:
    """Whose key a rented engine works with: the deployment's, or a tenant's own."""

    engine: str
    id: str
    """Tells accounts apart; made of a digest of the key, and no secret."""
    tenant_id: UUID | None = None
    """Whose it is; null is the deployment's."""
    key: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Task:
    """One transcription, as engines see it."""

    tenant_id: UUID
    job_id: UUID
    run: int
    language: str | None
    """Language code without script and region; null when the engine is to find out."""
    source_key: str
    options: JobOptions = field(default_factory=JobOptions)
    """What the customer asked for; the engine has declared that it can."""
    vocabulary: tuple[str, ...] = ()
    """Key terms of the job, then of the tenant, as many as the engine takes."""
    account: Account | None = None
    """Set for rented engines."""
    token: str = ""
    """A secret of this very submission, for callbacks: who knows it speaks for the provider."""
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
class Usage:
    """What a provider counts for the bill."""

    billed_ms: int
    """Audio, all channels together."""
    items: tuple[str, ...]
    """What is charged, as rows of the price list name it: the model first, then each extra."""


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
    insights: Insights | None = None
    """Speakers in it carry the engine's own labels; composing gives them their ids."""
    usage: Usage | None = None
    """Null for an engine in the house."""


class Report(Protocol):
    """Told how far a task is; waits until that is written down."""

    def __call__(self, progress: float, *, duration_ms: int | None = None) -> Awaitable[None]:
        """`progress` is between 0 and 1."""


Permit = Callable[[], Awaitable[None]]
"""Raises `JobError` when a tenant's audio may not leave the house any more; asked before each time that it would."""


class Ledger(Protocol):
    """Keeps the paid requests of one task, so that none is made twice."""

    async def answer(self, name: str, ask: Callable[[], Awaitable[bytes]]) -> bytes:
        """The stored answer to the request of this name, or that of `ask`, which is noted before and stored after.

        When `ask` raises a `JobError`, `Throttled`, `KeyRefused` or another `RetryableError` save `OutcomeUnknown`, it was
        not taken and can be asked again. A request that was noted and has no answer may have been paid for: `JobError`
        `outcome_unknown`, which leaves it to the customer to pay again with a retry. Before each request `permit` is asked.
        """

    async def permit(self) -> None:
        """See `Permit`."""


@dataclass(frozen=True, kw_only=True)
class Pending:
    """A rented engine is not finished; it is asked again later, at growing intervals unless it names one."""

    seconds: float | None = None
    progress: float = 0.0
    duration_ms: int | None = None


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A rented engine is finished. `raw` is its answer byte for byte, unless it must be fetched for itself."""

    raw: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """A file that belongs to the answer, such as a redacted recording. Stored before the provider's copies are dismissed."""

    name: str
    """File name, unique inside the answer; a redacted recording is `redacted.mp3` or `redacted.wav`."""
    media_type: str
    chunks: Callable[[], AsyncIterator[bytes]]
    """Opens the stream; again after a crash."""


@dataclass(frozen=True, kw_only=True)
class News:
    """What a provider's callback says. It is never trusted as a result, save as `raw` where nothing else will come."""

    token: str
    """Of the submission it is about."""
    provider_id: str | None = None
    raw: bytes | None = None
    """The answer itself, for providers that send it only once."""


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """Where providers may call back."""

    url: str
    """Public URL of `/hooks`, without a slash at its end."""
    secret: bytes = field(repr=False)
    """Header secrets are derived from it."""


class Engine(ABC):
    """What all shapes share. Every failure a customer can cause is a `JobError`, every outage a `RetryableError`."""

    name: str
    capabilities: Capabilities
    at_once: int
    """How many tasks one process works on at a time."""
    models: tuple[str, ...] = ()

    @abstractmethod
    def parse(self, raw: bytes) -> Heard:
        """Read the engine's own answer. Pure, and may take seconds: it is called in a thread.

        `JobError` says that the provider has heard nothing and can be asked again; any other exception, that the answer
        cannot be read.
        """

    async def close(self) -> None:
        """Let go of processes and connections."""
        return


class InHouseEngine(Engine):
    """Hears the audio on this machine."""

    @abstractmethod
    async def transcribe(self, task: Task, report: Report) -> bytes:
        """The raw answer. May be cancelled at any point and called again, here or elsewhere: it goes on where it was."""


class AnsweringEngine(Engine):
    """Has the audio heard by a provider that answers in the request itself and keeps nothing."""

    key: str | None = None
    """The deployment's key."""

    @abstractmethod
    async def transcribe(self, task: Task, ledger: Ledger, report: Report) -> bytes:
        """The raw answer. Every request that costs something goes through the ledger."""


class RentedEngine(Engine):
    """Has the audio heard by a provider."""

    key: str | None = None
    """The deployment's key; null where only tenants with a key of their own can use the engine."""
    first_poll: float = 3.0
    """Seconds after its submission until a task is asked for; 0 asks at once."""
    calls_back: bool = False
    """Whether the provider tells when a task is done, so that it is asked only in case that was lost."""
    largest_callback: int = 64 * 1024
    """Bytes of a callback's body; more where it brings the answer."""

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
        """The id of a task that was perhaps submitted; null when it certainly was not; `OutcomeUnknown` until that is clear.

        `submitted_at` is the moment just before the submission began.
        """

    @abstractmethod
    async def poll(self, task: Task, provider_id: str) -> Pending | Finished:
        """How far the provider is, with one cheap request; `JobError` when it failed."""

    async def fetch(self, task: Task, provider_id: str) -> bytes:
        """The raw answer, byte for byte, of a provider whose polls do not bring it."""
        raise NotImplementedError(f"polls of {self.name} bring the answer")

    async def attachments(self, task: Task, provider_id: str, raw: bytes) -> tuple[Attachment, ...]:
        """Files to store beside the answer; may be asked for again after a crash. `RetryableError` until they are there."""
        del task, provider_id, raw
        return ()

    @abstractmethod
    async def dismiss(self, account: Account, provider_id: str | None, prepared: Prepared, *, search: bool) -> None:
        """Have the provider stop and forget everything about a task; once more is no error.

        `search` says that it may have been taken without anybody knowing its id, or twice: then it is recognised by what was
        prepared.
        """

    def may_call(self, headers: Mapping[str, str], query: Mapping[str, str]) -> bool:
        """Whether a callback comes from the provider, as far as its headers (in lower case) and URL tell: else its body is not
        even read."""
        del headers, query
        return True

    def heed(self, headers: Mapping[str, str], query: Mapping[str, str], body: bytes) -> News | None:
        """Read a callback; null when it does not come from the provider. Fast and pure."""
        del headers, query, body
        return None


Reserve = Callable[[Account], AbstractAsyncContextManager[None]]
"""Waits until one more request of an account may be sent; to be entered around every request to a provider."""


def checkpoint_prefix(tenant_id: UUID, job_id: UUID, run: int) -> str:
    """Below this prefix an engine in the house keeps what it has so far; it is removed when the task has ended."""
    return f"{job_prefix(tenant_id, job_id)}raw/{run}/"
