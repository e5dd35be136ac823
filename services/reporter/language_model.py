"""The language model of this installation: on which terms it may be asked, and what it answers, each question once."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import msgspec
import structlog

from services.reporter.chat_client import ChatClient, Rejected, TooLate, Unreachable
from services.reporter.chat_wire import NoCompletion, read_completion
from services.reporter.chats import Fate, Prompt, Reply, Terms
from services.reporter.kept_answers import KeptAnswers
from services.reporter.settings import LlmSettings
from shared import metrics
from shared.blobs import BlobStore, BlobUnavailable
from shared.errors import ConfigurationError
from shared.http_client import OutcomeUnknown
from shared.retry import backoff
from shared.schemas.events import TranscriptReady
from shared.schemas.jobs import LlmAllowance
from shared.schemas.solutions import Solution

NOT_CONFIGURED = "llm_not_configured"
NOT_ALLOWED = "llm_not_allowed"
NO_BUDGET = "llm_no_budget"
PRICE_UNKNOWN = "llm_price_unknown"
"""There is a limit in money, and nobody could tell whether it is kept."""

GRACE_SECONDS = 10.0
"""How long answers that are on their way are waited for when the process ends."""

CLOCK_TOLERANCE_SECONDS = 15.0
"""What clocks of processes may differ by, and storing an answer may take."""

INSIST_SECONDS = 120.0

_TRUNCATED = "It was read only in part: raise the server's context (Ollama: num_ctx), or lower AUDIO2TXT_LLM_CONTEXT_TOKENS."

log = structlog.get_logger(__name__)


class LanguageModel:
    """Answers prompts; without a URL in the settings, none."""

    def __init__(self, *, settings: LlmSettings, blobs: BlobStore) -> None:
        self._settings = settings
        self._blobs = blobs
        self._client = ChatClient(settings) if settings.llm_url else None
        self._under_way: dict[tuple[UUID, str], asyncio.Task[Reply]] = {}
        if settings.llm_url and not settings.llm_model:
            raise ConfigurationError("AUDIO2TXT_LLM_MODEL must name the model that AUDIO2TXT_LLM_URL offers.")

    def terms(self, solution: Solution, allowance: LlmAllowance | None) -> Terms | str:
        """On which terms it may be asked for a report, or the code of the reason why it may not."""
        settings = self._settings
        if self._client is None or settings.llm_model is None:
            return NOT_CONFIGURED
        if allowance is None or allowance.tokens == 0:
            return NO_BUDGET
        if not settings.llm_in_house and not (allowance.outside and solution.privacy.allow_cloud_llm):
            return NOT_ALLOWED
        if allowance.cost_usd is not None and not self._is_priced and not settings.llm_in_house:
            return PRICE_UNKNOWN
        return Terms(
            model=settings.llm_model,
            host=settings.server,
            context_tokens=settings.llm_context_tokens,
            max_output_tokens=settings.llm_max_output_tokens,
            temperature=settings.llm_temperature,
            prompt_price=_decimal(settings.llm_prompt_usd),
            completion_price=_decimal(settings.llm_completion_usd),
            allowance=allowance,
        )

    def inquiry(self, event: TranscriptReady, terms: Terms) -> Inquiry:
        """Everything that will be asked for one report, beginning now."""
        return Inquiry(
            tenant_id=event.tenant_id,
            job_id=event.job_id,
            terms=terms,
            kept=KeptAnswers(blobs=self._blobs, tenant_id=event.tenant_id, job_id=event.job_id, attempt=event.options.attempt),
            until=time.monotonic() + self._settings.llm_report_seconds,
        )

    async def replies(
        self, inquiry: Inquiry, prompts: Iterable[Prompt], answered: Callable[[], Awaitable[None]]
    ) -> dict[str, Reply]:
        """What each prompt brought, by its key; `answered` is awaited after each. Raises `BlobUnavailable`."""

        async def reply(prompt: Prompt) -> Reply:
            brought = await self._reply(inquiry, prompt)
            await answered()
            return brought

        try:
            async with asyncio.TaskGroup() as tasks:
                asked = {prompt.key: tasks.create_task(reply(prompt)) for prompt in prompts}
        except ExceptionGroup as group:
            raise group.exceptions[0] from None
        return {key: task.result() for key, task in asked.items()}

    async def run(self) -> None:
        """Nothing, until the process ends: then the answers that are on their way are given a little time to be kept."""
        try:
            await asyncio.Event().wait()
        finally:
            if self._under_way:
                await asyncio.wait(self._under_way.values(), timeout=GRACE_SECONDS)

    async def close(self) -> None:
        """Let go of the connections."""
        under_way = list(self._under_way.values())
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        if self._client is not None:
            await self._client.close()

    @property
    def _is_priced(self) -> bool:
        return self._settings.llm_prompt_usd is not None and self._settings.llm_completion_usd is not None

    @property
    def _repeats(self) -> bool:
        """Whether a lost answer is asked for again."""
        return self._settings.llm_in_house or self._settings.llm_repeat_lost

    async def _reply(self, inquiry: Inquiry, prompt: Prompt) -> Reply:
        place = (inquiry.job_id, prompt.key)
        if place not in self._under_way:
            kept = inquiry.kept
            if not self._repeats and await kept.is_lost(prompt.key):
                return _told(Fate.LOST)
            if (answer := await kept.find(prompt.key)) is not None:
                metrics.LLM_REQUESTS.labels("kept").inc()
                charged = await kept.is_charged(prompt.key)
                return msgspec.structs.replace(read_completion(answer, prompt), kept=charged)
        if place not in self._under_way:
            self._under_way[place] = asyncio.create_task(self._ask(inquiry, prompt))
            self._under_way[place].add_done_callback(lambda done: self._ended(place, done))
        # Whoever waits may be cancelled; what is paid for is kept all the same.
        return await asyncio.shield(self._under_way[place])

    def _ended(self, place: tuple[UUID, str], task: asyncio.Task[Reply]) -> None:
        del self._under_way[place]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("llm.answer_not_kept", error=repr(error))  # perhaps nobody waits for it any more

    async def _ask(self, inquiry: Inquiry, prompt: Prompt) -> Reply:
        for last in (not self._repeats, True):
            try:
                with metrics.LLM_SECONDS.time():
                    return await self._answer(inquiry, prompt)
            except OutcomeUnknown as error:
                log.warning("llm.answer_lost", error=str(error), asked_again=not last)
                if last:
                    break
            except Unreachable as error:
                log.warning("llm.not_asked", error=str(error))
                return _told(Fate.TOO_LATE if isinstance(error, TooLate) else Fate.UNREACHABLE)
            except Rejected as error:
                log.error("llm.rejected", error=str(error))
                return _told(Fate.REJECTED)
        return _told(Fate.LOST)

    async def _answer(self, inquiry: Inquiry, prompt: Prompt) -> Reply:
        """The answer, kept before anybody uses it."""
        assert self._client is not None
        kept, seconds = inquiry.kept, self._settings.llm_request_seconds + CLOCK_TOLERANCE_SECONDS
        answer = await self._client.ask(
            prompt,
            inquiry.terms,
            tenant_id=inquiry.tenant_id,
            until=inquiry.until,
            sending=lambda: kept.asking(prompt.key, seconds=seconds),
        )
        try:
            reply = read_completion(answer, prompt)
        except NoCompletion:
            raise OutcomeUnknown("The language model answered with something that is no chat completion.") from None
        if reply.fate is Fate.TRUNCATED:
            log.error("llm.truncated", prompt_tokens=reply.prompt_tokens, expected=prompt.tokens, help=_TRUNCATED)
            await kept.withdraw(prompt.key)
        else:
            await _insist(lambda: kept.keep(prompt.key, answer))
        _count(reply)
        return reply


@dataclass(frozen=True, kw_only=True)
class Inquiry:
    """Everything that is asked for one report."""

    tenant_id: UUID
    job_id: UUID
    terms: Terms
    kept: KeptAnswers
    until: float
    """Of `time.monotonic`: no request begins after it."""


def _told(fate: Fate) -> Reply:
    reply = Reply(fate=fate)
    _count(reply)
    return reply


def _count(reply: Reply) -> None:
    metrics.LLM_REQUESTS.labels(reply.fate).inc()
    metrics.LLM_TOKENS.labels("prompt").inc(reply.prompt_tokens or 0)
    metrics.LLM_TOKENS.labels("completion").inc(reply.completion_tokens or 0)


async def _insist(step: Callable[[], Awaitable[None]]) -> None:
    """Store in spite of outages: what was paid for must not be lost because our own store is away for a moment."""
    until = time.monotonic() + INSIST_SECONDS
    for attempt in itertools.count(1):
        try:
            await step()
            return
        except BlobUnavailable:
            if time.monotonic() >= until:
                raise
            await asyncio.sleep(backoff(attempt, longest=10.0))


def _decimal(price: Decimal | None) -> str | None:
    return None if price is None else f"{price:f}"
