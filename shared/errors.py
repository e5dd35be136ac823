"""Errors that know their fate: retry, give up, or tell the customer."""

from __future__ import annotations

from shared.schemas.jobs import Failure


class Audio2txtError(Exception):
    """Anything we raise on purpose. The message is one sentence: what is wrong, where, what to do."""


class ConfigurationError(Audio2txtError):
    """The process cannot start as it is configured; the message names the setting."""


class RetryableError(Audio2txtError):
    """The same call may succeed later: an outage, a time-out, a full queue."""


class NotNow(RetryableError):
    """A handler has no room for an event at the moment. Nothing is wrong: others go first, and it comes again after them."""


class PermanentError(Audio2txtError):
    """The same call will fail for ever. A message whose handler raises this is parked at once."""


class JobError(PermanentError):
    """A job cannot be done, and the customer is told why.

    `code` is stable and machine-readable; `retryable` says whether a retry of the unchanged job can succeed.
    """

    def __init__(self, code: str, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.failure = Failure(code=code, message=message, retryable=retryable)
