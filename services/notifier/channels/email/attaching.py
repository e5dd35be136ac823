"""The files that go along with an e-mail: those that the scenario's `delivery` names, as far as they fit."""

from __future__ import annotations

import hashlib
import mimetypes
import re
from collections.abc import AsyncIterator

from services.notifier.channels import Receiver
from services.notifier.channels.email.composing import Attachment
from services.notifier.channels.notices import one_line
from shared.blobs import BlobNotFound, BlobStore, job_prefix
from shared.errors import JobError
from shared.schemas.jobs import ArtifactState
from shared.schemas.webhooks import WebhookArtifact, WebhookJob
from shared.solutions import Solutions, find

_MEDIA_TYPES = {
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "md": "text/markdown",
    "srt": "application/x-subrip",
    "vtt": "text/vtt",
}


_UNFIT = re.compile(r'[\\/:*?"<>|]')
"""What some file systems do not take in names."""
LONGEST_FILENAME = 60


class Attaching:
    """Finds files by their names and digests: what an e-mail carries is what the message spoke of, or it carries nothing."""

    def __init__(self, *, blobs: BlobStore, solutions: Solutions, most_bytes: int) -> None:
        self._blobs = blobs
        self._solutions = solutions
        self._most_bytes = most_bytes

    async def attachments(self, job: WebhookJob, receiver: Receiver) -> list[Attachment]:
        """In the order of the scenario. Raises `BlobUnavailable`."""
        left, attachments = self._most_bytes, []
        for artifact in self._wanted(job):
            if artifact.size is None or artifact.size > left:
                continue
            if (data := await self._data(artifact, job, receiver)) is not None:
                left -= len(data)
                attachment = Attachment(
                    name=one_line(artifact.name),
                    filename=_filename(job, artifact),
                    media_type=_media_type(artifact),
                    data=data,
                )
                attachments.append(attachment)
        return attachments

    def _wanted(self, job: WebhookJob) -> list[WebhookArtifact]:
        try:
            formats = find(self._solutions, job.solution).delivery.attach if job.solution else ()
        except JobError:  # the operator has taken the scenario away since
            formats = ()
        ready = [artifact for artifact in job.artifacts if artifact.state is ArtifactState.READY]
        return [artifact for format_ in formats for artifact in ready if artifact.format.value == format_.value]

    async def _data(self, artifact: WebhookArtifact, job: WebhookJob, receiver: Receiver) -> bytes | None:
        async for key in self._keys(artifact, job, receiver):
            try:
                data = await self._blobs.get(key)
            except BlobNotFound:
                continue
            if hashlib.sha256(data).hexdigest() == artifact.sha256:
                return data
        return None

    async def _keys(self, artifact: WebhookArtifact, job: WebhookJob, receiver: Receiver) -> AsyncIterator[str]:
        """Where files of that name and size lie: one for each revision of the transcript."""
        async for blob in self._blobs.list(f"{job_prefix(receiver.tenant_id, job.id)}artifacts/"):
            if blob.key.endswith(f"/{artifact.name}") and blob.size == artifact.size:
                yield blob.key


def _filename(job: WebhookJob, artifact: WebhookArtifact) -> str:
    """Named after the recording: `report.pdf` alone is what all of them are called."""
    title = _UNFIT.sub("_", one_line(job.title or "", LONGEST_FILENAME)).strip(" .")
    return f"{title} - {one_line(artifact.name)}" if title else one_line(artifact.name)


def _media_type(artifact: WebhookArtifact) -> str:
    format_ = artifact.format.value
    return _MEDIA_TYPES.get(format_) or mimetypes.types_map.get(f".{format_}", "application/octet-stream")
