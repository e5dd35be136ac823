"""Streams of server-sent events: where they were, and when to connect again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, TypeVar
from uuid import UUID

import httpx
import msgspec
from httpx_sse import ServerSentEvent

from audio2txt_client._protocol.requests import Request, path_of
from audio2txt_client._protocol.retries import Attempts, Retries
from audio2txt_client.errors import ApiError, ConnectionFailed, UnexpectedAnswer
from audio2txt_client.models.jobs import Job, JobNews, NewsKind

T = TypeVar("T")
K = TypeVar("K")

_TIMEOUT = httpx.Timeout(30, read=45)
"""Three of the comments that come every fifteen seconds."""

_HEADERS = {"Accept": "text/event-stream", "Cache-Control": "no-store"}

_RECONNECT_SECONDS = 2.0
"""Where the stream does not say otherwise."""


class Following(ABC, Generic[T]):
    """Something that is followed over one stream after the other."""

    def __init__(self, retries: Retries) -> None:
        self._retries = retries
        self._attempts = self._fresh()
        self.pause = _RECONNECT_SECONDS
        """Seconds before the next stream."""

    @property
    @abstractmethod
    def request(self) -> Request[bytes]:
        """For the stream from here on."""

    @abstractmethod
    def heard(self, event: ServerSentEvent) -> T | None:
        """The news that an event brings; null for what is old, or none. Raises `UnexpectedAnswer`."""

    def opened(self) -> None:
        """There is a stream; failures before it no longer count."""
        self.pause = _RECONNECT_SECONDS
        self._attempts = self._fresh()

    def told(self, event: ServerSentEvent) -> None:
        """Whatever an event brings, it may say when to connect again."""
        if event.retry is not None:
            self.pause = event.retry / 1000

    def broke(self, error: ApiError | ConnectionFailed) -> None:
        """The stream ended in an error: note how long to wait, or raise it when that is no use."""
        pause = self._attempts.after(error)
        if pause is None:
            raise error
        self.pause = pause

    def _fresh(self) -> Attempts:
        return Attempts(self._retries, repeatable=True)


class FollowingJob(Following[Job]):
    """One job, version by version."""

    def __init__(self, job_id: str, *, after: int, retries: Retries) -> None:
        super().__init__(retries)
        self._job_id = job_id
        self._version = after

    @property
    def request(self) -> Request[bytes]:
        known = {"Last-Event-ID": str(self._version)} if self._version else {}
        path = path_of("jobs", self._job_id, "events")
        return Request(method="GET", path=path, kind=bytes, headers={**_HEADERS, **known}, timeout=_TIMEOUT)

    def heard(self, event: ServerSentEvent) -> Job | None:
        if event.event != "job" or not event.data:
            return None
        job = _read(event, Job)
        return job if self.news(job) else None

    def news(self, job: Job) -> bool:
        """Whether this is newer than what was heard, which it is then."""
        if job.version <= self._version:
            return False
        self._version = job.version
        return True


class FollowingAll(Following[JobNews]):
    """All jobs of the tenant, from a place on."""

    def __init__(
        self, *, states: Sequence[str], tags: Sequence[str], snapshot: bool, after: str | None, retries: Retries
    ) -> None:
        super().__init__(retries)
        self._query = {"state": tuple(states), "tag": tuple(tags)}
        self._snapshot = snapshot
        self._place = after

    @property
    def request(self) -> Request[bytes]:
        query, headers = {**self._query, "snapshot": self._snapshot or None}, {**_HEADERS}
        if self._place:
            query, headers = {**self._query}, {**_HEADERS, "Last-Event-ID": self._place}
        return Request(method="GET", path=path_of("events"), kind=bytes, query=query, headers=headers, timeout=_TIMEOUT)

    def heard(self, event: ServerSentEvent) -> JobNews | None:
        self._place = event.id or self._place
        match NewsKind(event.event):
            case NewsKind.JOB if event.data:
                job = _read(event, Job)
                return JobNews(kind=NewsKind.JOB, place=self._place, job_id=job.id, job=job)
            case NewsKind.DELETED:
                return JobNews(kind=NewsKind.DELETED, place=self._place, job_id=_read(event, _Deleted).id)
            case NewsKind.SYNCED:
                return JobNews(kind=NewsKind.SYNCED, place=self._place)
            case _:
                return None


class _Deleted(msgspec.Struct, frozen=True):
    id: UUID


def _read(event: ServerSentEvent, kind: type[K]) -> K:
    try:
        return msgspec.json.decode(event.data, type=kind)
    except msgspec.DecodeError as error:
        raise UnexpectedAnswer(f"An event is not one that this version of the client understands: {error}.") from None
