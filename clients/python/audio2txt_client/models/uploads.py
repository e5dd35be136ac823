"""Recordings that wait for their job."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import msgspec

from audio2txt_client.enums import OpenEnum


class UploadState(OpenEnum):
    """Where an upload stands."""

    RECEIVING = "receiving"
    READY = "ready"
    USED = "used"
    """It is a job, with the same id."""


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A recording that waits for its job."""

    id: UUID
    state: UploadState
    file_name: str | None
    media_type: str | None
    """What the first bytes look like; null before they are there."""
    size: int | None
    """Bytes."""
    received: int | None
    """Bytes of a resumable upload that are stored; null once it is whole."""
    sha256: str | None
    created_at: dt.datetime
    expires_at: dt.datetime
    """When it is deleted, unless it became a job."""


class DirectUpload(msgspec.Struct, frozen=True, kw_only=True):
    """An upload that is expected in the store, and the request that brings it there."""

    upload: Upload
    method: str
    url: str
    """Whoever knows it can make the request."""
    headers: dict[str, str]
    begin_before: dt.datetime

    def __repr__(self) -> str:
        return f"DirectUpload(id={self.upload.id})"
