"""Blobs: recordings, raw results, transcripts and artifacts, under keys that name tenant and job.

Two backends, chosen by the URL's scheme, pass one contract suite: `file://` is a directory, `s3://` any S3.
"""

from __future__ import annotations

import enum
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeAlias
from uuid import UUID

from shared.errors import ConfigurationError, PermanentError, RetryableError

CHUNK_BYTES = 256 * 1024
"""How much of a blob is read at once when it is streamed."""

_KEY = re.compile(r"[a-z0-9][A-Za-z0-9._/-]{0,511}")


class BlobNotFound(PermanentError):
    """No blob has this key."""


class BlobUnavailable(RetryableError):
    """The store cannot be reached, is full, or answered with an error of its own."""


class RangeNotSatisfiable(PermanentError):
    """The requested range starts beyond the end of the blob."""


@dataclass(frozen=True, kw_only=True)
class BlobInfo:
    """What the store knows about a blob."""

    key: str
    size: int
    etag: str
    """Changes whenever the bytes do; not a digest."""


@dataclass(frozen=True, kw_only=True)
class Bookmark:
    """How much of a growing blob is stored for good: all it takes to go on with it in another process."""

    size: int = 0
    place: str = ""
    """Where the bytes are, in the backend's own words."""


Record: TypeAlias = Callable[[Bookmark], Awaitable[None]]
"""Keeps a bookmark, durably, before more is written. What it raises ends the writing."""


@dataclass(frozen=True, kw_only=True)
class SignedPut:
    """One `PUT` request that anybody may make, once."""

    url: str
    headers: Mapping[str, str]
    """What it must carry."""


class ServerSide(enum.StrEnum):
    """How an S3 store is asked to encrypt what it is given."""

    NONE = "none"
    """As the bucket does by default."""
    AES256 = "AES256"
    """With keys of the store."""
    KMS = "aws:kms"
    """With a key of a key service."""


@dataclass(frozen=True, kw_only=True)
class Encryption:
    """How blobs lie encrypted."""

    by_tenant: bool = False
    """In a folder: whether new blobs are encrypted, under their tenant's own key."""
    master: bytes | None = field(default=None, repr=False)
    """What those keys are wrapped by; null where there can be none."""
    previous: tuple[bytes, ...] = field(default=(), repr=False)
    """By what they may still be wrapped."""
    server_side: ServerSide = ServerSide.NONE
    kms_key_id: str | None = None


class BlobWriter(Protocol):
    """Writes one blob piece by piece in constant memory. Nothing is visible before `commit`.

    Leaving the context without `commit` (an error, a disconnect, a cancellation) removes every part.
    """

    async def write(self, chunk: bytes | memoryview) -> None:
        """Append bytes. Waits when the store is slower than the caller."""

    async def commit(self) -> BlobInfo:
        """Make the blob visible, whole and durable, replacing what the key held before."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class GrowingBlob(Protocol):
    """Writes on at a blob that is sent with interruptions, in constant memory. Nothing is visible before `complete`.

    Leaving the context without `pause` or `finish` gives up what came after the last bookmark.
    """

    async def write(self, chunk: bytes | memoryview) -> None:
        """Append bytes. Waits when the store is slower than the caller, and records a bookmark now and then."""

    async def pause(self) -> None:
        """Store all that was written, however little, and record the bookmark."""

    async def finish(self) -> None:
        """The same for the blob's last bytes: nothing can follow any more but `BlobStore.complete`."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class BlobStore(Protocol):
    """A flat map from keys to bytes. Every method may raise `BlobUnavailable`."""

    def writer(self, key: str) -> BlobWriter:
        """Stream a blob of unknown size into the store."""

    def grow(self, key: str, bookmark: Bookmark, *, record: Record, generation: int = 0, whole: bool = False) -> GrowingBlob:
        """Go on with a blob where the bookmark says. Raises `BlobNotFound` on entering when its bytes are gone.

        `generation` counts, over the blob's whole life, the writers that may still be at it because nobody saw them end:
        nothing they do now harms. Of what is written, `whole` counts nothing before all of it is paused or finished: no
        bookmark shows a part.
        """

    async def complete(self, key: str, bookmark: Bookmark) -> BlobInfo:
        """Make a finished blob visible and durable; once more is no harm. Raises `BlobNotFound` when its bytes are gone."""

    async def abandon(self, key: str, bookmark: Bookmark) -> None:
        """Remove what is stored of a growing blob; removing nothing is no error."""

    async def put(self, key: str, data: bytes) -> BlobInfo:
        """Store a small blob, replacing what the key held before."""

    async def get(self, key: str) -> bytes:
        """A whole blob. Raises `BlobNotFound`."""

    async def info(self, key: str) -> BlobInfo:
        """Raises `BlobNotFound`."""

    def stream(self, key: str, *, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        """Bytes `start` up to but not including `end` (null: to the end). Raises `BlobNotFound` or
        `RangeNotSatisfiable` on the first step; closing the iterator early releases what it holds."""

    async def download(self, key: str, path: Path) -> int:
        """Copy a blob to a local file; returns its bytes."""

    def list(self, prefix: str) -> AsyncGenerator[BlobInfo, None]:
        """Every blob whose key starts with `prefix`, sorted by key."""

    async def delete(self, key: str) -> None:
        """Remove a blob; removing nothing is no error."""

    async def delete_prefix(self, prefix: str) -> int:
        """Remove every blob below `prefix`, which must end in `/`; returns how many."""

    async def shred(self, tenant_id: UUID) -> bool:
        """Destroy the key that a tenant's blobs are encrypted with, which makes all of them unreadable; whether it had one."""

    async def presigned(self, key: str, seconds: int) -> str | None:
        """A URL from which anybody can read a blob for so long, without other credentials; null where there is none."""

    async def presigned_put(self, key: str, *, size: int, seconds: int) -> SignedPut | None:
        """A request by which anybody can store a blob of just so many bytes where there is none, for so long; null where
        there is no such thing."""

    async def sweep_unfinished(self, older_than: float, *, keep: Collection[str] = ()) -> int:
        """Remove what writers left that began, or last wrote, more than `older_than` seconds ago; returns how many. Growing
        blobs under the keys to `keep` stay."""

    async def check(self) -> None:
        """Raise `BlobUnavailable` with the reason when the store cannot serve now."""

    async def close(self) -> None:
        """Let go of connections."""


def is_key(key: str) -> bool:
    """Whether it is one we would make. A list may have others: somebody has put files of their own beside ours."""
    return _KEY.fullmatch(key) is not None and ".." not in key and "//" not in key


def check_key(key: str) -> str:
    """The key itself when it is one we would make; anything else is a programming error, not input."""
    if not is_key(key):
        raise ValueError(f"not a blob key: {key!r}")
    return key


def check_range(start: int, end: int | None) -> None:
    """Bytes `start` up to `end` must be a range, if perhaps an empty one."""
    if start < 0 or (end is not None and end < start):
        raise ValueError(f"not a range: {start} to {end}")


def tenant_prefix(tenant_id: UUID) -> str:
    """Everything of one tenant lies below this prefix."""
    return f"t/{tenant_id}/"


def job_prefix(tenant_id: UUID, job_id: UUID) -> str:
    """Everything about one job lies below this prefix."""
    return f"{tenant_prefix(tenant_id)}j/{job_id}/"


def source_key(tenant_id: UUID, job_id: UUID) -> str:
    """The recording as it was given to us. Carries no client text: the file name is the database's business."""
    return f"{job_prefix(tenant_id, job_id)}source/audio"


def raw_key(tenant_id: UUID, job_id: UUID, run: int) -> str:
    """The engine's answer to one run, byte for byte."""
    return f"{job_prefix(tenant_id, job_id)}raw/{run}.json"


def transcript_key(tenant_id: UUID, job_id: UUID, run: int) -> str:
    """The normalised transcript of one run."""
    return f"{job_prefix(tenant_id, job_id)}transcript/{run}.json"


def revised_key(tenant_id: UUID, job_id: UUID, run: int, token: UUID) -> str:
    """An edited transcript of one run. Whoever edits takes a token of their own: of two at once, one comes to nothing."""
    return f"{job_prefix(tenant_id, job_id)}transcript/{run}/revisions/{token}.json"


def attachment_key(tenant_id: UUID, job_id: UUID, run: int, name: str) -> str:
    """A file that came with the engine's answer, such as a redacted recording."""
    return f"{job_prefix(tenant_id, job_id)}transcript/{run}/{name}"


def report_key(tenant_id: UUID, job_id: UUID, run: int, revision: int = 0) -> str:
    """The report document of one run, and of one revision of its transcript."""
    return f"{job_prefix(tenant_id, job_id)}report/{_edition(run, revision)}.json"


def answer_key(tenant_id: UUID, job_id: UUID, digest: str) -> str:
    """A language model's answer, byte for byte, by the digest of what it was asked. Any run of the job may use it again."""
    return f"{job_prefix(tenant_id, job_id)}report/answers/{digest}.json"


def asked_key(tenant_id: UUID, job_id: UUID, digest: str) -> str:
    """The note that a language model was asked, written before it is, beside where the answer will lie."""
    return f"{job_prefix(tenant_id, job_id)}report/answers/{digest}.asked"


def artifact_key(tenant_id: UUID, job_id: UUID, run: int, name: str, revision: int = 0) -> str:
    """One rendered file of one run, and of one revision of its transcript."""
    return f"{job_prefix(tenant_id, job_id)}artifacts/{_edition(run, revision)}/{name}"


def _edition(run: int, revision: int) -> str:
    return f"{run}-{revision}" if revision else f"{run}"


async def open_blobs(
    url: str, *, data_dir: Path, credentials: Mapping[str, str], encryption: Encryption | None = None
) -> BlobStore:
    """The store for a URL: `file://[/absolute/path]` (default: below the data folder) or
    `s3://bucket[/prefix][?endpoint=…&region=…]`. `credentials` holds `access_key_id` and `secret_access_key`, or
    nothing where the platform provides them."""
    scheme, _, rest = url.partition("://")
    encryption = encryption or Encryption()
    match scheme:
        case "file":
            from shared.blobs.file import FileBlobs

            return await FileBlobs.open(Path(rest) if rest else data_dir / "blobs", encryption)
        case "s3":
            from shared.blobs.s3 import S3Blobs

            if encryption.by_tenant:
                raise ConfigurationError(
                    "AUDIO2TXT_BLOBS_ENCRYPTION=tenant is for file:// only; have an S3 store encrypt with AUDIO2TXT_BLOBS_SSE."
                )
            return await S3Blobs.open(url, credentials, encryption)
        case _:
            raise ConfigurationError(f"AUDIO2TXT_BLOBS_URL has the unknown scheme {scheme!r}; use file:// or s3://.")
