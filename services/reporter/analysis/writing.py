"""Who writes a report: the first of those who may and can. Whoever is passed over is noted in the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_never

import msgspec

from services.reporter.analysis import llm
from services.reporter.analysis.claims import Brief, Draft
from services.reporter.analysis.evidence import Verifier
from services.reporter.analysis.llm import Batch, Impossible
from services.reporter.characters import clean
from services.reporter.chats import Reply, Terms
from shared.schemas.jobs import ReportMode
from shared.schemas.reports import Usage

NOTHING_PROVIDED = "provider_silent"
NOT_WRITTEN = "not_written"
"""The note of a report that nobody could write."""


class Unwritten(msgspec.Struct, frozen=True, kw_only=True):
    """Nobody could write."""

    notes: tuple[str, ...]
    usage: Usage | None


class Writing:
    """One attempt of each writer in turn."""

    def __init__(self, brief: Brief, verifier: Verifier, *, terms: Terms | str, replies: Mapping[str, Reply]) -> None:
        self._brief = brief
        self._verifier = verifier
        self._terms = terms
        self._replies = replies
        self._notes: list[str] = []
        self._usage: Usage | None = None

    def write(self, modes: Sequence[ReportMode]) -> Draft | Batch | Unwritten:
        """A draft, or the prompts whose replies it still needs, or that there is none."""
        for mode in modes:
            written = self._by(mode)
            if isinstance(written, Draft):
                return self._noted(written)
            if written is not None:
                return written
        return Unwritten(notes=(*dict.fromkeys(self._notes), NOT_WRITTEN), usage=self._usage)

    def _by(self, mode: ReportMode) -> Draft | Batch | None:
        """What somebody writes; null where they cannot, which is noted."""
        match mode:
            case ReportMode.LLM:
                return self._by_llm()
            case ReportMode.EXTRACTIVE:
                from services.reporter.analysis.extractive import extract

                return extract(self._brief)
            case ReportMode.PROVIDER:
                from services.reporter.analysis.provider import take_over

                draft = take_over(self._brief)
                if draft is None:
                    self._notes.append(NOTHING_PROVIDED)
                return draft
            case _:
                assert_never(mode)

    def _by_llm(self) -> Draft | Batch | None:
        if not any(clean(segment.text) for segment in self._brief.transcript.segments):
            return None
        if isinstance(self._terms, str):
            self._notes.append(self._terms)
            return None
        try:
            return llm.write(self._brief, self._terms, self._replies, self._verifier.doubts)
        except Impossible as error:
            self._notes += error.notes
            self._usage = error.usage
            return None

    def _noted(self, draft: Draft) -> Draft:
        """With what went wrong before, and what it cost."""
        return msgspec.structs.replace(
            draft, notes=tuple(dict.fromkeys([*self._notes, *draft.notes])), usage=draft.usage or self._usage
        )
