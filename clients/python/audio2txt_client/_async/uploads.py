"""Uploads: recordings of any size."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from types import NoneType
from uuid import UUID

from audio2txt_client._async.blocking import sleep, unblocked
from audio2txt_client._async.connection import AsyncConnection
from audio2txt_client._protocol import resuming
from audio2txt_client._protocol.answers import decoded
from audio2txt_client._protocol.requests import Request, given, path_of
from audio2txt_client._protocol.resuming import Resumption
from audio2txt_client._protocol.sources import CHUNK_BYTES, Progress, Reader, Recording, Source, recording_of
from audio2txt_client.errors import Audio2txtError, ContentMismatch, PreconditionFailed
from audio2txt_client.models.uploads import DirectUpload, Upload


class AsyncUploads:
    """`/v1/uploads`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def create(self, source: Source, *, file_name: str | None = None, on_progress: Progress | None = None) -> Upload:
        """Upload a recording in one request. Raises `ContentMismatch` where other bytes have arrived."""
        recording = recording_of(source, file_name=file_name)
        headers = {"Content-Type": "application/octet-stream"}
        if recording.size is not None:
            headers["Content-Length"] = str(recording.size)
        request = Request(
            method="POST",
            path=path_of("uploads"),
            kind=Upload,
            query={"file_name": recording.file_name},
            headers=headers,
            timeout=resuming.TIMEOUT,
            # An upload that nobody makes a job of is deleted after a day.
            idempotent=recording.rewindable,
            attempts=None if recording.rewindable else 1,
        )
        with recording.reading() as reader:

            async def body() -> AsyncIterator[bytes]:
                await unblocked(reader.rewind)
                while chunk := await unblocked(reader.read):
                    yield chunk
                    _tell(on_progress, reader, recording)

            upload = decoded(request, await self._connection.exchange(request, body=body))
            return await self._checked(upload, reader)

    async def create_resumable(
        self,
        source: Source,
        *,
        resume: UUID | str | None = None,
        file_name: str | None = None,
        on_begin: Callable[[UUID], None] | None = None,
        on_progress: Progress | None = None,
    ) -> Upload:
        """Upload a recording over connections that break, by tus 1.0.0: what has arrived is not sent again.

        `on_begin` hears the upload's id. Keep it, and give it as `resume` (or the upload's URL) to go on after the program was
        stopped; an upload that has expired meanwhile is begun anew. The source must be a path, bytes or a file that can be
        rewound. Raises `ContentMismatch` where the recording is not the one that the upload was begun with.
        """
        recording = recording_of(source, file_name=file_name)
        if recording.size is None:
            raise TypeError("an upload that resumes needs a source that can be rewound, and this one cannot")
        upload_id = None if resume is None else resuming.upload_id_of(resume)
        resumption = Resumption(upload_id=upload_id, retries=self._connection.retries)
        with recording.reading() as reader:
            while True:
                try:
                    if await self._go_on(resumption, recording, reader, on_begin, on_progress):
                        break
                except Audio2txtError as error:
                    await sleep(resumption.after(error))
            assert resumption.upload_id is not None
            return await self._checked(await self.get(resumption.upload_id), reader)

    async def create_direct(
        self, source: Source, *, file_name: str | None = None, on_progress: Progress | None = None
    ) -> Upload:
        """Upload a recording of at most 5 GiB straight to the store, past the gateway. Raises `NotFound` where that cannot be
        done (its `code` says why), `ContentMismatch` where other bytes have arrived. The source must be a path, bytes or a
        file that can be rewound."""
        recording = recording_of(source, file_name=file_name)
        if recording.size is None:
            raise TypeError("an upload to the store needs a source that can be rewound, and this one cannot")
        body = {"size": recording.size} | given(file_name=recording.file_name)
        begun = await self._connection.send(
            Request(method="POST", path=path_of("uploads", "direct"), kind=DirectUpload, json=body)
        )
        with recording.reading() as reader:
            await self._put(begun, recording, reader, on_progress)
            path = path_of("uploads", begun.upload.id, "complete")
            looked_at = Request(method="POST", path=path, kind=Upload, idempotent=True, timeout=resuming.TIMEOUT)
            return await self._checked(await self._connection.send(looked_at), reader)

    async def get(self, upload_id: UUID | str) -> Upload:
        """Where an upload stands."""
        return await self._connection.send(Request(method="GET", path=path_of("uploads", upload_id), kind=Upload))

    async def delete(self, upload_id: UUID | str) -> None:
        """Delete an upload that is not a job yet; one that is still being sent is stopped."""
        await self._connection.send(Request(method="DELETE", path=path_of("uploads", upload_id), kind=NoneType))

    async def send(self, source: Source, *, file_name: str | None, on_progress: Progress | None) -> Upload:
        """Upload a recording in the way that suits its size."""
        size = recording_of(source, file_name=file_name).size
        if size is not None and size >= resuming.WORTHWHILE_BYTES:
            return await self.create_resumable(source, file_name=file_name, on_progress=on_progress)
        return await self.create(source, file_name=file_name, on_progress=on_progress)

    async def _put(self, begun: DirectUpload, recording: Recording, reader: Reader, on_progress: Progress | None) -> None:
        """The one request to the store."""

        async def body() -> AsyncIterator[bytes]:
            await unblocked(reader.rewind)
            while chunk := await unblocked(reader.read):
                yield chunk
                _tell(on_progress, reader, recording)

        request = Request(
            method=begun.method,
            path=begun.url,
            kind=NoneType,
            headers=begun.headers,
            timeout=resuming.TIMEOUT,
            elsewhere=True,
        )
        try:
            await self._connection.exchange(request, body=body)
        except PreconditionFailed:
            # It takes one file. An attempt whose answer was lost has brought it; whether it is ours, its SHA-256 tells.
            await unblocked(reader.seek, recording.size or 0)

    async def _go_on(
        self,
        resumption: Resumption,
        recording: Recording,
        reader: Reader,
        on_begin: Callable[[UUID], None] | None,
        on_progress: Progress | None,
    ) -> bool:
        """One connection's part; whether all bytes are there."""
        size = recording.size or 0
        if resumption.upload_id is None:
            await unblocked(reader.rewind)
            first = await unblocked(reader.read, resuming.FIRST_BYTES)
            answer = await self._connection.exchange(resuming.creation(recording, first))
            resumption.begun(resuming.created_id(answer))
            if on_begin is not None and resumption.upload_id is not None:
                on_begin(resumption.upload_id)
        assert resumption.upload_id is not None
        answer = await self._connection.exchange(resuming.question(resumption.upload_id))
        offset = resuming.offset_of(answer, size=size)
        resumption.stands_at(offset)
        await unblocked(reader.seek, offset)
        _tell(on_progress, reader, recording)
        if offset == size:
            return True

        async def body() -> AsyncIterator[bytes]:
            while chunk := await unblocked(reader.read, min(CHUNK_BYTES, size - reader.position)):
                yield chunk
                _tell(on_progress, reader, recording)

        await self._connection.exchange(resuming.sending(resumption.upload_id, offset=offset, size=size), body=body)
        return False

    async def _checked(self, upload: Upload, reader: Reader) -> Upload:
        if upload.sha256 is None or upload.sha256 == reader.sha256:
            return upload
        await self.delete(upload.id)
        raise ContentMismatch(
            "The upload does not hold the bytes of this recording, and is deleted; did the file change while it was sent?"
        )


def _tell(on_progress: Progress | None, reader: Reader, recording: Recording) -> None:
    if on_progress is not None:
        on_progress(reader.position, recording.size)
