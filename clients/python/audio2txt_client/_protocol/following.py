"""A job's stream of server-sent events: where it was, and when to connect again."""

from __future__ import annotations

import httpx
import msgspec
from httpx_sse import ServerSentEvent

from audio2txt_client._protocol.requests import Request, path_of
from audio2txt_client._protocol.retries import Attempts, Retries
from audio2txt_client.errors import ApiError, ConnectionFailed, UnexpectedAnswer
from audio2txt_client.models.jobs import Job

_TIMEOUT = httpx.Timeout(30, read=45)
"""Three of the comments that come every fifteen seconds."""

_RECONNECT_SECONDS = 2.0
"""Where the stream does not say otherwise."""


class Following:
    """What has been heard of a job so far."""

    def __init__(self, job_id: str, *, after: int, retries: Retries) -> None:
        self._job_id = job_id
        self._retries = retries
        self._attempts = self._fresh()
        self.version = after
        self.pause = _RECONNECT_SECONDS

    @property
    def request(self) -> Request[bytes]:
        """For the stream from here on."""
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        if self.version:
            headers["Last-Event-ID"] = str(self.version)
        path = path_of("jobs", self._job_id, "events")
        return Request(method="GET", path=path, kind=bytes, headers=headers, timeout=_TIMEOUT)

    def opened(self) -> None:
        """There is a stream; failures before it no longer count."""
        self.pause = _RECONNECT_SECONDS
        self._attempts = self._fresh()

    def heard(self, event: ServerSentEvent) -> Job | None:
        """The job that an event tells of; null for what is old, or something else. Raises `UnexpectedAnswer`."""
        if event.retry is not None:
            self.pause = event.retry / 1000
        if event.event != "job" or not event.data:
            return None
        try:
            job = msgspec.json.decode(event.data, type=Job)
        except msgspec.DecodeError as error:
            raise UnexpectedAnswer(f"An event is not one that this version of the client understands: {error}.") from None
        return job if self.news(job) else None

    def news(self, job: Job) -> bool:
        """Whether this is newer than what was heard, which it is then."""
        if job.version <= self.version:
            return False
        self.version = job.version
        return True

    def broke(self, error: ApiError | ConnectionFailed) -> None:
        """The stream ended in an error: note how long to wait, or raise it when that is no use."""
        pause = self._attempts.after(error)
        if pause is None:
            raise error
        self.pause = pause

    def _fresh(self) -> Attempts:
        return Attempts(self._retries, repeatable=True)
