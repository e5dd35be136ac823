"""Keeps the search index true: enters jobs that are new, were transcribed, edited or renamed, one after the other."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec
import structlog

from services.gateway.jobs import Job
from services.gateway.problems import Problem
from services.gateway.search.passages import SpokenText, passages_of, title_passage
from services.gateway.store.search import Due, Passage, SearchIndex
from shared.blobs import BlobNotFound, BlobStore, BlobUnavailable
from shared.blobs.sealing import BlobDamaged
from shared.schemas.privacy import Part

POLL_SECONDS = 1.0
"""How soon what is new can be found."""
CLAIM_SECONDS = 120.0
"""How long a job stays with a process that died over it."""
AT_ONCE = 50

_SPOKEN = msgspec.json.Decoder(SpokenText)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Indexing:
    """The loop of one process."""

    index: SearchIndex
    blobs: BlobStore
    transcript_key: Callable[[Job, int], Awaitable[str]]
    transcripts: bool
    """Whether what was said is entered, and not only titles."""

    async def run(self) -> None:
        """Loop for ever."""
        while True:
            if await self.work() < AT_ONCE:
                await asyncio.sleep(POLL_SECONDS * random.uniform(0.8, 1.2))

    async def work(self) -> int:
        """Enter some of the jobs that are due; returns how many there were."""
        due = await self.index.claim(seconds=CLAIM_SECONDS, most=AT_ONCE)
        for one in due:
            try:
                await self._enter(one)
            except BlobUnavailable as error:
                log.warning("search.postponed", job_id=str(one.job.id), error=str(error))
        return len(due)

    async def _enter(self, due: Due) -> None:
        job = due.job
        title = title_passage(job.tenant_id, job.options.title, job.file_name)
        said = await self._said(job) if self.transcripts else []
        await self.index.enter(due, [*([] if title is None else [title]), *said])

    async def _said(self, job: Job) -> list[Passage]:
        """The passages of its newest transcript; none where there is none, or none any more."""
        if job.transcribed_run is None or Part.TRANSCRIPT in job.removed:
            return []
        try:
            data = await self.blobs.get(await self.transcript_key(job, job.transcribed_run))
            return await asyncio.to_thread(_read, job, data)
        except (BlobNotFound, Problem):
            return []
        except (BlobDamaged, msgspec.DecodeError) as error:
            log.error("search.not_understood", job_id=str(job.id), run=job.transcribed_run, error=str(error))
            return []


def _read(job: Job, data: bytes) -> list[Passage]:
    return list(passages_of(job.tenant_id, _SPOKEN.decode(data)))
