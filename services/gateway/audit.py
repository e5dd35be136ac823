"""Entries of the audit log: who did what to which thing, from where, and what it was before and after. How they are chained.

Whoever acts is set once per request (or command) by `act`; what changes something asks for its entry with `entry_of` and
writes it in the statement that makes the change. Nobody acts in background work, which therefore leaves no entries.
"""

from __future__ import annotations

import datetime as dt
import enum
import hashlib
from collections.abc import Mapping
from contextvars import ContextVar
from typing import TypeAlias
from uuid import UUID

import msgspec

from shared.schemas.ids import new_id

START = bytes(32)
"""What the first entry of a chain is linked to."""

Fact: TypeAlias = str | int | float | bool | tuple[str | int, ...] | None
Facts: TypeAlias = dict[str, Fact]
"""What is kept of a thing: states, names and choices. Never a secret, a recording's bytes, or what was said."""


class Action(enum.StrEnum):
    """What was done."""

    UPLOAD_CREATED = "upload.created"
    UPLOAD_DELETED = "upload.deleted"
    JOB_CREATED = "job.created"
    JOB_CHANGED = "job.changed"
    JOB_CANCELLED = "job.cancelled"
    JOB_RETRIED = "job.retried"
    JOB_DELETED = "job.deleted"
    TRANSCRIPT_READ = "transcript.read"
    TRANSCRIPT_EDITED = "transcript.edited"
    REPORT_READ = "report.read"
    ARTIFACT_READ = "artifact.read"
    VOCABULARY_CREATED = "vocabulary.created"
    VOCABULARY_CHANGED = "vocabulary.changed"
    VOCABULARY_DELETED = "vocabulary.deleted"
    ENDPOINT_CREATED = "endpoint.created"
    ENDPOINT_CHANGED = "endpoint.changed"
    ENDPOINT_DELETED = "endpoint.deleted"
    ENDPOINT_TESTED = "endpoint.tested"
    ENDPOINT_REPLAYED = "endpoint.replayed"
    DELIVERY_REPEATED = "delivery.repeated"
    DELIVERY_READ = "delivery.read"
    SUPPRESSION_LIFTED = "suppression.lifted"
    SECRET_READ = "secret.read"  # noqa: S105 -- the name of an action
    KEY_CREATED = "key.created"
    KEY_ROTATED = "key.rotated"
    KEY_REVOKED = "key.revoked"
    USER_CREATED = "user.created"
    USER_CHANGED = "user.changed"
    USER_DELETED = "user.deleted"
    USER_SIGNED_IN = "user.signed_in"
    USER_SIGNED_OUT = "user.signed_out"
    USER_SIGN_IN_FAILED = "user.sign_in_failed"
    USER_PASSWORD_CHANGED = "user.password_changed"  # noqa: S105 -- the name of an action
    USER_INVITED = "user.invited"
    USER_JOINED = "user.joined"
    USER_RESET_ASKED = "user.reset_asked"
    TENANT_CREATED = "tenant.created"
    TENANT_RENAMED = "tenant.renamed"
    TENANT_DISABLED = "tenant.disabled"
    TENANT_ENABLED = "tenant.enabled"
    PLAN_ASSIGNED = "plan.assigned"
    PLAN_CHANGED = "plan.changed"
    EXPORT_CREATED = "export.created"
    EXPORT_READ = "export.read"
    POLICY_CHANGED = "policy.changed"
    ENGINE_RULES_CHANGED = "engine_rules.changed"
    ENGINE_KEY_KEPT = "engine_key.kept"
    ENGINE_KEY_REMOVED = "engine_key.removed"
    RETENTION_CHANGED = "retention.changed"
    SPEAKER_ERASED = "speaker.erased"
    TENANT_ERASED = "tenant.erased"
    AUDIT_EXPORTED = "audit.exported"


class ActorKind(enum.StrEnum):
    """By which right somebody acted."""

    KEY = "key"
    USER = "user"
    """A person who has signed in."""
    STRANGER = "stranger"
    """Somebody who tries to."""
    LINK = "link"
    """A link that only the reader of an e-mail has."""
    OPERATOR = "operator"
    """Whoever runs the installation, with `audio2txt admin` or `audio2txt engines`."""


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who acted."""

    kind: ActorKind
    id: UUID | None = None
    name: str = ""


class Acting(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody at work: one request, or one command."""

    actor: Actor
    address: str | None = None
    request_id: str | None = None


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry. The order of its fields is part of what is hashed."""

    id: UUID
    at: dt.datetime
    tenant_id: UUID
    actor: Actor
    action: Action
    thing_id: str
    address: str | None
    request_id: str | None
    before: Facts | None
    after: Facts | None

    def encode(self) -> str:
        """The text that is kept and hashed: JSON without spaces, keys of `before` and `after` in order."""
        return msgspec.json.encode(self, order="deterministic").decode()


_ACTING: ContextVar[Acting | None] = ContextVar("acting", default=None)
_DECODER = msgspec.json.Decoder(Entry)


def act(acting: Acting) -> None:
    """From here on, in this task, this is who acts."""
    _ACTING.set(acting)


def act_as(actor: Actor) -> None:
    """From here on it is known who acts; from where, and by which request, stays. Does nothing where nobody acts."""
    if (acting := _ACTING.get()) is not None:
        _ACTING.set(msgspec.structs.replace(acting, actor=actor))


def entry_of(
    action: Action,
    tenant_id: UUID,
    thing_id: UUID | str,
    *,
    before: Mapping[str, Fact] | None = None,
    after: Mapping[str, Fact] | None = None,
) -> str | None:
    """The entry, encoded; null when nobody acts."""
    acting = _ACTING.get()
    if acting is None:
        return None
    entry = Entry(
        id=new_id(),
        at=dt.datetime.now(dt.UTC),
        tenant_id=tenant_id,
        actor=acting.actor,
        action=action,
        thing_id=str(thing_id),
        address=acting.address,
        request_id=acting.request_id,
        before=None if before is None else dict(before),
        after=None if after is None else dict(after),
    )
    return entry.encode()


def decode(text: str) -> Entry:
    """Read an entry back. Raises `msgspec.DecodeError`, of which `msgspec.ValidationError` is one."""
    return _DECODER.decode(text)


def link(previous: bytes, number: int, tenant_id: UUID, entry: str) -> bytes:
    """The hash of an entry, which holds that of the one before it: SHA-256 over both, its number and its tenant."""
    return hashlib.sha256(previous + number.to_bytes(8, "big") + tenant_id.bytes + entry.encode()).digest()
