"""Jobs: recordings on their way to documents."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from types import NoneType
from typing import Any, TypeVar, Unpack
from uuid import UUID, uuid4

import httpx
from httpx_sse import EventSource

from audio2txt_client._async.blocking import sleep
from audio2txt_client._async.connection import AsyncConnection
from audio2txt_client._async.uploads import AsyncUploads
from audio2txt_client._protocol.following import Following, FollowingAll, FollowingJob
from audio2txt_client._protocol.requests import QueryValue, Request, path_of
from audio2txt_client._protocol.sources import Progress, Source
from audio2txt_client._protocol.waiting import Patience
from audio2txt_client.errors import ApiError, ConnectionFailed, WaitTimedOut
from audio2txt_client.models.jobs import Job, JobNews
from audio2txt_client.models.lists import Page
from audio2txt_client.models.search import Found
from audio2txt_client.wishes import JobChange, JobWishes, RetryWishes

T = TypeVar("T")


class AsyncJobs:
    """`/v1/jobs`."""

    def __init__(self, connection: AsyncConnection, uploads: AsyncUploads) -> None:
        self._connection = connection
        self._uploads = uploads

    async def create(
        self,
        source: Source | None = None,
        *,
        upload_id: UUID | str | None = None,
        audio_url: str | None = None,
        file_name: str | None = None,
        on_progress: Progress | None = None,
        idempotency_key: str | None = None,
        **wishes: Unpack[JobWishes],
    ) -> Job:
        """Transcribe a recording: one that is sent now (`source`: a path, bytes or a binary file), was uploaded before
        (`upload_id`), or is fetched by the gateway (`audio_url`).

        A big `source` is sent so that a broken connection costs nothing. The request carries an Idempotency-Key, made here
        unless it is given, so that repeating it makes no second job.
        """
        if sum(given is not None for given in (source, upload_id, audio_url)) != 1:
            raise TypeError("give exactly one of source, upload_id and audio_url")
        if source is not None:
            upload_id = (await self._uploads.send(source, file_name=file_name, on_progress=on_progress)).id
        recording = {"upload_id": upload_id} if audio_url is None else {"audio_url": audio_url}
        request = Request(
            method="POST",
            path=path_of("jobs"),
            kind=Job,
            json={**recording, **wishes},
            headers={"Idempotency-Key": idempotency_key or uuid4().hex},
        )
        return await self._connection.send(request)

    def list(
        self,
        *,
        state: str | None = None,
        solution: str | None = None,
        language: str | None = None,
        tags: Sequence[str] = (),
        metadata: Mapping[str, str] | None = None,
        batch_id: UUID | str | None = None,
        created_after: dt.datetime | None = None,
        created_before: dt.datetime | None = None,
        page_size: int | None = None,
    ) -> AsyncIterator[Job]:
        """The tenant's jobs, the newest first, of which all filters are true: with all these tags and entries of the metadata,
        in this state … Pages are fetched as they are needed."""
        query: Mapping[str, QueryValue] = {
            "state": state,
            "solution": solution,
            "language": language,
            "tag": tags,
            "metadata": [f"{name}:{value}" for name, value in (metadata or {}).items()],
            "batch": batch_id,
            "created_after": created_after,
            "created_before": created_before,
            "limit": page_size,
        }
        return self._connection.pages(Request(method="GET", path=path_of("jobs"), kind=Page[Job], query=query))

    def search(
        self,
        question: str,
        *,
        job_id: UUID | str | None = None,
        created_after: dt.datetime | None = None,
        created_before: dt.datetime | None = None,
        page_size: int | None = None,
    ) -> AsyncIterator[Found]:
        """Where something was said, and which jobs are called so, the newest first: words that must all be there, and phrases
        in quotation marks. A job with many hits may come more than once."""
        query: Mapping[str, QueryValue] = {
            "q": question,
            "job": job_id,
            "created_after": created_after,
            "created_before": created_before,
            "limit": page_size,
        }
        return self._connection.pages(Request(method="GET", path=path_of("search"), kind=Page[Found], query=query))

    async def get(self, job_id: UUID | str) -> Job:
        """A job as it stands."""
        return await self._connection.send(Request(method="GET", path=path_of("jobs", job_id), kind=Job))

    async def wait(self, job_id: UUID | str, *, timeout: float | None = None) -> Job:
        """The job once it is final and has its files, failed ones too (`raise_for_state` on it tells). Raises `WaitTimedOut`
        after `timeout` seconds, of which there is no end by default."""
        patience = Patience(timeout)
        while True:
            seconds = patience.next()
            request = Request(
                method="GET",
                path=path_of("jobs", job_id),
                kind=Job,
                query={"wait": round(seconds, 3)},
                timeout=httpx.Timeout(30, read=seconds + 30),
            )
            job = await self._connection.send(request)
            if job.at_rest:
                return job
            if patience.over:
                raise WaitTimedOut(f"The job {job_id} is {job.state} after {timeout:g} s; it goes on.")
            await sleep(patience.pause)

    async def events(self, job_id: UUID | str, *, after: int = 0) -> AsyncIterator[Job]:
        """The job now and whenever it changes, until it is final and has its files. A stream that breaks is taken up again
        where it was. `after` is the `version` that you know already."""
        following = FollowingJob(str(job_id), after=after, retries=self._connection.retries)
        while True:
            async with aclosing(self._stream(following)) as jobs:
                async for job in jobs:
                    yield job
                    if job.at_rest:
                        return
            # A stream also ends after ten minutes, when the gateway stops, and when the network breaks.
            job = await self.get(job_id)
            if following.news(job):
                yield job
            if job.at_rest:
                return
            await sleep(following.pause)

    async def feed(
        self, *, states: Sequence[str] = (), tags: Sequence[str] = (), snapshot: bool = False, after: str | None = None
    ) -> AsyncIterator[JobNews]:
        """Whatever happens to the tenant's jobs (those in one of these states, with all these tags), without an end. Streams
        that break are taken up again: no change is missed, and none comes twice.

        `snapshot` begins with all jobs that are not final. `after` is the `place` of the last news that an earlier program
        has seen to, good for seven days; raises `Gone` for an older one: begin anew, with `snapshot`.
        """
        following = FollowingAll(states=states, tags=tags, snapshot=snapshot, after=after, retries=self._connection.retries)
        while True:
            async with aclosing(self._stream(following)) as stream:
                async for news in stream:
                    yield news
            await sleep(following.pause)

    async def update(self, job_id: UUID | str, *, if_version: int | None = None, **change: Unpack[JobChange]) -> Job:
        """Change title, tags or metadata. With `if_version`, only while the job's `version` is still that; raises
        `PreconditionFailed` otherwise."""
        headers = {} if if_version is None else {"If-Match": f'"{if_version}"'}
        body: dict[str, Any] = {**change}
        path = path_of("jobs", job_id)
        return await self._connection.send(Request(method="PATCH", path=path, kind=Job, json=body, headers=headers))

    async def cancel(self, job_id: UUID | str) -> Job:
        """Stop the work on a job. What an engine was already paid for is paid; `retry` begins again."""
        path = path_of("jobs", job_id, "cancel")
        return await self._connection.send(Request(method="POST", path=path, kind=Job, idempotent=True))

    async def retry(self, job_id: UUID | str, **wishes: Unpack[RetryWishes]) -> Job:
        """Begin again where a failed or cancelled job broke off, or make another report of a finished one: of another
        `solution`, in another `report_language` … Nothing is transcribed again unless another `engine` is named."""
        body: dict[str, Any] = {**wishes}
        return await self._connection.send(Request(method="POST", path=path_of("jobs", job_id, "retry"), kind=Job, json=body))

    async def delete(self, job_id: UUID | str, *, if_version: int | None = None) -> None:
        """Delete a job in any state with its recording, transcript and files, here and where it was worked on. With
        `if_version`, only while the job's `version` is still that."""
        path, headers = path_of("jobs", job_id), {} if if_version is None else {"If-Match": f'"{if_version}"'}
        await self._connection.send(Request(method="DELETE", path=path, kind=NoneType, headers=headers))

    async def _stream(self, following: Following[T]) -> AsyncGenerator[T, None]:
        """The news of one stream."""
        try:
            async with self._connection.stream(following.request) as answer:
                following.opened()
                async for event in EventSource(answer).aiter_sse():
                    following.told(event)
                    news = following.heard(event)
                    if news is not None:
                        yield news
        except (ApiError, ConnectionFailed) as error:
            following.broke(error)
