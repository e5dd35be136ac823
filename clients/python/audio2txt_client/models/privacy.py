"""For how long things are kept, what may leave the house, what was erased for good, and exports of everything."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from audio2txt_client.enums import OpenEnum


class RetentionDays(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """For how many days after a job's end its parts are kept: 0 removes them at its end, `None` keeps them for ever, and what
    is left out is decided elsewhere."""

    audio: int | UnsetType | None = UNSET
    raw: int | UnsetType | None = UNSET
    """The engine's unchanged answer."""
    transcript: int | UnsetType | None = UNSET
    report: int | UnsetType | None = UNSET
    """With its files."""
    record: int | UnsetType | None = UNSET
    """The job itself, and all that is left of it."""


class TenantRetention(RetentionDays, frozen=True, kw_only=True, omit_defaults=True):
    """The same for all of a tenant's jobs, and for its log of deliveries."""

    deliveries: int | UnsetType | None = UNSET


class RetentionRules(msgspec.Struct, frozen=True, kw_only=True):
    """What a tenant has decided, or is to."""

    tenant: TenantRetention = TenantRetention()
    solutions: dict[str, RetentionDays] = {}
    """By the id of a scenario: what counts for its jobs instead."""


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """For how long the tenant's things are kept."""

    rules: RetentionRules
    installation: RetentionDays
    """What counts where the tenant has decided nothing."""
    effective: RetentionDays
    """What counts for jobs of all other scenarios."""
    effective_by_solution: dict[str, RetentionDays]
    etag: str | None = None
    """For `if_match`."""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for all of the tenant's work."""

    outside: bool
    """Whether recordings and texts may go to engines and language models outside of the house."""
    etag: str | None = None
    """For `if_match`."""


class ErasureKind(OpenEnum):
    """What is erased."""

    JOB = "job"
    SPEAKER = "speaker"
    """What one person says in a job."""
    TENANT = "tenant"


class ErasureState(OpenEnum):
    """How far an erasure is."""

    RUNNING = "running"
    """What it is about cannot be fetched any more; it is still looked for everywhere."""
    VERIFIED = "verified"


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """A statement that the installation has signed; `verify_certificate` reads it."""

    statement: str
    """JSON, of which exactly these bytes are signed."""
    signature: str
    """Ed25519, in base64."""
    public_key: str
    """Repeats which key it was; verify with the one that you have from the operator."""


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is erased for good."""

    id: UUID
    """That of a deleted job is the job's."""
    kind: ErasureKind
    state: ErasureState
    job_id: UUID | None
    requested_at: dt.datetime
    verified_at: dt.datetime | None
    """When nothing of it was found any more, anywhere."""
    certificate: Certificate | None
    """Null while it is not verified."""


class ExportState(OpenEnum):
    """How far an export is."""

    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of the tenant in one ZIP file, as it was when that was made."""

    id: UUID
    state: ExportState
    requested_at: dt.datetime
    finished_at: dt.datetime | None
    expires_at: dt.datetime | None
    """When the file is removed."""
    size: int | None
    """Bytes; null while there is no file."""
    failure: str | None
    """Why there is none."""
