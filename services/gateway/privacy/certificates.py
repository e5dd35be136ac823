"""Certificates of erasure: what was erased, and how that was verified. They name ids and numbers, never a person or a word.

What is signed is one text, byte for byte, so that verifying needs no agreement on how JSON is written. Each names the SHA-256
of the one before it in its tenant's chain, so that none can be taken away unseen.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from services.gateway.erasure import ErasureKind, Order
from shared.errors import Audio2txtError
from shared.signing import Signed, is_certified

SCHEMA = "audio2txt.erasure/1"


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """One place that was looked through."""

    place: Annotated[str, Meta(description="`store`, `database`, `transcriber`, `notifier`, `queues`.", examples=["store"])]
    how: Annotated[str, Meta(description="What was done to find something.")]
    left: Annotated[int, Meta(ge=0, description="How much was found.", examples=[0])]


class ProviderDeletions(msgspec.Struct, frozen=True, kw_only=True):
    """A provider that has deleted what it had, at our request."""

    engine: str
    confirmed: Annotated[int, Meta(description="How often: after the transcription, and once more with the erasure.")]


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What is certified."""

    schema: Literal["audio2txt.erasure/1"] = "audio2txt.erasure/1"
    id: UUID
    number: Annotated[int, Meta(ge=1, description="In the tenant's chain.")]
    previous: Annotated[str | None, Meta(description="SHA-256 of the statement before it, in hex; null for the first.")]
    kind: ErasureKind
    tenant_id: UUID
    job_id: UUID | None
    requested_at: dt.datetime
    verified_at: dt.datetime
    blobs_removed: int
    segments_emptied: Annotated[int | None, Meta(description="Of a person's words: the passages that were theirs.")]
    provider_deletions: tuple[ProviderDeletions, ...]
    verified: tuple[Verification, ...]
    kept: Annotated[tuple[str, ...], Meta(description="What is still there on purpose.")]
    out_of_reach: Annotated[tuple[str, ...], Meta(description="Where copies may be that nobody here can look for.")]


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """A statement that this installation has signed."""

    statement: Annotated[str, Meta(description="JSON; exactly these bytes (UTF-8) are signed.")]
    signature: Annotated[str, Meta(description="ed25519, in base64.")]
    public_key: Annotated[str, Meta(description="32 bytes, in base64; compare it with the installation's own.")]


class NotCertified(Audio2txtError):
    """A certificate does not say what this installation has signed."""


def state(
    order: Order,
    *,
    number: int,
    previous: bytes | None,
    verified: Sequence[Verification],
    deletions: Mapping[str, int],
    at: dt.datetime,
    blobs: int,
) -> str:
    """The statement, as it is signed."""
    statement = Statement(
        id=order.id,
        number=number,
        previous=None if previous is None else previous.hex(),
        kind=order.kind,
        tenant_id=order.tenant_id,
        job_id=order.job_id,
        requested_at=order.requested_at,
        verified_at=at,
        blobs_removed=blobs,
        segments_emptied=order.segments,
        provider_deletions=tuple(
            ProviderDeletions(engine=engine, confirmed=count) for engine, count in sorted(deletions.items())
        ),
        verified=tuple(verified),
        kept=_KEPT[order.kind],
        out_of_reach=_OUT_OF_REACH,
    )
    return msgspec.json.encode(statement).decode()


def certificate_of(order: Order) -> Certificate | None:
    """As it is handed out; null while it is not verified."""
    if order.statement is None or order.signature is None or order.public_key is None:
        return None
    return Certificate(
        statement=order.statement,
        signature=b64encode(order.signature).decode(),
        public_key=b64encode(order.public_key).decode(),
    )


def digest(statement: str) -> bytes:
    """What the next certificate names this one by."""
    return hashlib.sha256(statement.encode()).digest()


def verify(certificate: Certificate, public_key: bytes) -> Statement:
    """What it certifies; raises `NotCertified` unless this key has signed it."""
    try:
        signed = Signed(signature=b64decode(certificate.signature, validate=True), public_key=public_key)
    except ValueError:
        raise NotCertified("The signature is not base64.") from None
    if not is_certified(certificate.statement.encode(), signed):
        raise NotCertified("The statement was changed, or another installation has signed it.")
    try:
        return msgspec.json.decode(certificate.statement, type=Statement)
    except msgspec.DecodeError as error:
        raise NotCertified(f"The statement is signed, but of a form that this version does not know: {error}.") from None


_KEPT: Mapping[ErasureKind, tuple[str, ...]] = {
    ErasureKind.JOB: (
        "this order, and ids of the job that keep late events from bringing it back",
        "the audit log, which holds neither text nor sound",
        "the usage records: how much was used when, and what it cost",
    ),
    ErasureKind.SPEAKER: (
        "that and how long they spoke, and what others said",
        "the report and files that were made anew without their words",
        "the audit log, which holds neither text nor sound",
    ),
    ErasureKind.TENANT: (
        "the tenant's id, and the orders of its erasures",
        "the audit log: who did what when, by which key and from which address",
        "the usage records: how much was used when, and what it cost",
    ),
}
_OUT_OF_REACH = (
    "backups of the database and the store that the operator made before",
    "space of deleted rows that the database has not used again yet",
    "messages, e-mails and files that were sent or fetched before",
    "what language models and speech engines keep beyond what they offer to delete",
)
