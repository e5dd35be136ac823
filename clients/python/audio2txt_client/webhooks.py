"""Messages that the gateway sends to your URLs: whether they are to be believed, and what they say.

Source of the protocol: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import binascii
import datetime as dt
import hmac
import time
from base64 import b64decode
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from audio2txt_client.enums import OpenEnum
from audio2txt_client.errors import NotConfigured, WebhookRejected
from audio2txt_client.models.jobs import ArtifactState, Failure, JobState
from audio2txt_client.models.options import FileFormat
from audio2txt_client.signatures import is_signed

TOLERANCE_SECONDS = 300.0
_SECRET, _PUBLIC_KEY = "whsec_", "whpk_"
_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")


class EventType(OpenEnum):
    """What endpoints are told about."""

    JOB_COMPLETED = "job.completed"
    JOB_FAILED = "job.failed"
    JOB_CANCELLED = "job.cancelled"
    JOB_PROGRESSED = "job.progressed"
    ENDPOINT_TEST = "endpoint.test"
    ENDPOINT_CONFIRMATION = "endpoint.confirmation"
    ENDPOINT_FAILING = "endpoint.failing"
    ENDPOINT_DISABLED = "endpoint.disabled"
    BATCH_COMPLETED = "batch.completed"
    USAGE_THRESHOLD = "usage.threshold"
    """A limit of the plan comes near, or is reached."""
    USER_INVITATION = "user.invitation"
    USER_PASSWORD_RESET = "user.password_reset"  # noqa: S105 -- the name of an event


class WebhookArtifact(msgspec.Struct, frozen=True, kw_only=True):
    """A file that can be fetched, or that failed."""

    name: str
    format: FileFormat
    state: ArtifactState
    size: int | None = None
    sha256: str | None = None
    url: str | None = None


class WebhookSegment(msgspec.Struct, frozen=True, kw_only=True):
    """One to three sentences of one speaker."""

    start_ms: int
    end_ms: int
    speaker: str | None = None
    text: str


class WebhookJob(msgspec.Struct, frozen=True, kw_only=True):
    """The job that a message is about, as it stood then."""

    id: UUID
    state: JobState
    run: int
    sequence: int | None = None
    """Grows with each message about the job: a lower one is older news."""
    progress: float | None = None
    title: str | None = None
    solution: str | None = None
    language: str | None = None
    duration_ms: int | None = None
    artifacts: tuple[WebhookArtifact, ...] = ()
    failure: Failure | None = None
    metadata: dict[str, str] = {}
    created_at: dt.datetime | None = None
    finished_at: dt.datetime | None = None
    url: str | None = None
    text: str | None = None
    """The transcript, for endpoints that include it."""
    segments: tuple[WebhookSegment, ...] | None = None
    reduced: bool = False
    """The transcript is too long for a message, or gone: fetch it."""


class WebhookUsage(msgspec.Struct, frozen=True, kw_only=True):
    """So much of what the tenant may use in a month is used."""

    resource: str
    """Such as `minutes`."""
    threshold: int
    """Percent."""
    used: str
    """A decimal number, as it was when the message was made."""
    limit: str
    month: str
    resets_at: dt.datetime | None
    """When it is all there again; null for storage, which comes back when something is deleted."""
    plan: str | None = None


class WebhookBatch(msgspec.Struct, frozen=True, kw_only=True):
    """The last job of a batch has ended; how many ended in which way."""

    id: UUID
    title: str | None = None
    metadata: dict[str, str] = {}
    size: int
    """Recordings, which are counted here one by one."""
    completed: int
    failed: int
    cancelled: int
    refused: int
    """Did not become jobs; the batch says why."""
    deleted: int
    created_at: dt.datetime
    ended_at: dt.datetime
    url: str | None = None


class WebhookEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A message that is to be believed."""

    id: str
    """The same at every attempt and replay: by it you recognise a repeat."""
    type: EventType
    timestamp: dt.datetime
    """When it happened."""
    data: dict[str, Any]
    """As it was sent, for what is newer than this version."""
    job: WebhookJob | None
    """What `data` says about a job; null for a message about something else."""
    usage: WebhookUsage | None = None
    """What it says about usage."""
    batch: WebhookBatch | None = None
    """What it says about a batch."""


class _Body(msgspec.Struct, frozen=True, kw_only=True):
    type: EventType
    timestamp: dt.datetime
    data: msgspec.Raw


def verify_webhook(
    body: bytes,
    headers: Mapping[str, str],
    secrets: str | Iterable[str],
    *,
    tolerance: float = TOLERANCE_SECONDS,
    now: float | None = None,
) -> WebhookEvent:
    """The message in a request, once one of its signatures fits one of your secrets. Raises `WebhookRejected`; answer 400 then.

    `body` is what came, byte for byte, before anything read it as JSON. `secrets` are those that you know: `whsec_…` of an
    endpoint or of `account.webhook_secret()`, several while they change, and `whpk_…` for `v1a` signatures (which needs the
    extra `audio2txt-client[v1a]`). `tolerance` is how old a message may be, and how far ahead its clock, in seconds. A
    secret that was not copied whole raises `NotConfigured`.
    """
    message_id, timestamp, signatures = _read(headers)
    moment = time.time() if now is None else now
    if not abs(moment - int(timestamp)) <= tolerance:
        raise WebhookRejected(f"The message is more than {tolerance:g} s old, or from the future; is the clock right?")
    known = [secrets] if isinstance(secrets, str) else list(secrets)
    if not known:
        raise WebhookRejected("There is no secret to verify the message with.")
    signed = f"{message_id}.{timestamp}.".encode() + body
    # Every secret is tried with every signature, so that the time tells nothing about which of them fits.
    fits = [_fits(secret, signed, signatures) for secret in known]
    if not any(fits):
        raise WebhookRejected("The message is not signed with any of your secrets, or was changed on its way.")
    return _event(message_id, body)


def _read(headers: Mapping[str, str]) -> tuple[str, str, Sequence[str]]:
    found = {name.lower(): value for name, value in headers.items()}
    if missing := [name for name in _HEADERS if not found.get(name)]:
        raise WebhookRejected(f"The request lacks {', '.join(missing)}: it is no webhook, or a proxy has taken them away.")
    message_id, timestamp, signature = (found[name] for name in _HEADERS)
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 16):
        raise WebhookRejected("webhook-timestamp is no number of seconds.")
    return message_id, timestamp, signature.split(" ")


def _fits(secret: str, signed: bytes, signatures: Sequence[str]) -> bool:
    if secret.startswith(_PUBLIC_KEY):
        return _fits_public_key(secret, signed, signatures)
    expected = hmac.digest(_decoded(secret, _SECRET), signed, "sha256")
    fits = [hmac.compare_digest(expected, given) for given in _given(signatures, "v1")]
    return any(fits)


def _fits_public_key(public_key: str, signed: bytes, signatures: Sequence[str]) -> bool:
    key = _decoded(public_key, _PUBLIC_KEY)
    try:
        return is_signed(signed, _given(signatures, "v1a"), key)
    except ValueError as error:
        raise NotConfigured(f"A public key is whpk_ and 32 bytes in base64; this is not: {error}.") from None


def _given(signatures: Sequence[str], scheme: str) -> list[bytes]:
    """The signatures of a scheme; what is no base64 cannot fit."""
    found = []
    for signature in signatures:
        name, _, text = signature.partition(",")
        if name == scheme:
            try:
                found.append(b64decode(text, validate=True))
            except (binascii.Error, ValueError):
                continue
    return found


def _decoded(secret: str, prefix: str) -> bytes:
    """The bytes of a secret, which may lack prefix and padding as in the official libraries. Raises `NotConfigured`."""
    text = secret.strip().removeprefix(prefix)
    try:
        key = b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise NotConfigured(f"A secret is {prefix} and base64; was it copied whole?") from None
    if not key:
        raise NotConfigured("A secret to verify webhooks with is empty.")
    return key


def _event(message_id: str, body: bytes) -> WebhookEvent:
    try:
        read = msgspec.json.decode(body, type=_Body)
        data = msgspec.json.decode(read.data, type=dict[str, Any])
        job = msgspec.json.decode(read.data, type=WebhookJob) if "state" in data and "run" in data else None
        usage = msgspec.json.decode(read.data, type=WebhookUsage) if read.type == EventType.USAGE_THRESHOLD else None
        batch = msgspec.json.decode(read.data, type=WebhookBatch) if read.type == EventType.BATCH_COMPLETED else None
    except msgspec.DecodeError as error:
        raise WebhookRejected(f"The message is signed, and not one that this version understands: {error}.") from None
    return WebhookEvent(id=message_id, type=read.type, timestamp=read.timestamp, data=data, job=job, usage=usage, batch=batch)
