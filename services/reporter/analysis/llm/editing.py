"""From facts to a report: chosen, united and put into words by the model, which sees nothing but numbered facts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from services.reporter.analysis.claims import Brief, Claim
from services.reporter.analysis.llm.answers import Reader, Told
from services.reporter.analysis.llm.interview import Interview, Steps
from services.reporter.analysis.llm.merging import Claims, merged, union
from services.reporter.analysis.llm.prompts import Prompts
from services.reporter.analysis.llm.tokens import estimate
from services.reporter.chats import Prompt
from services.reporter.clock import stamp

NOT_CONDENSED = "llm_not_condensed"


class Editor:
    """Writes a report from facts; `room` is how many tokens a prompt may have."""

    def __init__(self, *, brief: Brief, interview: Interview, prompts: Prompts, reader: Reader, room: int) -> None:
        self._limits = {section.id: section.max_items for section in brief.solution.sections}
        self._starts = {segment.id: segment.start_ms for segment in brief.transcript.segments}
        self._interview = interview
        self._prompts = prompts
        self._reader = reader
        self._room = room

    def written(self, facts: Claims) -> Steps[Claims]:
        """The report. Where the model does not write it, as many facts as each section may have, from the whole recording."""
        while any(facts.values()):
            prompt = self._prompt(facts, final=True)
            if prompt.tokens <= self._room:
                [told] = yield from self._interview.ask([prompt], self._reader.told)
                if told is not None:
                    return self._with_evidence(told, facts)
                break
            fewer = yield from self._condensed(facts)
            if _count(fewer) >= _count(facts):
                break
            facts = fewer
        else:
            return facts
        self._interview.note(NOT_CONDENSED)
        return {id_: spread(claims, self._limits[id_]) for id_, claims in facts.items()}

    def _limited(self, claims: Claims) -> Claims:
        return {id_: listed[: self._limits[id_]] for id_, listed in claims.items()}

    def _condensed(self, facts: Claims) -> Steps[Claims]:
        """Fewer facts, from groups that can be read at once; a group that the model does not condense stays as it is."""
        groups = list(self._groups(facts))
        prompts = [self._prompt(group, final=False) for group in groups]
        answers = yield from self._interview.ask(prompts, self._reader.told)
        condensed = [
            group if told is None else self._limited(self._with_evidence(told, group))
            for group, told in zip(groups, answers, strict=True)
        ]
        return {id_: merged(claim for group in condensed for claim in group[id_]) for id_ in facts}

    def _groups(self, facts: Claims) -> Iterator[Claims]:
        """Facts that fit into one prompt, in the order of the recording."""
        room = self._room - self._prompts.facts((), final=False).tokens
        in_order = sorted(
            ((id_, claim) for id_, claims in facts.items() for claim in claims), key=lambda pair: self._start(pair[1])
        )
        group: list[tuple[str, Claim]] = []
        tokens = 0
        for id_, claim in in_order:
            more = estimate(self._line(1000, id_, claim)) + 1
            if group and tokens + more > room:
                yield _by_section(facts, group)
                group, tokens = [], 0
            group.append((id_, claim))
            tokens += more
        yield _by_section(facts, group)

    def _prompt(self, facts: Claims, *, final: bool) -> Prompt:
        lines = [self._line(number, id_, claim) for number, (id_, claim) in enumerate(_listed(facts), 1)]
        return self._prompts.facts(lines, final=final)

    def _line(self, number: int, section: str, claim: Claim) -> str:
        fact: dict[str, object] = {"fact": number, "section": section, "at": stamp(self._start(claim))}
        if claim.label:
            fact["label"] = claim.label
        if claim.speaker_id:
            fact["speaker"] = claim.speaker_id
        if claim.cells:
            fact["cells"] = {c.column: f"{{{c.speaker_id}}}" if c.speaker_id else c.text for c in claim.cells}
        return msgspec.json.encode(fact | {"text": claim.text}).decode()

    def _start(self, claim: Claim) -> int:
        return min((self._starts.get(source.segment_id, 0) for source in claim.sources), default=0)

    def _with_evidence(self, told: Told, facts: Claims) -> Claims:
        """Each statement with the evidence of the facts it names; naming none that exists, it has no evidence."""
        known = {number: claim for number, (_, claim) in enumerate(_listed(facts), 1)}
        return {
            id_: tuple(
                msgspec.structs.replace(claim, sources=union([known[number] for number in numbers if number in known]))
                for claim, numbers in zip(claims, told.facts[id_], strict=True)
            )
            for id_, claims in told.claims.items()
        }


def spread(claims: tuple[Claim, ...], count: int) -> tuple[Claim, ...]:
    """So many of the claims, evenly from first to last."""
    if len(claims) <= count:
        return claims
    return tuple(claims[at * len(claims) // count] for at in range(count))


def _listed(facts: Claims) -> list[tuple[str, Claim]]:
    return [(id_, claim) for id_, claims in facts.items() for claim in claims]


def _by_section(facts: Claims, group: Sequence[tuple[str, Claim]]) -> Claims:
    return {id_: tuple(claim for section, claim in group if section == id_) for id_ in facts}


def _count(facts: Claims) -> int:
    return sum(map(len, facts.values()))
