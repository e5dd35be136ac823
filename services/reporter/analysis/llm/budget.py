"""What may still be asked for one report: checked before each request, for the worst case."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Decimal

from services.reporter.chats import Fate, Prompt, Reply, Terms
from shared.schemas.reports import Usage

MILLION = 1_000_000
_SMALLEST = Decimal("0.000001")
_CHARGED = frozenset({Fate.ANSWERED, Fate.REFUSED, Fate.TRUNCATED})
"""Fates of requests that came back with an answer."""


class Budget:
    """Counts what was asked against the allowance, and tells what fits."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        allowance = terms.allowance
        self._cost_limit = None if allowance.cost_usd is None else Decimal(allowance.cost_usd)
        self._calls = self._prompt_tokens = self._completion_tokens = self._bytes = 0
        self._kept_prompt_tokens = self._kept_completion_tokens = 0
        self._lost_tokens, self._lost_cost = 0, Decimal()
        self._correction = 1.0

    def admit(self, prompts: Iterable[Prompt], *, reserve: int = 0) -> list[Prompt]:
        """Those that fit side by side, in their order, when `reserve` prompt tokens and one answer are to be left for later."""
        later = (reserve, self._terms.max_output_tokens) if reserve else (0, 0)
        tokens, cost = self._spent()
        tokens, cost = tokens + sum(later), cost + (self._price(*later) or Decimal())
        admitted = []
        for prompt in prompts:
            worst = self._worst(prompt)
            more_tokens, more_cost = tokens + sum(worst), cost + (self._price(*worst) or Decimal())
            if more_tokens <= self._terms.allowance.tokens and (self._cost_limit is None or more_cost <= self._cost_limit):
                admitted.append(prompt)
                tokens, cost = more_tokens, more_cost
        return admitted

    def note(self, prompt: Prompt, reply: Reply) -> None:
        """Count what was asked. A lost answer counts as long as it could be, for it may be charged; not in the usage."""
        if reply.fate is Fate.LOST:
            worst = self._worst(prompt)
            self._lost_tokens += sum(worst)
            self._lost_cost += self._price(*worst) or Decimal()
        elif reply.fate in _CHARGED:
            self._calls += 1
            prompt_tokens = prompt.tokens if reply.prompt_tokens is None else reply.prompt_tokens
            self._prompt_tokens += prompt_tokens
            self._completion_tokens += reply.completion_tokens or 0
            if reply.kept:
                self._kept_prompt_tokens += prompt_tokens
                self._kept_completion_tokens += reply.completion_tokens or 0
            self._bytes += sum(len(message.content.encode()) for message in prompt.messages)
            if reply.fate is Fate.ANSWERED and reply.prompt_tokens:
                self._correction = max(self._correction, reply.prompt_tokens / prompt.tokens)

    def usage(self) -> Usage | None:
        """What was answered; null when nothing was."""
        if not self._calls:
            return None
        kept_tokens = self._kept_prompt_tokens + self._kept_completion_tokens
        return Usage(
            model=self._terms.model,
            calls=self._calls,
            prompt_tokens=self._prompt_tokens,
            completion_tokens=self._completion_tokens,
            bytes_sent=self._bytes,
            cost_usd=self._cost(self._prompt_tokens, self._completion_tokens),
            kept_tokens=kept_tokens,
            kept_cost_usd=self._cost(self._kept_prompt_tokens, self._kept_completion_tokens) if kept_tokens else None,
        )

    def _spent(self) -> tuple[int, Decimal]:
        tokens = self._prompt_tokens + self._completion_tokens + self._lost_tokens
        return tokens, self._lost_cost + (self._price(self._prompt_tokens, self._completion_tokens) or Decimal())

    def _worst(self, prompt: Prompt) -> tuple[int, int]:
        """Tokens of the prompt, as this server was seen to count, and of the longest answer."""
        return int(prompt.tokens * self._correction) + 1, self._terms.max_output_tokens

    def _cost(self, prompt_tokens: int, completion_tokens: int) -> str | None:
        """The price as it is written down."""
        cost = self._price(prompt_tokens, completion_tokens)
        return None if cost is None else f"{cost.quantize(_SMALLEST, ROUND_HALF_EVEN):f}"

    def _price(self, prompt_tokens: int, completion_tokens: int) -> Decimal | None:
        """USD; null when a price is not known."""
        terms = self._terms
        if terms.prompt_price is None or terms.completion_price is None:
            return None
        cost = Decimal(terms.prompt_price) * prompt_tokens + Decimal(terms.completion_price) * completion_tokens
        return cost / MILLION
