"""The gateway's API as the command line uses it."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar
from urllib.parse import quote
from uuid import UUID

import httpx
import msgspec
from httpx_sse import aconnect_sse

from shared.errors import Audio2txtError
from shared.schemas.endpoints import DeliveryStatus, EventType
from shared.schemas.jobs import (
    Analysis,
    ArtifactFormat,
    ArtifactState,
    Failure,
    FileFormat,
    JobState,
    Redaction,
    ReportLanguage,
    ReportMode,
    Script,
    SpeakerRange,
    Waiting,
)

T = TypeVar("T")

CHUNK_BYTES = 1024 * 1024
TIMEOUT = httpx.Timeout(30, read=90)
"""Long enough for an event stream's quiet seconds; the gateway sends a comment every fifteen."""


class ApiError(Audio2txtError):
    """The gateway refused or could not be reached; the message is the gateway's own sentence where there is one."""

    def __init__(self, message: str, *, status: int | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Artifact(msgspec.Struct, frozen=True):
    """A rendered file, as the job lists it."""

    name: str
    format: FileFormat
    state: ArtifactState
    size: int | None = None
    failure: Failure | None = None


class Transcription(msgspec.Struct, frozen=True):
    """The first stage."""

    waiting: Waiting | None = None


class Stages(msgspec.Struct, frozen=True):
    """Where a job stands."""

    transcription: Transcription = Transcription()


class Job(msgspec.Struct, frozen=True):
    """The fields of a job that the command line shows."""

    id: UUID
    state: JobState
    progress: float | None = None
    stages: Stages = Stages()
    failure: Failure | None = None
    artifacts: tuple[Artifact, ...] = ()
    file_name: str | None = None

    @property
    def waiting(self) -> Waiting | None:
        """What it waits for; null while its work goes on."""
        return self.stages.transcription.waiting


class Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is asked of the gateway for one recording."""

    language: str = "auto"
    engine: str | None = None
    solution: str = "verbatim"
    formats: tuple[ArtifactFormat, ...] | None = None
    speakers: SpeakerRange | None = None
    vocabulary: tuple[str, ...] = ()
    vocabularies: tuple[str, ...] | None = None
    channels: bool = False
    redaction: Redaction | None = None
    analyses: tuple[Analysis, ...] = ()
    script: Script | None = None
    report_language: ReportLanguage | None = None
    report_mode: ReportMode | None = None
    inputs: dict[str, str] = {}
    duplicates: str = "allow"
    callback_url: str | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is to be different about a job that ended."""

    formats: tuple[ArtifactFormat, ...] | None = None
    solution: str | None = None
    report_language: ReportLanguage | None = None
    report_mode: ReportMode | None = None
    inputs: dict[str, str] | None = None


class Delivery(msgspec.Struct, frozen=True):
    """One message on its way to one endpoint."""

    id: UUID
    endpoint_id: UUID
    type: str
    status: DeliveryStatus
    attempts: int
    created_at: dt.datetime
    job_id: UUID | None = None
    due_at: dt.datetime | None = None


class Attempt(msgspec.Struct, frozen=True):
    """One attempt to deliver it."""

    number: int
    started_at: dt.datetime
    duration_ms: int
    status: int | None = None
    reason: str | None = None
    request_headers: dict[str, str] = {}
    request_body: str = ""
    response_headers: dict[str, str] = {}
    response_body: str = ""


class DeliveryDetails(Delivery, frozen=True):
    """A delivery and its attempts."""

    log: tuple[Attempt, ...] = ()


class Replay(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What to send again to an endpoint."""

    since: dt.datetime
    until: dt.datetime | None = None
    missing: bool = False
    types: tuple[EventType, ...] = ()


class Suppression(msgspec.Struct, frozen=True):
    """An address that gets no e-mails any more."""

    id: UUID
    address: str
    reason: str
    created_at: dt.datetime


class Vocabulary(msgspec.Struct, frozen=True):
    """A set of terms and replacements, without what is in it."""

    id: UUID
    name: str
    version: int
    default: bool
    term_count: int
    replacement_count: int


class _Page(msgspec.Struct, Generic[T], frozen=True):
    data: tuple[T, ...]
    next_cursor: str | None = None


class _Problem(msgspec.Struct):
    detail: str | None = None
    title: str | None = None
    code: str | None = None


class _Upload(msgspec.Struct):
    id: UUID


class Client:
    """A connection to one gateway with one API key."""

    def __init__(self, *, url: str, api_key: str) -> None:
        self._url = url
        self._http = httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {api_key}"}, timeout=TIMEOUT)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def upload(self, path: Path, *, sent: Callable[[int], None]) -> UUID:
        """Stream a file to the gateway; `sent` hears of the bytes as they go."""

        async def body() -> AsyncIterator[bytes]:
            with path.open("rb") as file:
                while chunk := file.read(CHUNK_BYTES):
                    yield chunk
                    sent(len(chunk))

        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(path.stat().st_size)}
        answer = await self.call(
            "POST", f"/v1/uploads?file_name={quote(path.name)}", content=body(), headers=headers, timeout=None
        )
        return msgspec.json.decode(answer.content, type=_Upload).id

    async def create_job(self, upload_id: UUID, order: Order) -> Job:
        """Start the work on an upload."""
        content = msgspec.json.encode({"upload_id": upload_id, **msgspec.to_builtins(order)})
        answer = await self.call("POST", "/v1/jobs", content=content, headers={"Content-Type": "application/json"})
        return msgspec.json.decode(answer.content, type=Job)

    async def job(self, job_id: UUID) -> Job:
        """The job as it stands."""
        answer = await self.call("GET", f"/v1/jobs/{job_id}")
        return msgspec.json.decode(answer.content, type=Job)

    async def retry(self, job_id: UUID, change: Change | None = None) -> Job:
        """Do again what failed, or do it differently."""
        content = msgspec.json.encode(change or Change())
        headers = {"Content-Type": "application/json"}
        answer = await self.call("POST", f"/v1/jobs/{job_id}/retry", content=content, headers=headers)
        return msgspec.json.decode(answer.content, type=Job)

    async def watch(self, job_id: UUID) -> AsyncIterator[Job]:
        """The job each time it changes, until it is final; a broken stream is taken up again."""
        while True:
            try:
                async with aconnect_sse(self._http, "GET", f"/v1/jobs/{job_id}/events") as stream:
                    if stream.response.status_code >= 400:
                        await stream.response.aread()
                        raise _error(stream.response)
                    async for event in stream.aiter_sse():
                        if not event.data:
                            continue
                        job = msgspec.json.decode(event.data, type=Job)
                        yield job
                        if job.state.final:
                            return
            except httpx.TransportError:
                yield await self.job(job_id)

    async def download(self, job_id: UUID, name: str, target: Path) -> int:
        """Store an artifact in a file, whole or not at all; returns its bytes."""
        partial = target.with_name(target.name + ".part")
        async with self._http.stream("GET", f"/v1/jobs/{job_id}/artifacts/{quote(name)}") as answer:
            if answer.status_code >= 400:
                await answer.aread()
                raise _error(answer)
            with partial.open("wb") as file:
                async for chunk in answer.aiter_bytes(CHUNK_BYTES):
                    file.write(chunk)
        partial.replace(target)
        return target.stat().st_size

    def deliveries(self, *, most: int, **wanted: str) -> AsyncIterator[Delivery]:
        """The newest deliveries, at most so many, filtered as `GET /v1/deliveries` filters them."""
        return self._newest("/v1/deliveries", _Page[Delivery], most=most, **wanted)

    def suppressions(self, *, most: int, **wanted: str) -> AsyncIterator[Suppression]:
        """The newest suppressions, at most so many, filtered as `GET /v1/suppressions` filters them."""
        return self._newest("/v1/suppressions", _Page[Suppression], most=most, **wanted)

    def vocabularies(self, *, most: int = 10_000) -> AsyncIterator[Vocabulary]:
        """The newest vocabularies, at most so many."""
        return self._newest("/v1/vocabularies", _Page[Vocabulary], most=most)

    async def lift(self, suppression_id: UUID) -> None:
        """Have an address written to again."""
        await self.call("DELETE", f"/v1/suppressions/{suppression_id}")

    async def delivery(self, delivery_id: UUID) -> DeliveryDetails:
        """One delivery and what came back at each attempt."""
        answer = await self.call("GET", f"/v1/deliveries/{delivery_id}")
        return msgspec.json.decode(answer.content, type=DeliveryDetails)

    async def redeliver(self, delivery_id: UUID) -> None:
        """Have a message sent once more."""
        await self.call("POST", f"/v1/deliveries/{delivery_id}/redeliver")

    async def replay(self, endpoint_id: UUID, wish: Replay) -> None:
        """Have an endpoint sent again what failed or was missed."""
        headers = {"Content-Type": "application/json"}
        await self.call("POST", f"/v1/endpoints/{endpoint_id}/replay", content=msgspec.json.encode(wish), headers=headers)

    async def webhook_secret(self) -> str:
        """The secret this tenant's webhooks are signed with."""
        answer = await self.call("GET", "/v1/webhook-secret")
        return str(msgspec.json.decode(answer.content, type=dict[str, str])["secret"])

    async def check(self) -> None:
        """Raise `ApiError` unless the gateway answers and takes the key."""
        await self.call("GET", "/v1/account")

    async def _newest(self, path: str, kind: type[_Page[T]], *, most: int, **wanted: str) -> AsyncIterator[T]:
        query, left = {**wanted, "limit": str(min(most, 100))}, most
        while left > 0:
            page = msgspec.json.decode((await self.call("GET", path, params=query)).content, type=kind)
            for item in page.data[:left]:
                yield item
            left -= len(page.data)
            if page.next_cursor is None:
                return
            query["after"] = page.next_cursor

    async def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request. Raises `ApiError`, without a status where there was no answer."""
        try:
            answer = await self._http.request(method, path, **options)
        except httpx.ConnectError:
            raise ApiError(
                f"No Audio2txt answers at {self._url}; start one with `audio2txt run all`, or name another with --url."
            ) from None
        except httpx.TransportError as error:
            raise ApiError(f"The connection to {self._url} broke: {error or type(error).__name__}.") from error
        if answer.status_code >= 400:
            raise _error(answer)
        return answer


def _error(answer: httpx.Response) -> ApiError:
    try:
        problem = msgspec.json.decode(answer.content, type=_Problem)
    except msgspec.DecodeError:
        problem = _Problem()
    message = problem.detail or problem.title or f"the gateway answered {answer.status_code}"
    return ApiError(message, status=answer.status_code, code=problem.code)
