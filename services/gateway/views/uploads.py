"""What clients see of uploads."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from services.gateway.store.uploads import Upload, UploadState
from services.gateway.views import Bytes, Id, Sha256, Time


class UploadView(msgspec.Struct, frozen=True, kw_only=True):
    """A recording that waits for its job."""

    id: Id
    state: Annotated[
        UploadState,
        Meta(
            description="`receiving` while bytes are missing, `ready` to become a job, `used` once it is one with the same id."
        ),
    ]
    file_name: Annotated[str | None, Meta(description="As given, cleaned; for display only.", examples=["meeting.mp3"])]
    media_type: Annotated[
        str | None, Meta(description="What the first bytes look like; null before they are there.", examples=["audio/mpeg"])
    ]
    size: Bytes | None
    received: (
        Annotated[
            int,
            Meta(ge=0, description="Bytes of a resumable upload that are stored; null once it is whole.", examples=[8388608]),
        ]
        | None
    )
    sha256: Sha256 | None
    created_at: Time
    expires_at: Annotated[Time, Meta(description="When an upload without a job is deleted.")]


class DirectUploadView(msgspec.Struct, frozen=True, kw_only=True):
    """An upload that is expected in the store, and the request that brings it there."""

    upload: UploadView
    method: Annotated[str, Meta(description="Of the request.", examples=["PUT"])]
    url: Annotated[str, Meta(description="Whoever knows it can make the request, once: treat it as a secret.")]
    headers: Annotated[dict[str, str], Meta(description="What the request must carry.", examples=[{"If-None-Match": "*"}])]
    begin_before: Time


def upload_view(upload: Upload) -> UploadView:
    """An upload as its tenant sees it."""
    return msgspec.convert(upload, UploadView, from_attributes=True)
