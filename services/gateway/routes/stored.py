"""What routes that answer with something stored have in common."""

from __future__ import annotations

from typing import Annotated

from litestar import Response
from litestar.params import HeaderParameter
from litestar.response import Stream

from services.gateway.audit import Action, Fact
from services.gateway.jobs import Job
from services.gateway.routes.context import ApiRequest, Gateway
from shared.blobs import BlobInfo, BlobNotFound, BlobStore

BYTES = {"type": "string", "format": "binary"}
BLOB_HEADERS = {"ETag": "Changes with the bytes.", "Accept-Ranges": "`bytes`."}
PART_HEADERS = {**BLOB_HEADERS, "Content-Range": "Which bytes these are, and of how many."}
UNCHANGED_HEADERS = {"ETag": "That of If-None-Match.", "Accept-Ranges": "`bytes`."}
BLOB_PROBLEMS = {
    400: "A parameter is not valid.",
    404: "There is no such job, or it has no such result (yet).",
    410: "It is no longer kept.",
    416: "The range lies beyond the end.",
}

Range = Annotated[str | None, HeaderParameter(name="Range", description="One range, as in `bytes=0-1023`.")]
IfRange = Annotated[str | None, HeaderParameter(name="If-Range", description="ETag the range is meant for.")]
IfNoneMatch = Annotated[
    str | None, HeaderParameter(name="If-None-Match", description="ETag of what you have; unchanged is answered with 304.")
]


async def info_of(blobs: BlobStore, key: str) -> BlobInfo | None:
    """What the store knows about a blob; null where there is none."""
    try:
        return await blobs.info(key)
    except BlobNotFound:
        return None


def note_read(
    request: ApiRequest, gateway: Gateway, action: Action, job: Job, answer: Stream | Response[bytes], **facts: Fact
) -> None:
    """Keep in the audit log that somebody is sent something of a job. HEAD, and what has not changed, send nothing. Raises
    `Problem` 503 when the log is too far behind."""
    if request.method == "GET" and answer.status_code in (200, 206):
        part = {"range": request.headers.get("range")} if answer.status_code == 206 else {}
        gateway.audit.read(action, job.tenant_id, job.id, **facts, **part)
