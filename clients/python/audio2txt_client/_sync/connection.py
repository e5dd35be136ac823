# Made from _async/connection.py by generate_sync.py: change that, and run `make fmt`.

"""The one connection of a client: sends requests, and sends them again where that is safe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

import httpx

from audio2txt_client._protocol.answers import broken, decoded, refusal
from audio2txt_client._protocol.downloads import Target, written
from audio2txt_client._protocol.requests import Request
from audio2txt_client._protocol.retries import Attempts
from audio2txt_client._protocol.settings import Settings
from audio2txt_client._protocol.waiting import Polling
from audio2txt_client._sync.blocking import sleep, unblocked
from audio2txt_client.errors import ApiError, ConnectionFailed
from audio2txt_client.models.lists import Page

T = TypeVar("T")

Body = Callable[[], Iterator[bytes]]
"""Gives the bytes of a request from their beginning, at each attempt."""


class Connection:
    """A pool of connections to one gateway."""

    def __init__(self, settings: Settings, *, transport: httpx.BaseTransport | None = None) -> None:
        self.url = settings.url
        self.retries = settings.retries
        self._http = httpx.Client(
            base_url=settings.url, headers=settings.headers, timeout=settings.timeout, transport=transport
        )

    def close(self) -> None:
        """Close what is open."""
        self._http.close()

    def send(self, request: Request[T]) -> T:
        """What the answer holds. Raises `Audio2txtError`."""
        return decoded(request, self.exchange(request))

    def exchange(self, request: Request[Any], *, body: Body | None = None) -> httpx.Response:
        """The answer, read whole. Raises `ApiError` for a refusal, `ConnectionFailed` where none came."""
        attempts = self.attempts(request)
        while True:
            try:
                return self._once(request, body, repeated=attempts.failed > 0)
            except (ApiError, ConnectionFailed) as error:
                pause = attempts.after(error)
                if pause is None:
                    raise
            sleep(pause)

    def until(self, request: Request[T], reached: Callable[[T], bool], polling: Polling) -> T:
        """What the answer holds once it is as it is wanted, asked again and again. Raises `WaitTimedOut`."""
        while not reached(found := self.send(request)):
            sleep(polling.pause())
        return found

    @contextmanager
    def stream(self, request: Request[Any]) -> Iterator[httpx.Response]:
        """The answer of one attempt, its body unread. Raises `ApiError` and `ConnectionFailed`, also while it is read."""
        try:
            answer = self._http.send(self._built(request, None), stream=True)
            try:
                if answer.status_code >= 300:
                    answer.read()
                    raise refusal(answer)
                yield answer
            finally:
                answer.close()
        except httpx.TransportError as error:
            raise broken(error, url=self.url) from error

    def store(self, request: Request[Any], target: Target) -> int:
        """Write the body of an answer somewhere, as it comes; returns its bytes."""
        count = 0
        with written(target) as file, self.stream(request) as answer:
            for chunk in answer.iter_bytes():
                unblocked(file.write, chunk)
                count += len(chunk)
        return count

    def pages(self, request: Request[Page[T]]) -> Iterator[T]:
        """What is on all the pages of a list, fetched as they are needed."""
        while True:
            page = self.send(request)
            yield from page.data
            if page.next_cursor is None:
                return
            request = replace(request, query={**request.query, "after": page.next_cursor})

    def attempts(self, request: Request[Any]) -> Attempts:
        """A fresh count of the attempts at a request."""
        retries = self.retries if request.attempts is None else replace(self.retries, attempts=request.attempts)
        return Attempts(retries, repeatable=request.repeatable)

    def _once(self, request: Request[Any], body: Body | None, *, repeated: bool) -> httpx.Response:
        try:
            answer = self._http.send(self._built(request, None if body is None else body()))
        except httpx.TransportError as error:
            raise broken(error, url=_origin(request.path) if request.elsewhere else self.url) from error
        if _done(request, answer, repeated=repeated):
            return answer
        raise refusal(answer)

    def _built(self, request: Request[Any], body: Iterator[bytes] | None) -> httpx.Request:
        built = self._http.build_request(
            request.method,
            request.path,
            params=request.parameters or None,
            content=request.body if body is None else body,
            headers=request.sent_headers,
            timeout=request.timeout or httpx.USE_CLIENT_DEFAULT,
        )
        if request.elsewhere:
            del built.headers["Authorization"]
        return built


def _done(request: Request[Any], answer: httpx.Response, *, repeated: bool) -> bool:
    """Whether it is no refusal. What a repeated DELETE does not find any more, the attempt before has deleted."""
    return answer.status_code < 300 or (repeated and request.method == "DELETE" and answer.status_code == 404)


def _origin(url: str) -> str:
    """Where a URL leads, without what is secret in it."""
    parsed = httpx.URL(url)
    return f"{parsed.scheme}://{parsed.netloc.decode()}"
