"""Answers: what they hold, and what a refusal says."""

from __future__ import annotations

import datetime as dt
from email.utils import parsedate_to_datetime
from types import NoneType
from typing import Any, TypeVar, cast

import httpx
import msgspec

from audio2txt_client._protocol.requests import Request
from audio2txt_client.errors import ApiError, ConnectionFailed, Problem, UnexpectedAnswer, error_for

T = TypeVar("T")


def decoded(request: Request[T], answer: httpx.Response) -> T:
    """What an answer holds, with its entity tag where there is a field for it. Raises `UnexpectedAnswer` for what is no such
    thing."""
    if request.kind is NoneType:
        return cast("T", None)
    try:
        document = msgspec.json.decode(answer.content, type=request.kind)
    except msgspec.DecodeError as error:
        raise UnexpectedAnswer(
            f"The answer to {request.method} {request.path} is not one that this version of the client understands: {error}."
        ) from None
    if isinstance(document, msgspec.Struct) and "etag" in document.__struct_fields__:
        return cast("T", _with_etag(document, answer))
    return document


def refusal(answer: httpx.Response) -> ApiError:
    """The error that an answer from 300 upwards is. Its body must have been read."""
    try:
        problem = msgspec.json.decode(answer.content, type=Problem)
    except msgspec.DecodeError:
        problem = Problem(detail=_unexplained(answer))
    if problem.request_id is None:
        problem = msgspec.structs.replace(problem, request_id=answer.headers.get("X-Request-Id"))
    kind = error_for(answer.status_code)
    return kind(problem, status=answer.status_code, retry_after=retry_after(answer.headers))


def retry_after(headers: httpx.Headers, *, now: dt.datetime | None = None) -> float | None:
    """Seconds of `Retry-After`, which may be a date; null where there is none that can be read."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=dt.UTC)
    return max(0.0, (date - (now or dt.datetime.now(dt.UTC))).total_seconds())


def broken(error: httpx.TransportError, *, url: str) -> ConnectionFailed:
    """What a connection that broke is to whoever called."""
    why = str(error) or type(error).__name__
    if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return ConnectionFailed(f"The request cannot be sent: {why}.", arrived=False, retryable=False)
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        return ConnectionFailed(f"Nothing answers at {url}: {why}.", arrived=False)
    return ConnectionFailed(f"The connection to {url} broke: {why}.", arrived=True)


def _with_etag(document: Any, answer: httpx.Response) -> Any:
    return msgspec.structs.replace(document, etag=answer.headers.get("ETag"))


def _unexplained(answer: httpx.Response) -> str:
    if answer.is_redirect:
        return f"The gateway is not there, but at {answer.headers.get('Location', 'another address')}; give that as the URL."
    return f"{answer.request.url.host} answered {answer.status_code} {answer.reason_phrase}, without an explanation."
