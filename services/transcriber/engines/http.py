"""The door to speech engines' HTTP: what their refusals mean for a task and its account."""

from __future__ import annotations

from collections.abc import Mapping

from typing_extensions import override

from services.transcriber.engines import KeyRefused, OutcomeUnknown, Throttled
from shared.errors import JobError, PermanentError, RetryableError
from shared.http_client import NOT_TAKEN, Answer, Body, HttpClient, named, shown, wait_of, words_of

__all__ = ["Answer", "Body", "ProviderHttp", "shown", "wait_of", "words_of"]


class ProviderHttp(HttpClient):
    """One session with one provider. What there is no use in asking fails the job."""

    @override
    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | list[tuple[str, str]] | None = None,
        body: Body | None = None,
    ) -> Answer:
        try:
            return await super().send(method, url, headers=headers, params=params, body=body)
        except PermanentError as error:
            raise JobError("engine_failed", str(error)) from None

    def refusal(self, answer: Answer) -> JobError | RetryableError:
        """What an answer that is not `ok` means; to be raised. The message shows what the provider says, without secrets."""
        status = answer.status
        match status:
            case 401 | 402 | 403:
                return KeyRefused(f"{self._provider} refuses the API key or its account: it answered {named(status)}.")
            case 429 | 503 if status == 429 or "retry-after" in answer.headers:
                patience = f"{self._provider} asks for patience: it answered {named(status)}."
                return Throttled(patience, seconds=wait_of(answer))
            case 413:
                return JobError("file_too_large", f"The recording is larger than {self._provider} takes; use another engine.")
            case _ if status in NOT_TAKEN:
                return RetryableError(f"{self._provider} answered {named(status)}.")
            case _ if status >= 500:
                return OutcomeUnknown(f"{self._provider} answered {named(status)}.")
            case _:
                said = words_of(answer.body)
                return JobError(
                    "engine_failed",
                    f"{self._provider} refused the request with {named(status)}{said and ': '}{said}; use another engine, "
                    "or tell the operator.",
                )
