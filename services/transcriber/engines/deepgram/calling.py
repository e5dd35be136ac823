"""Deepgram where it can reach us: it takes the recording at once, and calls back with the transcript."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import urlencode

import msgspec
from typing_extensions import override

from services.transcriber.engines import (
    Account,
    Finished,
    Heard,
    Hooks,
    News,
    OutcomeUnknown,
    Pending,
    Prepared,
    RentedEngine,
    Reserve,
    Task,
    checkpoint_prefix,
)
from services.transcriber.engines.deepgram import answer
from services.transcriber.engines.deepgram.client import Client, capabilities
from services.transcriber.engines.deepgram.messages import Accepted
from services.transcriber.engines.deepgram.request import parameters
from services.transcriber.engines.deepgram.settings import DeepgramSettings
from shared.blobs import BlobNotFound, BlobStore
from shared.errors import JobError

READ_SECONDS = 60.0
POLL_SECONDS = 30.0
PATIENCE = dt.timedelta(minutes=25)
"""After this no callback comes any more: ten minutes of work, ten attempts half a minute apart, and as much again in hand."""


class CallingBack(RentedEngine):
    """Hands recordings over and waits to be called back. The callback is the only copy of the transcript."""

    name = "deepgram"
    at_once = 16
    first_poll = POLL_SECONDS
    largest_callback = 64 * 1024 * 1024

    def __init__(self, *, settings: DeepgramSettings, blobs: BlobStore, reserve: Reserve, hooks: Hooks) -> None:
        self.capabilities = capabilities(settings)
        self.models = (settings.deepgram_model,)
        self.key = settings.deepgram_api_key
        self._settings = settings
        self._blobs = blobs
        self._hooks = hooks
        self._client = Client(settings=settings, blobs=blobs, reserve=reserve, read_seconds=READ_SECONDS)

    @override
    async def prepare(self, task: Task) -> Prepared:
        parameters(task, self._settings)  # refuses what Deepgram cannot do
        return {}

    @override
    async def submit(self, task: Task, prepared: Prepared) -> str:
        callback = ("callback", self._callback_url(task.token))
        raw = await self._client.listen(task, [*parameters(task, self._settings), callback])
        try:
            return msgspec.json.decode(raw, type=Accepted).request_id
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise OutcomeUnknown("Deepgram took the recording perhaps: its answer cannot be read.") from None

    @override
    async def find(self, task: Task, prepared: Prepared, submitted_at: dt.datetime) -> str | None:
        """Only the callback can tell, by the token in its URL: Deepgram has no list of what it was given."""
        raw = await self._called_back(task)
        if raw is not None:
            return _request_id(raw) or f"job:{task.job_id}/{task.run}"
        if dt.datetime.now(dt.UTC) < submitted_at + PATIENCE:
            raise OutcomeUnknown("Deepgram took the recording perhaps: its callback may come yet.")
        raise JobError(
            "outcome_unknown",
            "The connection to Deepgram broke while the recording was handed over, and no transcript has come; "
            "it may have been charged, and a retry may be charged again.",
            retryable=True,
        )

    @override
    async def poll(self, task: Task, provider_id: str) -> Pending | Finished:
        raw = await self._called_back(task)
        if raw is not None:  # whatever it says: it is stored before it is read
            return Finished(raw=raw)
        if dt.datetime.now(dt.UTC) < await self._first_asked(task) + PATIENCE:
            return Pending(seconds=POLL_SECONDS)
        raise JobError(
            "engine_lost_task",
            "Deepgram took the recording but never called back with the transcript; see that it can reach "
            "AUDIO2TXT_PUBLIC_URL, and retry the job, which may be charged again.",
            retryable=True,
        )

    @override
    async def dismiss(self, account: Account, provider_id: str | None, prepared: Prepared, *, search: bool) -> None:
        """Nothing to do: Deepgram forgets a recording and its transcript once it has called back."""

    @override
    def may_call(self, headers: Mapping[str, str], query: Mapping[str, str]) -> bool:
        return hmac.compare_digest(query.get("s", "").encode(), self._signature(query.get("call", "")).encode())

    @override
    def heed(self, headers: Mapping[str, str], query: Mapping[str, str], body: bytes) -> News | None:
        if not self.may_call(headers, query):
            return None
        try:
            return News(token=query.get("call", ""), provider_id=_request_id(body), raw=body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None

    @override
    def parse(self, raw: bytes) -> Heard:
        return answer.parse(raw)

    @override
    async def close(self) -> None:
        await self._client.close()

    def _callback_url(self, token: str) -> str:
        return f"{self._hooks.url}/{self.name}?{urlencode({'call': token, 's': self._signature(token)})}"

    def _signature(self, token: str) -> str:
        return hmac.new(self._hooks.secret, f"{self.name} {token}".encode(), hashlib.sha256).hexdigest()

    async def _called_back(self, task: Task) -> bytes | None:
        """The body of the callback, stored before it was answered."""
        try:
            return await self._blobs.get(f"{_prefix(task)}callback.json")
        except BlobNotFound:
            return None

    async def _first_asked(self, task: Task) -> dt.datetime:
        """When the callback was first waited for, as no one else writes down."""
        key = f"{_prefix(task)}waiting-since.txt"
        try:
            return dt.datetime.fromisoformat((await self._blobs.get(key)).decode())
        except BlobNotFound:
            now = dt.datetime.now(dt.UTC)
            await self._blobs.put(key, now.isoformat().encode())
            return now


def _prefix(task: Task) -> str:
    return checkpoint_prefix(task.tenant_id, task.job_id, task.run)


def _request_id(raw: bytes) -> str | None:
    """The id in a whole answer, whatever else of it has changed; null when there is none. `DecodeError` for half an answer."""
    told = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    holder = msgspec.json.decode(told["metadata"]) if "metadata" in told else {}
    found = holder.get("request_id") if isinstance(holder, dict) else None
    if found is None and "request_id" in told:
        found = msgspec.json.decode(told["request_id"])
    return found if isinstance(found, str) else None
