"""Everything this client raises, under `Audio2txtError`. What the gateway refuses is an `ApiError`, by status."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import msgspec


class Audio2txtError(Exception):
    """Something did not work; the message says what, and what to do."""


class NotConfigured(Audio2txtError):
    """A setting is missing or cannot be: the gateway's URL, the API key, a secret of webhooks."""


class ConnectionFailed(Audio2txtError):
    """No answer came, also not to the repetitions that were safe."""

    def __init__(self, message: str, *, arrived: bool, retryable: bool = True) -> None:
        super().__init__(message)
        self.arrived = arrived
        """Whether the request may have reached the gateway, and what it asks for may have been done."""
        self.retryable = retryable
        """Whether another attempt can succeed."""


class UnexpectedAnswer(Audio2txtError):
    """Something answered that is no gateway this version understands, such as a proxy with a page of its own."""


class ContentMismatch(Audio2txtError):
    """Bytes are not those that were sent or announced: their SHA-256 or their number is another."""


class WaitTimedOut(Audio2txtError):
    """What was waited for, such as a job's end, did not come in time. It goes on."""


class JobFailed(Audio2txtError):
    """The job ended without a result; the message is its failure's own."""

    def __init__(self, message: str, *, job_id: str, code: str | None, retryable: bool) -> None:
        super().__init__(message)
        self.job_id = job_id
        self.code = code
        self.retryable = retryable
        """Whether `jobs.retry` may succeed."""


class WebhookRejected(Audio2txtError):
    """A message is not to be believed: not signed with your secrets, too old, or no message at all. Answer 400."""


class CertificateRejected(Audio2txtError):
    """A certificate is not to be believed: not signed by the key, or changed since."""


class MissingPackage(Audio2txtError):
    """A package is needed that does not come with the client itself."""


class FieldError(msgspec.Struct, frozen=True, kw_only=True):
    """One wrong value in a request."""

    pointer: str
    """JSON pointer to the value, or the parameter's name."""
    message: str


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """A limit of the tenant's plan that stands in the way."""

    resource: str
    """`minutes`, `storage_bytes`, `waiting_jobs`."""
    used: float
    limit: int
    resets_at: dt.datetime | None = None
    """Null where nothing comes back by itself."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What the gateway says about a refusal (RFC 9457). Each field may be missing where something in between has answered."""

    type: str | None = None
    status: int | None = None
    detail: str | None = None
    title: str | None = None
    code: str | None = None
    request_id: str | None = None
    retryable: bool = False
    errors: tuple[FieldError, ...] = ()
    job_id: str | None = None
    permission: str | None = None
    engines: tuple[str, ...] = ()
    quota: Quota | None = None


class ApiError(Audio2txtError):
    """The gateway refused; the message is its own sentence."""

    def __init__(self, problem: Problem, *, status: int, retry_after: float | None = None) -> None:
        self.status = status
        self.detail = problem.detail or problem.title or f"The gateway answered {status}."
        super().__init__(self.detail)
        self.code = problem.code
        """Stable reason, such as `job_not_found`; null where it was not the gateway that answered."""
        self.request_id = problem.request_id
        """Names the request in the gateway's logs."""
        self.retryable = problem.retryable
        """Whether the same request can succeed later."""
        self.errors = problem.errors
        """The wrong values, one by one."""
        self.job_id = problem.job_id
        """The job that the refusal is about, where there is one."""
        self.permission = problem.permission
        """What the key lacks."""
        self.engines = problem.engines
        """Engines that could do what another cannot."""
        self.quota = problem.quota
        """The limit of the tenant's plan that stands in the way."""
        self.retry_after = retry_after
        """Seconds after which the gateway wants to be asked again."""


class BadRequest(ApiError):
    """400: the request cannot be read, or a parameter is not valid."""


class Unauthenticated(ApiError):
    """401: the API key is missing or not valid."""


class QuotaExceeded(ApiError):
    """402: the tenant's plan has nothing left for this; `quota` says of what, and when it has again."""


class Forbidden(ApiError):
    """403: the key may not do this; `permission` says what it lacks."""


class NotFound(ApiError):
    """404: there is no such thing, or it is not there yet."""


class Conflict(ApiError):
    """409: the thing is in a state in which this cannot be done."""


class Gone(ApiError):
    """410: it was there, and was deleted."""


class PreconditionFailed(ApiError):
    """412, 428: it was changed since, or the ETag is missing."""


class TooLarge(ApiError):
    """413: the body is too large."""


class UnsupportedMedia(ApiError):
    """415: this is no recording, or not the kind of body that is expected."""


class Invalid(ApiError):
    """422: something in the request is not accepted; `errors` says what."""


class RateLimited(ApiError):
    """429: too much at once; `retry_after` says when to come back."""


class Unavailable(ApiError):
    """502, 503, 504: the gateway, or something behind it, does not answer now."""


class ServerError(ApiError):
    """Any other 5xx: tell the operator the `request_id`."""


_BY_STATUS: Mapping[int, type[ApiError]] = {
    400: BadRequest,
    401: Unauthenticated,
    402: QuotaExceeded,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    412: PreconditionFailed,
    413: TooLarge,
    415: UnsupportedMedia,
    422: Invalid,
    428: PreconditionFailed,
    429: RateLimited,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}


def error_for(status: int) -> type[ApiError]:
    """The class that speaks of a status."""
    return _BY_STATUS.get(status, ServerError if status >= 500 else ApiError)
