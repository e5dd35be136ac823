"""Recordings on their way to their jobs: uploaded, or gone on with; several become one batch."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import msgspec
from rich.progress import Progress, TaskID

from audio2txt_client import (
    AsyncClient,
    Audio2txtError,
    BatchDetails,
    BatchItem,
    Conflict,
    Job,
    JobState,
    JobWishes,
    NotFound,
    UploadState,
)
from services.commands.connecting import explained
from services.commands.resume import Memory, Remembered, key_of

AT_ONCE = 4
"""Recordings that are uploaded at a time; the rest wait on this side."""

RESUMABLE_BYTES = 32 * 1024 * 1024
"""Uploads of files from this size on go on where an earlier command stopped."""

BATCH_SIZE = 500
"""Recordings that the gateway takes in one request."""


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A file, the name of its results, and its bar on the terminal."""

    path: Path
    stem: str
    bar: TaskID


@dataclass(frozen=True, kw_only=True)
class Sending:
    """Finds or makes the jobs of recordings, after one order."""

    client: AsyncClient
    order: JobWishes
    url: str
    memory: Memory
    progress: Progress

    async def jobs(self, recordings: Sequence[Recording]) -> list[Job | str]:
        """The job of each, or what a person is told why it has none. New ones become jobs together, once all are uploaded."""
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(recording: Recording) -> Job | UUID | str:
            async with slots:
                self.progress.start_task(recording.bar)
                try:
                    return await self._known(recording) or await self._uploaded(recording)
                except (Audio2txtError, OSError) as error:
                    return self._told(error)

        found = await asyncio.gather(*map(one, recordings))
        uploads = [(recording, it) for recording, it in zip(recordings, found, strict=True) if isinstance(it, UUID)]
        made: dict[UUID, Job | str] = {}
        for begin in range(0, len(uploads), BATCH_SIZE):
            made |= await self._made(uploads[begin : begin + BATCH_SIZE])
        jobs = [made[it] if isinstance(it, UUID) else it for it in found]
        for recording, job in zip(recordings, jobs, strict=True):
            if isinstance(job, Job):
                self.memory.keep(self.key(recording), Remembered(job_id=job.id))
        return jobs

    def forget(self, recording: Recording) -> None:
        """It is done: the same command would begin anew."""
        self.memory.forget(self.key(recording))

    async def _known(self, recording: Recording) -> Job | UUID | None:
        """What an earlier command left: the job, one to retry that may yet succeed, or the upload. None when the server knows
        nothing of it any more, or the same work would only fail again."""
        known = self.memory.find(self.key(recording))
        try:
            if known.upload_id is not None:
                upload = await self.client.uploads.get(known.upload_id)
                if upload.state != UploadState.USED:
                    return upload.id
                return await self._gone_on_with(upload.id)  # the command was stopped before it heard of the job
            return None if known.job_id is None else await self._gone_on_with(known.job_id)
        except (NotFound, Conflict):
            return None

    async def _gone_on_with(self, job_id: UUID) -> Job | None:
        job = await self.client.jobs.get(job_id)
        if job.state in (JobState.FAILED, JobState.CANCELLED):
            return await self.client.jobs.retry(job.id) if job.failure and job.failure.retryable else None
        return job

    async def _uploaded(self, recording: Recording) -> UUID:
        """The recording at the gateway; a big one goes on where an earlier command, or connection, stopped."""
        key, path = self.key(recording), recording.path

        def tell(done: int, total: int | None) -> None:
            self.progress.update(recording.bar, completed=done / (total or 1))

        self.progress.update(recording.bar, description="uploading")
        if path.stat().st_size < RESUMABLE_BYTES:
            upload = await self.client.uploads.create(path, on_progress=tell)
        else:
            upload = await self.client.uploads.create_resumable(
                path,
                resume=self.memory.find(key).sending_id,
                on_begin=lambda upload_id: self.memory.keep(key, Remembered(sending_id=upload_id)),
                on_progress=tell,
            )
        self.memory.keep(key, Remembered(upload_id=upload.id))
        self.progress.update(recording.bar, description="uploaded")
        return upload.id

    async def _made(self, uploads: Sequence[tuple[Recording, UUID]]) -> Mapping[UUID, Job | str]:
        """The jobs of uploads, by these; more than one make a batch."""
        try:
            if len(uploads) == 1:
                [(_, upload_id)] = uploads
                return {upload_id: await self.client.jobs.create(upload_id=upload_id, **self.order)}
            batch = await self.client.batches.create([self._item(*upload) for upload in uploads], **self.order)
            self.progress.console.print(f"{batch.size} recordings are batch {batch.id}.", markup=False, highlight=False)
            return await self._batched([upload_id for _, upload_id in uploads], batch)
        except Audio2txtError as error:
            return dict.fromkeys((upload_id for _, upload_id in uploads), self._told(error))

    def _item(self, recording: Recording, upload_id: UUID) -> BatchItem:
        # The title that was typed is that of all together.
        named: BatchItem = {"title": recording.stem} if "title" in self.order else {}
        return {"upload_id": str(upload_id), **named}

    async def _batched(self, upload_ids: Sequence[UUID], batch: BatchDetails) -> Mapping[UUID, Job | str]:
        jobs = {job.id: job async for job in self.client.jobs.list(batch_id=batch.id, page_size=100)}
        made: dict[UUID, Job | str] = {}
        for upload_id, item in zip(upload_ids, batch.items, strict=True):
            if item.refusal is not None or item.job_id is None:
                made[upload_id] = item.refusal.detail if item.refusal else "There is no job of it."
            else:  # one of the same recording, made before, is not the batch's own
                made[upload_id] = jobs.get(item.job_id) or await self.client.jobs.get(item.job_id)
        return made

    def _told(self, error: Audio2txtError | OSError) -> str:
        return explained(error, url=self.url) if isinstance(error, Audio2txtError) else str(error)

    def key(self, recording: Recording) -> str:
        """What it is remembered by."""
        # "22:00" is another time after it is over, and the same command.
        order = {name: wish for name, wish in self.order.items() if name != "start_after"}
        return key_of(recording.path, url=self.url, order=msgspec.json.encode(order, order="deterministic"))
