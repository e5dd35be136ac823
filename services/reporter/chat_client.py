"""Asks a chat server: one prompt, one answer, tried again as long as nothing was taken."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias
from uuid import UUID

import msgspec
import structlog

from services.reporter.chat_wire import Dialect, request_body
from services.reporter.chats import Prompt, Terms
from services.reporter.settings import LlmSettings
from services.reporter.turns import Turns
from shared.errors import PermanentError, RetryableError
from shared.http_client import NOT_TAKEN, Answer, Body, HttpClient, OutcomeUnknown, named, wait_of, words_of
from shared.retry import backoff

TRIES = 7
"""A server that cannot be reached is given about a minute; one that asks for patience, as long as the report has."""

FIRST_WAIT = 1.0
LONGEST_WAIT = 30.0
LARGEST_ANSWER = 16 * 1024 * 1024
_OVERLOADED = NOT_TAKEN | {529}
_WORDING = frozenset({400, 422})
"""Statuses of a request that was not understood."""

_ECHO = 12
"""So many characters in a row of a server's words are not in a prompt by chance."""

_UNPAID = (b"insufficient_quota", b"billing_hard_limit_reached")

Sending: TypeAlias = Callable[[], AbstractAsyncContextManager[None]]
"""Entered before a request is sent, left with what it raises: unless that is `OutcomeUnknown`, nothing was taken."""

log = structlog.get_logger(__name__)


class Unreachable(RetryableError):
    """The server cannot be reached, or asks for more patience than there is. Nothing was taken."""


class Rejected(PermanentError):
    """The server refuses the key, the account, the model or the request. Nothing was taken."""


class TooLate(Unreachable):
    """The time was over before it could be sent."""


class _Model(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Model]


class _NotTaken(Exception):
    """The server says that it did not do it, or could not be reached."""


class _Throttled(Exception):
    """The server asks for patience."""


class ChatClient:
    """One server. Remembers what it was found to understand, and shares out the requests that may be open at once."""

    def __init__(self, settings: LlmSettings) -> None:
        self._url = f"{settings.llm_url}/chat/completions"
        self._models_url = f"{settings.llm_url}/models"
        self._server = settings.server
        self._headers = {} if settings.authorization is None else {"Authorization": settings.authorization}
        self._http = HttpClient(
            provider=f"The language model at {settings.server}",
            read_seconds=settings.llm_request_seconds,
            total_seconds=settings.llm_request_seconds,
            largest_answer=LARGEST_ANSWER,
        )
        self._key = settings.llm_api_key
        self._turns = Turns(settings.llm_requests)
        self._dialect = Dialect()
        self._patience_until = 0.0
        self._throttled = 0
        """How often in a row."""

    async def ask(self, prompt: Prompt, terms: Terms, *, tenant_id: UUID, until: float, sending: Sending) -> bytes:
        """The body of a successful answer. Requests begin before `until` (of `time.monotonic`), each inside `sending`.

        Raises `Unreachable` and `Rejected` where nothing was taken, `OutcomeUnknown` where it may have been.
        """
        failures = 0
        while True:
            try:
                async with self._turns.take(tenant_id):
                    await self._have_patience(until)
                    async with sending():
                        return await self._ask_in_its_words(prompt, terms)
            except _Throttled:
                log.warning("llm.throttled", server=self._server, seconds=round(self._patience_until - time.monotonic(), 1))
            except _NotTaken as error:
                failures += 1
                wait = backoff(failures, first=FIRST_WAIT, longest=LONGEST_WAIT)
                log.warning("llm.unreachable", server=self._server, failures=failures, error=str(error))
                if failures == TRIES or time.monotonic() + wait >= until:
                    raise Unreachable(str(error)) from None
                await asyncio.sleep(wait)

    async def offers(self) -> list[str] | None:
        """The models that the server has, which it tells for nothing; null where it does not tell.
        Raises `Unreachable` or `Rejected`."""
        try:
            answer = await self._http.send("GET", self._models_url, headers=self._headers)
        except RetryableError as error:
            raise Unreachable(str(error)) from None
        except PermanentError as error:
            raise Rejected(str(error)) from None
        if answer.status in (401, 402, 403):
            raise Rejected(f"The language model at {self._server} refuses the key with {named(answer.status)}.")
        try:
            return [model.id for model in msgspec.json.decode(answer.body, type=_Models).data] if answer.ok else None
        except msgspec.MsgspecError:
            return None

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.close()

    async def _have_patience(self, until: float) -> None:
        """Wait while the server asks us to; raises `Unreachable` when that is too long."""
        while (wait := self._patience_until - time.monotonic()) > 0:
            if time.monotonic() + wait >= until:
                raise Unreachable(f"The language model at {self._server} asks for more patience than the report has.")
            await asyncio.sleep(wait)
        if time.monotonic() >= until:
            raise TooLate("The time for the report was over before the language model could be asked.")

    async def _ask_in_its_words(self, prompt: Prompt, terms: Terms) -> bytes:
        """Ask, in other words if need be: a server says by its refusals what it does not know."""
        dialect, guessed = self._dialect, False
        while True:
            answer = await self._send(request_body(prompt, terms, dialect))
            if answer.ok:
                self._understood(dialect)
                return answer.body
            if answer.status not in _WORDING:
                raise self._refusal(answer, prompt)
            other = dialect.after_refusal(answer.body)
            if other is None and not guessed:
                other, guessed = dialect.plainest(), True
            if other is None or other == dialect:
                raise self._refusal(answer, prompt)
            dialect = other

    async def _send(self, body: bytes) -> Answer:
        try:
            return await self._http.send("POST", self._url, headers=self._headers, body=Body.of(body))
        except OutcomeUnknown:
            raise
        except RetryableError as error:
            raise _NotTaken(str(error)) from None
        except PermanentError as error:
            raise Rejected(str(error)) from None

    def _understood(self, dialect: Dialect) -> None:
        self._throttled = 0
        if dialect != self._dialect:
            log.info("llm.dialect", server=self._server, form=dialect.form.name, temperature=dialect.temperature)
            self._dialect = dialect

    def _refusal(self, answer: Answer, prompt: Prompt) -> Exception:
        """What an answer that is no success means."""
        status, server = answer.status, f"The language model at {self._server}"
        if status == 429 and not any(code in answer.body for code in _UNPAID):
            return self._patience(answer)
        if status == 503 and "retry-after" in answer.headers:
            return self._patience(answer)
        if status in _OVERLOADED:
            return _NotTaken(f"{server} answered {named(status)}.")
        if status >= 500:
            return OutcomeUnknown(f"{server} answered {named(status)}.")
        said = self._without_ours(answer.body, prompt)
        return Rejected(f"{server} refused the request with {named(status)}{said and ': '}{said}.")

    def _without_ours(self, body: bytes, prompt: Prompt) -> str:
        """A server's words without the key, and only up to where they repeat what it was sent, which somebody said."""
        said = words_of(body.replace(self._key.encode(), "…".encode()) if self._key else body)
        sent = "\n".join(message.content for message in prompt.messages if message.role != "system")
        echo = next((place for place in range(len(said) - _ECHO + 1) if said[place : place + _ECHO] in sent), None)
        return said if echo is None else f"{said[:echo]}…"

    def _patience(self, answer: Answer) -> Exception:
        """All requests wait as long as the server says, or longer each time where it does not."""
        self._throttled += 1
        asked = wait_of(answer)
        wait = backoff(self._throttled, first=FIRST_WAIT, longest=LONGEST_WAIT) if asked is None else asked
        self._patience_until = max(self._patience_until, time.monotonic() + wait)
        return _Throttled(f"The language model at {self._server} answered {named(answer.status)}.")
