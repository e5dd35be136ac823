"""The dealings with a rented engine that answers in the request itself, so that no crash anywhere pays it twice."""

from __future__ import annotations

from uuid import UUID

from services.transcriber.engines import AnsweringEngine, Permit, Report, Task
from services.transcriber.ledger import PaidLedger, PaidRequests
from services.transcriber.store import Transcription
from shared.blobs import BlobStore
from shared.database import Pool


class Answering:
    """Gives every transcription its ledger."""

    def __init__(self, *, pool: Pool, owner: UUID, blobs: BlobStore) -> None:
        self._requests = PaidRequests(pool=pool, owner=owner)
        self._blobs = blobs

    async def answer(self, row: Transcription, task: Task, engine: AnsweringEngine, report: Report, *, permit: Permit) -> bytes:
        """The raw answer to a transcription that we hold; after a crash it goes on with the first request not yet answered."""
        ledger = PaidLedger(requests=self._requests, blobs=self._blobs, row=row, permit=permit)
        return await engine.transcribe(task, ledger, report)
