"""Uploads that resume, by tus 1.0.0 (https://tus.io/protocols/resumable-upload): their requests, and when to go on."""

from __future__ import annotations

from base64 import b64encode
from types import NoneType
from urllib.parse import urlsplit
from uuid import UUID

import httpx

from audio2txt_client._protocol.requests import Request, path_of
from audio2txt_client._protocol.retries import Attempts, Retries
from audio2txt_client._protocol.sources import Recording
from audio2txt_client.errors import ApiError, Audio2txtError, ConnectionFailed, ContentMismatch, UnexpectedAnswer

WORTHWHILE_BYTES = 32 * 1024 * 1024
"""Recordings from this size on are sent so."""

FIRST_BYTES = 64 * 1024
"""Go along with the creation: the gateway sees by them whether this is a recording."""

ATTEMPTS = 12
"""Without a byte of progress in between; after some two minutes nobody believes in it any more."""

TIMEOUT = httpx.Timeout(30, write=60, read=900)
"""The answer to the last byte takes as long as the gateway needs to read the whole file again."""

_VERSION = {"Tus-Resumable": "1.0.0"}
_BYTES = {**_VERSION, "Content-Type": "application/offset+octet-stream"}
_GONE = frozenset({404, 410})
_PASSING = frozenset({408, 409, 423, 429, 460, 502, 503, 504})


class Resumption:
    """One recording's way to the gateway, over connections that break."""

    def __init__(self, *, upload_id: UUID | None, retries: Retries) -> None:
        self.upload_id = upload_id
        """The upload to go on with; null until there is one."""
        self._known = upload_id
        self._best = -1
        self._retries = Retries(attempts=ATTEMPTS, budget=float("inf"), first=retries.first, longest=retries.longest)
        self._attempts = self._fresh()

    def begun(self, upload_id: UUID) -> None:
        """There is an upload now."""
        self.upload_id, self._known = upload_id, None

    def stands_at(self, offset: int) -> None:
        """So many bytes are stored. Any progress makes up for the failures before it."""
        if offset > self._best:
            self._best, self._attempts = offset, self._fresh()

    def after(self, error: Audio2txtError) -> float:
        """Seconds to wait before asking how far it is. Raises the error when that is no use."""
        if isinstance(error, ApiError) and error.status in _GONE and self._known is not None:
            self.upload_id = self._known = None  # what was kept from before has expired: begin anew
            return 0.0
        if not isinstance(error, ApiError | ConnectionFailed) or (isinstance(error, ApiError) and error.status not in _PASSING):
            raise error
        pause = self._attempts.pause(at_least=error.retry_after if isinstance(error, ApiError) else None)
        if pause is None:
            raise error
        return pause

    def _fresh(self) -> Attempts:
        return Attempts(self._retries, repeatable=True)


def creation(recording: Recording, first: bytes) -> Request[None]:
    """Begins an upload with its first bytes."""
    headers = {**_BYTES, "Upload-Length": str(recording.size)}
    if recording.file_name:
        headers["Upload-Metadata"] = f"filename {b64encode(recording.file_name.encode()).decode()}"
    return Request(method="POST", path=path_of("uploads"), kind=NoneType, headers=headers, content=first, attempts=1)


def question(upload_id: UUID) -> Request[None]:
    """Asks how far an upload is."""
    path = path_of("uploads", upload_id)
    return Request(method="HEAD", path=path, kind=NoneType, headers=_VERSION, timeout=TIMEOUT, attempts=1)


def sending(upload_id: UUID, *, offset: int, size: int) -> Request[None]:
    """Sends what is missing."""
    headers = {**_BYTES, "Upload-Offset": str(offset), "Content-Length": str(size - offset)}
    path = path_of("uploads", upload_id)
    return Request(method="PATCH", path=path, kind=NoneType, headers=headers, timeout=TIMEOUT, attempts=1)


def created_id(answer: httpx.Response) -> UUID:
    """The id of the upload that an answer tells of."""
    return upload_id_of(answer.headers.get("Location", ""))


def offset_of(answer: httpx.Response, *, size: int) -> int:
    """How far the upload is. Raises `ContentMismatch` where it is to have another size than this recording."""
    try:
        offset, length = int(answer.headers["Upload-Offset"]), int(answer.headers["Upload-Length"])
    except (KeyError, ValueError):
        raise UnexpectedAnswer("The answer does not tell how far the upload is; is there a proxy in between?") from None
    if length != size:
        raise ContentMismatch(f"The upload is of {length:,} bytes, and this recording has {size:,}: it is another one.")
    return offset


def upload_id_of(text: UUID | str) -> UUID:
    """The id of an upload, from itself or from its URL. Raises `ValueError`."""
    return text if isinstance(text, UUID) else UUID(urlsplit(text).path.rstrip("/").rpartition("/")[2])
