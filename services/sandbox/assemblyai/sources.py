"""Where the audio of a transcript comes from: an upload of the same key, or a URL that is fetched."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from services.sandbox.assemblyai.ears import Unheard
from services.sandbox.assemblyai.folder import Folder, Intake
from services.sandbox.assemblyai.order import Refusal
from services.sandbox.assemblyai.state import State, Transcript, Upload, project

FETCH_SECONDS = aiohttp.ClientTimeout(total=600, sock_connect=10, sock_read=60)
_UPLOAD = re.compile(r"/upload/(?P<project>[0-9a-f]{64})/(?P<id>[0-9a-f-]{36})$")


def upload_path(upload: Upload) -> str:
    """The path of an upload's URL."""
    return f"/upload/{project(upload.key)}/{upload.id}"


class Sources:
    """Finds the audio. Every address may be fetched from: this is a developer's own tool."""

    def __init__(self, *, state: State, folder: Folder, session: aiohttp.ClientSession, fetch: bool) -> None:
        self._state = state
        self._folder = folder
        self._session = session
        self._fetch = fetch

    def check(self, audio_url: str, key: str) -> None:
        """Raise a `Refusal` when it is an upload that this key cannot use."""
        match = _UPLOAD.search(urlsplit(audio_url).path)
        if match is None:
            return
        upload = self._state.uploads.get(match["id"])
        if upload is None or match["project"] != project(key) or upload.key != key:
            raise Refusal(403, "Cannot access uploaded file")

    def upload_of(self, transcript: Transcript) -> Upload | None:
        """The upload that a transcript is made from; null when its audio is elsewhere."""
        match = _UPLOAD.search(urlsplit(transcript.order.audio_url).path)
        return self._state.uploads.get(match["id"]) if match else None

    @asynccontextmanager
    async def audio(self, transcript: Transcript) -> AsyncIterator[Path]:
        """The file, for as long as the block lasts. Notes its digest; `Unheard` when it cannot be had."""
        if transcript.fate.expired:
            raise forbidden(transcript.order.audio_url)
        upload = self.upload_of(transcript)
        if upload is not None:
            if upload.deleted:
                raise forbidden(transcript.order.audio_url)
            transcript.audio_sha256 = upload.sha256
            yield self._folder.upload(upload.id)
            return
        path = self._folder.fetched(transcript.id)
        try:
            if self._fetch:
                transcript.audio_sha256 = await self._download(transcript.order.audio_url, path)
            yield path
        finally:
            await asyncio.to_thread(path.unlink, missing_ok=True)

    async def _download(self, url: str, path: Path) -> str:
        intake = Intake(path)
        try:
            async with self._session.get(url, timeout=FETCH_SECONDS) as answer:
                if answer.status >= 400:
                    raise _refused(url, answer.status, answer.reason or "")
                async for chunk in answer.content.iter_any():
                    intake.write(chunk)
        except (aiohttp.ClientError, TimeoutError, ValueError):
            raise unreachable(url) from None
        finally:
            digest = intake.close()
        return digest


def forbidden(url: str) -> Unheard:
    """What the vendor says of a signed URL that has expired."""
    return _refused(url, 403, "Forbidden")


def unreachable(url: str) -> Unheard:
    """What the vendor says of a URL that does not answer."""
    return Unheard(
        f"Download error, unable to download {url}. Please make sure the file exists and is accessible from the internet."
    )


def _refused(url: str, status: int, reason: str) -> Unheard:
    kind = "Client" if status < 500 else "Server"
    return Unheard(f"Download error to {url}, {status} {kind} Error: {reason} for url: {url}")
