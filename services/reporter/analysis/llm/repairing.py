"""One round of corrections: what could not be verified goes back to the model, with the lines it speaks of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import msgspec

from services.reporter.analysis.claims import Claim
from services.reporter.analysis.llm import rules
from services.reporter.analysis.llm.answers import Reader, Repair
from services.reporter.analysis.llm.interview import Interview, Steps
from services.reporter.analysis.llm.lines import Line
from services.reporter.analysis.llm.merging import Claims, vocabulary
from services.reporter.analysis.llm.prompts import Prompts
from shared.schemas.reports import Doubt
from shared.schemas.solutions import EvidencePolicy, Solution

Roles: TypeAlias = Mapping[str, str]
"""By speaker."""

Check: TypeAlias = Callable[[Claims, Roles], Mapping[str, tuple[tuple[Doubt, ...], ...]]]
"""Why each claim could not be verified; no doubts where it was."""

MOST_STATEMENTS = 40
AROUND = 2
"""Lines before and after a cited one that are shown with it."""
FOUND = 3
"""Lines that are looked up for a statement whose own evidence leads nowhere."""


class Repairs:
    """Corrections of the claims about one recording."""

    def __init__(
        self,
        *,
        solution: Solution,
        interview: Interview,
        prompts: Prompts,
        reader: Reader,
        lines: Sequence[Line],
        check: Check,
    ) -> None:
        policies = {section.id: section.evidence or solution.evidence for section in solution.sections}
        self._checked = [id_ for id_, policy in policies.items() if policy is not EvidencePolicy.NONE]
        self._interview = interview
        self._prompts = prompts
        self._reader = reader
        self._lines = lines
        self._check = check
        self._words: list[frozenset[str]] = []

    def corrected(self, claims: Claims, roles: Roles, *, reserve: int = 0) -> Steps[Claims]:
        """The claims with those replaced that could be corrected, and those left out that the model withdraws."""
        doubts = self._check(claims, roles)
        failed = [
            (section, at, doubts[section][at])
            for section in self._checked
            for at in range(len(claims[section]))
            if doubts[section][at]
        ][:MOST_STATEMENTS]
        if not failed:
            return claims
        wrong = [claims[section][at] for section, at, _ in failed]
        told = [_told(number, section, claims[section][at], why) for number, (section, at, why) in enumerate(failed, 1)]
        prompt = self._prompts.repair(told, self._excerpt(wrong))
        [repairs] = yield from self._interview.ask(
            [prompt], lambda content: self._reader.repairs(content, wrong), reserve=reserve
        )
        return _replaced(claims, {failed[repair.number - 1][:2]: repair for repair in repairs or ()})

    def _excerpt(self, claims: Sequence[Claim]) -> list[Line]:
        """The lines that claims speak of, in their order."""
        places = {line.segment_id: at for at, line in enumerate(self._lines)}
        wanted: set[int] = set()
        for claim in claims:
            cited = [places[source.segment_id] for source in claim.sources if source.segment_id in places]
            for at in cited or self._searched(claim):
                wanted.update(range(max(0, at - AROUND), min(len(self._lines), at + AROUND + 1)))
        return [self._lines[at] for at in sorted(wanted)]

    def _searched(self, claim: Claim) -> list[int]:
        """The lines that have most words in common with a claim and its quotes."""
        self._words = self._words or [vocabulary(line.text) for line in self._lines]
        words = vocabulary(" ".join([claim.text, *(source.quote for source in claim.sources)]))
        shared = [(len(words & others), -at) for at, others in enumerate(self._words)]
        return [-at for common, at in sorted(shared, reverse=True)[:FOUND] if common]


def _told(number: int, section: str, claim: Claim, doubts: Sequence[Doubt]) -> str:
    statement: dict[str, object] = {"number": number, "section": section, "text": claim.text}
    if claim.cells:
        statement["cells"] = {cell.column: f"{{{cell.speaker_id}}}" if cell.speaker_id else cell.text for cell in claim.cells}
    statement["quotes"] = [source.quote for source in claim.sources]
    statement["wrong"] = [rules.DOUBTS[doubt] for doubt in doubts]
    return msgspec.json.encode(statement).decode()


def _replaced(claims: Claims, repairs: Mapping[tuple[str, int], Repair]) -> Claims:
    return {
        section: tuple(
            kept
            for at, claim in enumerate(listed)
            if (kept := repairs[section, at].claim if (section, at) in repairs else claim) is not None
        )
        for section, listed in claims.items()
    }
