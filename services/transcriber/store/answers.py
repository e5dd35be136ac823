"""The answers that the runs of a job were given, and to what. Guarded by the lease."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from services.transcriber.store.rows import Key, Transcription, read_row
from shared.database import Pool


class AnswerStore:
    """Reads and writes what `transcriptions` hold about answers. Every write tells whether the lease is still ours."""

    def __init__(self, *, pool: Pool, owner: UUID) -> None:
        self._pool = pool
        self._owner = owner

    async def asked(self, key: Key, digest: str | None) -> bool:
        """Note what the provider is asked for; null when its answer is nothing to come back to."""
        return await self._changed("asked = $4", key, digest)

    async def attached(self, key: Key, keys: Sequence[str]) -> bool:
        """Note that the files that came with the answer are stored."""
        return await self._changed("attachments = $4", key, list(keys))

    async def read_again(self, key: Key, earlier: int) -> bool:
        """Note that it is the answer of an earlier run that is read."""
        return await self._changed("answer_run = $4", key, earlier)

    async def earlier(self, key: Key, engine: str, digest: str, *, attached: bool) -> Transcription | None:
        """The newest run before this one that was given an answer to the same; with its files, where they are wanted."""
        row = await self._pool.fetchrow(
            """
            select * from transcriber.transcriptions
            where job_id = $1 and run < $2 and engine = $3 and asked = $4 and heard_at is not null and answer_run is null
              and (attachments is not null or not $5)
            order by run desc limit 1
            """,
            key.job_id,
            key.run,
            engine,
            digest,
            attached,
        )
        return None if row is None else read_row(row)

    async def transcribed_before(self, key: Key, answer_run: int) -> bool:
        """Whether a run before this one has made a transcript of the answer that was given to `answer_run`."""
        found: bool = await self._pool.fetchval(
            """
            select exists (
                select from transcriber.transcriptions
                where job_id = $1 and run < $2 and state = 'done' and coalesce(answer_run, run) = $3
            )
            """,
            *(key.job_id, key.run, answer_run),
        )
        return found

    async def of(self, key: Key) -> Transcription | None:
        """A run, in whatever state; null when it is erased."""
        row = await self._pool.fetchrow(
            "select * from transcriber.transcriptions where job_id = $1 and run = $2", key.job_id, key.run
        )
        return None if row is None else read_row(row)

    async def _changed(self, change: str, key: Key, value: Any) -> bool:
        changed = await self._pool.fetchval(
            f"update transcriber.transcriptions set {change} "
            "where job_id = $1 and run = $2 and lease_owner = $3 and ended_at is null returning true",
            key.job_id,
            key.run,
            self._owner,
            value,
        )
        return changed is not None
