"""Files that are fetched over as many connections as it takes."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from audio2txt_client._async.blocking import sleep, unblocked
from audio2txt_client._async.connection import AsyncConnection
from audio2txt_client._protocol.downloads import Announced, Download, Target, partial_path
from audio2txt_client._protocol.requests import Request
from audio2txt_client._protocol.sources import Progress
from audio2txt_client.errors import ApiError, Audio2txtError, ConnectionFailed, ContentMismatch


async def fetch(
    connection: AsyncConnection, path: str, announced: Announced, target: Target, on_progress: Progress | None
) -> int:
    """Store one file at a path, whole or not at all, or write it to a binary file; returns its bytes. Raises
    `ContentMismatch` where they are not those that were announced."""
    fetching = _Fetching(connection, path, announced, on_progress)
    if not isinstance(target, str | os.PathLike):
        download = Download(announced, target, start=target.tell() if target.seekable() else 0)
        await fetching.complete(download)
        return download.received
    final = Path(target)
    partial = partial_path(final, announced)
    with await unblocked(_opened, partial) as file:
        download = Download(announced, file)
        await unblocked(download.take_over)
        try:
            await fetching.complete(download)
        except Audio2txtError as error:
            if isinstance(error, ContentMismatch) or not download.received:
                partial.unlink()
            raise
    await unblocked(partial.replace, final)
    return download.received


@dataclass(frozen=True)
class _Fetching:
    """One file at the gateway."""

    connection: AsyncConnection
    path: str
    announced: Announced
    on_progress: Progress | None

    async def complete(self, download: Download) -> None:
        """All of it, and checked; what an earlier program has left may turn out to be no good."""
        taken_over = download.received
        if not download.complete:
            await self._stream(download)
        try:
            download.check()
        except ContentMismatch:
            if not taken_over:
                raise
            download.discard()
            await self.complete(download)

    async def _stream(self, download: Download) -> None:
        """All that is missing."""
        request = Request(method="GET", path=self.path, kind=bytes)
        best, attempts = download.received, self.connection.attempts(request)
        while True:
            try:
                request = replace(request, headers=download.headers)
                async with self.connection.stream(request) as answer:
                    download.begin(answer)
                    async for chunk in answer.aiter_bytes():
                        await unblocked(download.write, chunk)
                        if self.on_progress is not None:
                            self.on_progress(download.received, self.announced.size)
                return
            except (ApiError, ConnectionFailed) as error:
                if download.received > best:
                    best, attempts = download.received, self.connection.attempts(request)
                pause = attempts.after(error)
                if pause is None:
                    raise
            await sleep(pause)


def _opened(path: Path) -> BinaryIO:
    """For reading and writing, with what is in it."""
    path.touch()
    return path.open("r+b")
