"""Certificates of erasure: whether they are to be believed, and what they say."""

from __future__ import annotations

import binascii
import datetime as dt
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Iterable
from uuid import UUID

import msgspec

from audio2txt_client.errors import CertificateRejected, NotConfigured
from audio2txt_client.models.endpoints import PublicKey
from audio2txt_client.models.privacy import Certificate, ErasureKind
from audio2txt_client.signatures import is_signed

SCHEMA = "audio2txt.erasure/1"


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """One place that was looked through."""

    place: str
    """Such as `store`, `database`, `queues`."""
    how: str
    left: int
    """How much was found."""


class ProviderDeletions(msgspec.Struct, frozen=True, kw_only=True):
    """A provider that has deleted what it had."""

    engine: str
    confirmed: int
    """How often."""


class ErasureStatement(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag=SCHEMA):
    """What is certified: ids and numbers, no name and no word."""

    id: UUID
    number: int
    """In the tenant's chain."""
    previous: str | None
    """SHA-256 of the statement before it, in hex; null for the first."""
    kind: ErasureKind
    tenant_id: UUID
    job_id: UUID | None
    requested_at: dt.datetime
    verified_at: dt.datetime
    blobs_removed: int
    segments_emptied: int | None
    """Of a person's words: the passages that were theirs."""
    provider_deletions: tuple[ProviderDeletions, ...]
    verified: tuple[Verification, ...]
    kept: tuple[str, ...]
    """What is still there on purpose."""
    out_of_reach: tuple[str, ...]
    """Where copies may be that nobody can look for."""


def verify_certificate(certificate: Certificate, public_keys: str | PublicKey | Iterable[str | PublicKey]) -> ErasureStatement:
    """What a certificate says, once one of these keys has signed it. Raises `CertificateRejected`; `NotConfigured` for what is
    no key. Needs the extra `audio2txt-client[v1a]`.

    Have the key from the operator (`audio2txt admin erasure key` prints it): `erasures.keys()` and the certificate itself only
    say what the installation says of itself.
    """
    keys = [public_keys] if isinstance(public_keys, str | PublicKey) else list(public_keys)
    try:
        signature = b64decode(certificate.signature, validate=True)
    except (binascii.Error, ValueError):
        raise CertificateRejected("The signature is not base64.") from None
    if not any(_is_signed(certificate.statement, signature, key) for key in keys):
        raise CertificateRejected("The statement was changed, or another installation has signed it.")
    try:
        return msgspec.json.decode(certificate.statement, type=ErasureStatement)
    except msgspec.DecodeError as error:
        raise CertificateRejected(f"It is signed, and not one that this version understands: {error}.") from None


def _is_signed(statement: str, signature: bytes, key: str | PublicKey) -> bool:
    text = (key.x if isinstance(key, PublicKey) else key).strip().rstrip("=")
    try:
        # In JSON Web Keys two of base64's letters are others.
        public_key = urlsafe_b64decode(text.replace("+", "-").replace("/", "_") + "=" * (-len(text) % 4))
        return is_signed(statement.encode(), [signature], public_key)
    except ValueError:
        raise NotConfigured("A public key is 32 bytes in base64; was it copied whole?") from None
