"""How long a recording is, found out before an engine is asked, for jobs that may only be so long."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from services.transcriber import audio
from services.transcriber.scratch import Scratch
from shared.blobs import BlobStore
from shared.errors import JobError
from shared.schemas.jobs import LONGER_THAN_HELD


class LongerThanHeld(JobError):
    """The recording is longer than what the gateway holds of the tenant's minutes for it."""

    def __init__(self, duration_ms: int) -> None:
        super().__init__(LONGER_THAN_HELD, "The recording is longer than what is held of the month's minutes for it.")
        self.duration_ms = duration_ms


@dataclass(frozen=True, kw_only=True)
class Lengths:
    """Decodes recordings to see how long they are; what they claim is not believed."""

    blobs: BlobStore
    scratch: Scratch
    most_ms: int

    async def check(self, key: str, limit: int | None) -> None:
        """Raise `LongerThanHeld` where a recording is longer than `limit` milliseconds, or what decoding raises."""
        if limit is None:
            return
        async with self.scratch.folder() as folder:
            await self.blobs.download(key, folder / "source")
            recording = await audio.decode(folder / "source", Path(os.devnull), most_ms=self.most_ms)
        if recording.duration_ms > limit:
            raise LongerThanHeld(recording.duration_ms)
