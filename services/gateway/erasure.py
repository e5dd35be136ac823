"""Orders to erase something for good."""

from __future__ import annotations

import datetime as dt
import enum
from uuid import UUID

import msgspec

KEPT = ("audit_log", "audit_heads", "usage_records", "erasure_orders", "erasures")
"""Tables of which nothing is deleted with a tenant: they have neither text nor sound, prove what was done and used, or are
the work itself."""


class ErasureKind(enum.StrEnum):
    """What is erased."""

    JOB = "job"
    SPEAKER = "speaker"
    """What one person says in a job."""
    TENANT = "tenant"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `gateway.erasure_orders`."""

    id: UUID
    tenant_id: UUID
    kind: ErasureKind
    job_id: UUID | None
    run: int | None
    requested_at: dt.datetime
    passes: int
    blobs: int
    """Removed so far."""
    keys: tuple[str, ...]
    """Of a speaker's erasure: the blobs that have to go."""
    segments: int | None
    """Of a speaker's erasure: passages that were theirs."""
    speaker_id: str | None
    document: str | None
    """Of a speaker's erasure: the key of the transcript without their words."""
    certified_at: dt.datetime | None
    number: int | None
    statement: str | None
    hash: bytes | None
    signature: bytes | None
    public_key: bytes | None

    @property
    def created_at(self) -> dt.datetime:
        """What lists are ordered by."""
        return self.requested_at
