"""Recordings go to a bucket, are heard there by an operation that is asked how far it is, and are removed again."""

from __future__ import annotations

import datetime as dt

from typing_extensions import override

from services.transcriber.engines import (
    Account,
    Finished,
    Heard,
    OutcomeUnknown,
    Pending,
    Prepared,
    RentedEngine,
    Reserve,
    Task,
)
from services.transcriber.engines.google import answer
from services.transcriber.engines.google.api import Api
from services.transcriber.engines.google.credentials import ServiceAccount
from services.transcriber.engines.google.messages import Operation
from services.transcriber.engines.google.request import batch_recognize, capabilities
from services.transcriber.engines.google.settings import GoogleSettings
from services.transcriber.engines.http import Body
from shared.blobs import BlobStore
from shared.errors import JobError

LISTED = dt.timedelta(minutes=2)
"""After this an operation that was taken is listed."""
BATCHED_POLL_SECONDS = 300.0
"""Between questions about an operation that may take a day."""


class GoogleEngine(RentedEngine):
    """Speech-to-Text v2, with the deployment's service account."""

    name = "google"
    at_once = 16

    def __init__(
        self,
        *,
        settings: GoogleSettings,
        bucket: str,
        service_account: ServiceAccount,
        blobs: BlobStore,
        reserve: Reserve,
    ) -> None:
        self.capabilities = capabilities(settings)
        self.models = (settings.google_model,)
        self.key = service_account.identity
        self._settings = settings
        self._blobs = blobs
        self._poll_seconds = BATCHED_POLL_SECONDS if settings.google_dynamic_batching else None
        self.first_poll = self._poll_seconds or RentedEngine.first_poll
        self._api = Api(settings=settings, bucket=bucket, service_account=service_account, reserve=reserve)

    @override
    async def prepare(self, task: Task) -> Prepared:
        account, info = _account(task), await self._blobs.info(task.source_key)
        body = Body(media_type="application/octet-stream", chunks=lambda: self._blobs.stream(task.source_key), size=info.size)
        name = f"audio2txt/{task.job_id}/{task.run}/{task.token}"
        return {"uri": await self._api.upload(account, name, body)}

    @override
    async def submit(self, task: Task, prepared: Prepared) -> str:
        wanted = batch_recognize(task, prepared["uri"], self._settings)
        return await self._api.batch_recognize(_account(task), wanted)

    @override
    async def find(self, task: Task, prepared: Prepared, submitted_at: dt.datetime) -> str | None:
        """The operation on the recording's URI, which no other has.

        Google documents that operations repeat their request, as `metadata.batchRecognizeRequest`. How soon they are listed
        it does not, nor has this been tried on the real service.
        """
        for name in await self._operations_on(_account(task), prepared["uri"]):
            return name
        if dt.datetime.now(dt.UTC) < submitted_at + LISTED:
            raise OutcomeUnknown("Google took the recording perhaps: its list of operations may lag behind.")
        return None

    @override
    async def poll(self, task: Task, provider_id: str) -> Pending | Finished:
        raw = await self._api.operation(_account(task), provider_id)
        if raw is None:
            raise JobError("engine_lost_task", "Google has lost the transcription; retry the job.", retryable=True)
        standing = answer.standing(raw)
        if standing.done:  # whatever it says: it is stored before it is read
            return Finished(raw=raw)
        return Pending(seconds=self._poll_seconds, progress=standing.progress)

    @override
    async def dismiss(self, account: Account, provider_id: str | None, prepared: Prepared, *, search: bool) -> None:
        uri = prepared.get("uri")
        names = [provider_id] if provider_id else []
        if search and uri is not None and provider_id is None:
            names = await self._operations_on(account, uri)
        for name in names:
            await self._api.end_operation(account, name)
        if uri is not None:
            await self._api.delete_object(account, uri)

    @override
    def parse(self, raw: bytes) -> Heard:
        return answer.parse(raw)

    @override
    async def close(self) -> None:
        await self._api.close()

    async def _operations_on(self, account: Account, uri: str) -> list[str]:
        return [operation.name async for operation in self._api.operations(account) if _is_on(operation, uri)]


def _account(task: Task) -> Account:
    """The deployment's: a tenant would have to bring a project, a bucket and a service account, and not a key alone."""
    assert task.account is not None
    if task.account.tenant_id is not None:
        raise JobError(
            "tenant_key_not_supported",
            "The engine google works with the deployment's service account only; have the operator remove your own key for it.",
        )
    return task.account


def _is_on(operation: Operation, uri: str) -> bool:
    request = operation.metadata.batch_recognize_request
    return request is not None and any(file.uri == uri for file in request.files)
