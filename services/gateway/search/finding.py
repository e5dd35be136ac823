"""Answers questions from the search index: the newest jobs first, and in each what was said first."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.gateway.cursors import PassageCursor
from services.gateway.problems import FieldError, Problem
from services.gateway.search.passages import Hit, hits_of
from services.gateway.search.terms import Question, question_of
from services.gateway.store.search import FoundPassage, SearchFilter, SearchStore

LONGEST_QUESTION = 200
_ROUNDS = (1, 4, 8, 8, 8)
"""How many times the page's candidates are fetched, round by round, where the index knew the words of a phrase and the text has
them in another order, or where many passages had to be looked through. After the last, the page ends, with what was found and a
cursor to go on from: an answer takes a second at the most."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A passage that answers the question, and where it does."""

    passage: FoundPassage
    hits: tuple[Hit, ...]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A page of them."""

    found: tuple[Found, ...]
    following: PassageCursor | None


@dataclass(frozen=True, kw_only=True)
class Search:
    """Asks the index, and believes the text alone."""

    store: SearchStore

    async def find(self, tenant_id: UUID, text: str, where: SearchFilter, *, after: PassageCursor | None, limit: int) -> Answer:
        """Up to `limit` passages in which the whole question stands. Raises `Problem` 400."""
        question = _question(text)
        tokens = question.tokens(tenant_id)
        found: list[Found] = []
        for times in _ROUNDS:
            candidates = await self.store.candidates(tenant_id, tokens, where, after=after, limit=times * limit + 1)
            found += await asyncio.to_thread(_answering, candidates.passages, question)
            if len(found) > limit:
                return Answer(found=tuple(found[:limit]), following=found[limit - 1].passage.cursor)
            after = candidates.following
            if after is None:
                break
        return Answer(found=tuple(found), following=after)


def _question(text: str) -> Question:
    try:
        if len(text) > LONGEST_QUESTION:
            raise ValueError(f"it is longer than {LONGEST_QUESTION} characters")
        return question_of(text)
    except ValueError as error:
        detail = f"Nothing can be looked for: {error}."
        raise Problem(400, "invalid_query", detail, errors=[FieldError(pointer="q", message=detail)]) from None


def _answering(candidates: Sequence[FoundPassage], question: Question) -> list[Found]:
    answered = ((passage, hits_of(passage, question)) for passage in candidates)
    return [Found(passage=passage, hits=tuple(hits)) for passage, hits in answered if hits]
