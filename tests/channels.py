"""Messages and receivers as channels are given them."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

import msgspec

from services.notifier.channels import Message, Receiver
from shared.schemas.endpoints import Destination, EndpointKind, EventType, Signature, WebhookDestination
from shared.schemas.jobs import ArtifactState, Failure, FileFormat, JobState
from shared.schemas.webhooks import WebhookArtifact, WebhookBody, WebhookJob

ENDPOINT = UUID("0192f0c1-0000-7000-8000-00000000000e")
TENANT = UUID("0192f0c1-0000-7000-8000-000000000001")
JOB = UUID("0192f0c1-0000-7000-8000-00000000000b")
NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def message(**changes: Any) -> Message:
    """A small message."""
    plain = Message(
        id="msg_0192f0c1000070008000000000000099",
        type="job.completed",
        sequence=3,
        occurred_at=NOW,
        body=b'{"title":"\xe6\x9c\x83\xe8\xad\xb0"}',
    )
    return msgspec.structs.replace(plain, **changes)


def webhook_to(url: str, *, headers: dict[str, str] | None = None, **changes: Any) -> Receiver:
    """A webhook signed with v1."""
    receiver = Receiver(
        endpoint_id=ENDPOINT,
        tenant_id=TENANT,
        kind=EndpointKind.WEBHOOK,
        destination=WebhookDestination(url=url, headers=headers or {}),
        signatures=(Signature.V1,),
        secrets=(SECRET,),
    )
    return msgspec.structs.replace(receiver, **changes)


def told(type_: EventType = EventType.JOB_COMPLETED, **job: Any) -> Message:
    """A message with a whole body, as the notifier makes it."""
    states = {EventType.JOB_FAILED: JobState.FAILED, EventType.JOB_CANCELLED: JobState.CANCELLED}
    data = WebhookJob(
        id=JOB,
        state=states.get(type_, JobState.COMPLETED),
        run=1,
        title="週會：預算與人事",
        solution="meeting_minutes",
        language="zh-Hant",
        duration_ms=3_725_000,
        artifacts=(artifact("minutes.pdf", FileFormat.PDF, 248_331), artifact("minutes.docx", FileFormat.DOCX, 51_200)),
        url=f"https://audio2txt.example/v1/jobs/{JOB}",
    )
    body = WebhookBody(type=type_, timestamp=NOW, data=msgspec.structs.replace(data, **job))
    return message(type=type_, body=msgspec.json.encode(body))


def artifact(name: str, format_: FileFormat, size: int | None, state: ArtifactState = ArtifactState.READY) -> WebhookArtifact:
    """One file of the job."""
    url = f"https://audio2txt.example/v1/jobs/{JOB}/artifacts/{name}" if state is ArtifactState.READY else None
    return WebhookArtifact(name=name, format=format_, state=state, size=size, url=url)


FAILED = Failure(code="no_speech", message="The recording holds no speech; check the microphone and send it again.")


def to(kind: EndpointKind, destination: Destination, **changes: Any) -> Receiver:
    """A receiver of notices."""
    receiver = Receiver(endpoint_id=ENDPOINT, tenant_id=TENANT, kind=kind, destination=destination)
    return msgspec.structs.replace(receiver, **changes)
