"""Where links lead in one document: from a citation to the words in the transcript, or to the list of evidence, and back."""

from __future__ import annotations

from collections.abc import Iterable

from services.reporter.blocks import Citation, Dialogue, Document, EvidenceList
from services.reporter.characters import columns
from services.reporter.clock import clock
from services.reporter.renderers.docx.markup import bookmark, link, run

NO_BREAK = "\u00a0"


class References:
    """Knows which places exist. A place is bookmarked once, and only where something leads to it."""

    def __init__(self, document: Document) -> None:
        lists = [block for block in document.blocks if isinstance(block, EvidenceList)]
        dialogues = [block for block in document.blocks if isinstance(block, Dialogue)]
        said = [utterance.id for block in dialogues for turn in block.turns for utterance in turn.utterances]
        self._said = {id_: number for number, id_ in enumerate(dict.fromkeys(said), start=1)}
        self._listed = {entry.number for block in lists for entry in block.entries}
        self._open = [*(f"said_{number}" for number in self._said.values()), *(f"evidence_{number}" for number in self._listed)]
        self._numbers = {name: number for number, name in enumerate(self._open, start=1)}
        self._placed: set[str] = set()

    def said_place(self, segment_id: str, content: str) -> str:
        """Runs as the place where a segment's words stand."""
        number = self._said.get(segment_id)
        return content if number is None else self._place(f"said_{number}", content)

    def evidence_place(self, number: int, content: str) -> str:
        """Runs as the place of an entry of the list of evidence."""
        return self._place(f"evidence_{number}", content)

    def moments(self, citations: Iterable[Citation], *, after: str) -> str:
        """The moments that a statement rests on, each with the number of its entry: both lead there. The first one stands on
        the line of the last word, but a Chinese line may end `after` the last character."""
        first = NO_BREAK if after and columns(after[-1]) == 1 else " "
        return "".join(run(" " if number else first) + self.moment(one) for number, one in enumerate(citations))

    def moment(self, citation: Citation) -> str:
        """One moment with its number."""
        number = self._to_evidence(citation.number, run(str(citation.number), style="Citation"))
        return self.time(citation.segment_id, citation.start_ms, otherwise=citation.number) + number

    def time(self, segment_id: str, start_ms: int, *, otherwise: int | None = None) -> str:
        """A moment that leads to its words, or else to an entry of the list of evidence."""
        if segment_id in self._said:
            return link(f"said_{self._said[segment_id]}", run(clock(start_ms), style="TimeLink"))
        if otherwise in self._listed:
            return link(f"evidence_{otherwise}", run(clock(start_ms), style="TimeLink"))
        return run(clock(start_ms), style="Time")

    def _to_evidence(self, number: int, content: str) -> str:
        return link(f"evidence_{number}", content) if number in self._listed else ""

    def _place(self, name: str, content: str) -> str:
        if name in self._placed:
            return content
        self._placed.add(name)
        return bookmark(self._numbers[name], name, content)
