"""Asks prompts within the budget, reads the answers, asks once more where one was of no use, and keeps the books.

Nothing here does any I/O: `ask` yields batches of prompts and is sent their replies.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from services.reporter.analysis.llm import rules
from services.reporter.analysis.llm.budget import Budget
from services.reporter.analysis.llm.prompts import Prompts
from services.reporter.analysis.llm.reading import Unreadable, read
from services.reporter.chats import Fate, Prompt, Reply, Terms
from shared.schemas.reports import Usage

T = TypeVar("T")

Batch: TypeAlias = tuple[Prompt, ...]
Steps: TypeAlias = Generator[Batch, tuple[Reply, ...], T]
"""Yields prompts that may be asked side by side, is sent their replies in the same order, and returns what came of it."""

SHOWN_AGAIN = 4000
"""Characters of a broken answer that are shown to the model again."""

BUDGET_SPENT = "llm_budget_spent"
UNREADABLE = "llm_unreadable"
CUT_OFF = "llm_cut_off"


class Interview:
    """All questions about one report. `notes` says what went wrong on the way, as codes for `Report.notes`."""

    def __init__(self, prompts: Prompts, terms: Terms) -> None:
        self._prompts = prompts
        self._budget = Budget(terms)
        self._notes: dict[str, None] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """In the order in which it went wrong."""
        return tuple(self._notes)

    @property
    def usage(self) -> Usage | None:
        """What was asked so far."""
        return self._budget.usage()

    def note(self, code: str) -> None:
        """Something went wrong."""
        self._notes[code] = None

    def ask(
        self, prompts: Sequence[Prompt], understand: Callable[[Mapping[str, object]], T], *, reserve: int = 0
    ) -> Steps[list[T | None]]:
        """What each prompt brought, or null where nothing. `understand` makes sense of a JSON object or raises `Unreadable`;
        `reserve` prompt tokens are left for what is to be asked later."""
        first = yield from self._round(prompts, understand, reserve)
        again = {at: self._again(prompts[at], heard) for at, heard in enumerate(first) if heard.answered and not heard.whole}
        second = yield from self._round(list(again.values()), understand, reserve)
        better = dict(zip(again, second, strict=True))
        return [self._best(heard, better.get(at, heard)) for at, heard in enumerate(first)]

    def _round(
        self, prompts: Sequence[Prompt], understand: Callable[[Mapping[str, object]], T], reserve: int
    ) -> Steps[list[_Heard[T]]]:
        admitted = self._budget.admit(prompts, reserve=reserve)
        if len(admitted) < len(prompts):
            self.note(BUDGET_SPENT)
        replies = (yield tuple(admitted)) if admitted else ()
        for prompt, reply in zip(admitted, replies, strict=True):
            self._budget.note(prompt, reply)
            if reply.fate is not Fate.ANSWERED:
                self.note(f"llm_{reply.fate}")
        heard = {prompt.key: _hear(reply, understand) for prompt, reply in zip(admitted, replies, strict=True)}
        return [heard.get(prompt.key, _Heard()) for prompt in prompts]

    def _again(self, prompt: Prompt, heard: _Heard[T]) -> Prompt:
        if heard.cut_off:
            return self._prompts.again(prompt, "", rules.AGAIN_IN_SHORT)
        return self._prompts.again(prompt, heard.text[:SHOWN_AGAIN], rules.AGAIN_AS_JSON)

    def _best(self, first: _Heard[T], second: _Heard[T]) -> T | None:
        """Of two answers to a question, one that is whole, else the first that says anything."""
        best = next((heard for heard in (second, first) if heard.whole), first if first.value is not None else second)
        if first.answered and not best.whole:
            self.note(CUT_OFF if best.value is not None else UNREADABLE)
        return best.value


@dataclass(frozen=True, kw_only=True)
class _Heard(Generic[T]):
    """What one reply says; nothing where there was none."""

    answered: bool = False
    value: T | None = None
    whole: bool = False
    cut_off: bool = False
    text: str = ""


def _hear(reply: Reply, understand: Callable[[Mapping[str, object]], T]) -> _Heard[T]:
    if reply.fate is not Fate.ANSWERED:
        return _Heard()
    try:
        document = read(reply.text)
        value = understand(document.content)
    except Unreadable:
        return _Heard(answered=True, cut_off=reply.cut_off, text=reply.text)
    whole = document.whole and not reply.cut_off
    return _Heard(answered=True, value=value, whole=whole, cut_off=reply.cut_off or not document.whole, text=reply.text)
