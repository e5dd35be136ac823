"""Where citations lead, and how they look: numbers lead to the list of evidence, moments to the words in the transcript, and
both back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from services.reporter.blocks import (
    Block,
    Bullets,
    Citation,
    Dialogue,
    Document,
    EvidenceList,
    Fields,
    Prose,
    Questions,
    Quotes,
    Table,
    Terms,
    Timeline,
)
from services.reporter.clock import clock
from services.reporter.labels import Labels
from services.reporter.renderers.pdf import palette
from services.reporter.renderers.pdf.palette import NOTE, PILL, Look
from services.reporter.renderers.pdf.pen import Pen
from services.reporter.renderers.pdf.sheet import Box, Text, placed
from services.reporter.renderers.pdf.styles import GAP
from services.reporter.renderers.pdf.styles import NOTE as ROOM
from services.reporter.renderers.pdf.tags import Tag

PILL_HEIGHT, PILL_PADDING, PILL_STEP = 11.0, 4.0, 13.0
NUMBER_GAP = 3.0

_Statements = Prose | Bullets | Quotes | Timeline | Questions | Fields | Terms


class Citing:
    """The citations of one document."""

    def __init__(self, document: Document) -> None:
        blocks = document.blocks
        self._labels: Labels = document.labels
        self._said = any(isinstance(block, Dialogue) for block in blocks)
        self._listed = any(isinstance(block, EvidenceList) for block in blocks)
        self._by_segment: dict[str, list[int]] = {}
        highest = 0
        for citation in _cited(blocks):
            numbers = self._by_segment.setdefault(citation.segment_id, [])
            if citation.number not in numbers:
                numbers.append(citation.number)
            highest = max(highest, citation.number)
        self._placed: set[int] = set()
        self._digits = len(str(highest))

    def numbers_on(self, segment_id: str) -> Sequence[int]:
        """The citations that rest on a segment."""
        return self._by_segment.get(segment_id, ())

    @property
    def numbered(self) -> bool:
        """Whether there is a list of evidence, and so numbers are shown."""
        return self._listed

    def column(self, pen: Pen, citations: Iterable[Citation]) -> float:
        """How wide a column for these citations must be."""
        widest = max((pen.width(clock(one.start_ms), PILL) for one in citations), default=0.0)
        return widest + 2 * PILL_PADDING + (self._number_room if self._listed else 0.0) if widest else 0.0

    @property
    def _number_room(self) -> float:
        return self._digits * NOTE.size * 0.66 + NUMBER_GAP

    def draw_column(self, pen: Pen, right: float, baseline: float, citations: Iterable[Citation]) -> float:
        """Numbers and moments below each other, which end at `right`; the lower edge of the last."""
        y = baseline
        for citation in citations:
            width = self.draw_moment(pen, right, y, citation.start_ms, self._place_of(citation), align=1.0)
            if self._listed:
                self.draw_number(pen, right - width - NUMBER_GAP, y + 2.2, citation, align=1.0)
            y -= PILL_STEP
        return y + PILL_STEP - 4.0

    def draw_row(self, pen: Pen, x: float, baseline: float, citations: Iterable[Citation]) -> float:
        """Moments and numbers beside each other from `x` on; where they end."""
        for citation in citations:
            x += self.draw_moment(pen, x, baseline, citation.start_ms, self._place_of(citation))
            if self._listed:
                x += 2.0
                x += self.draw_number(pen, x, baseline + 2.2, citation)
            x += 6.0
        return x

    def row_width(self, pen: Pen, citations: Sequence[Citation]) -> float:
        """How wide such a row is."""
        moments = sum(pen.width(clock(one.start_ms), PILL) + 2 * PILL_PADDING for one in citations)
        numbers = sum(pen.width(str(one.number), NOTE) + 2.0 for one in citations) if self._listed else 0.0
        return moments + numbers + 6.0 * max(0, len(citations) - 1)

    def draw_moment(
        self, pen: Pen, x: float, baseline: float, start_ms: int, target: str | None, *, align: float = 0.0
    ) -> float:
        """A moment on a soft ground, which leads somewhere; its width."""
        text = clock(start_ms)
        inner = pen.width(text, PILL)
        width = inner + 2 * PILL_PADDING
        left = x - align * width
        pen.fill(left, baseline - 2.7, width, PILL_HEIGHT, colour=palette.ACCENT_SOFT, radius=3)
        with pen.tagged("Link" if target else "Span", pen.tag):
            pen.write(left + PILL_PADDING, baseline + 0.2, text, PILL)
            if target:
                pen.link(Box(left, baseline - 2.7, width, PILL_HEIGHT), f"#{target}", f"{self._labels.transcript} {text}")
        return width

    def draw_number(self, pen: Pen, x: float, baseline: float, citation: Citation, *, align: float = 0.0) -> float:
        """A citation's number, raised, which leads to its entry; its width. The first one is where the entry leads back to."""
        self.mark(pen, citation.number)
        text = str(citation.number)
        with pen.tagged("Link", pen.tag):
            width = pen.write(x, baseline, text, NOTE, align=align)
            contents = f"{self._labels.evidence} {text}"
            pen.link(Box(x - align * width - 1, baseline - 2, width + 2, 9), f"#evidence-{text}", contents)
        return width

    def draw_back_link(self, pen: Pen, right: float, baseline: float, number: int, look: Look) -> None:
        """The number of an entry, which leads to where it is cited first."""
        with pen.tagged("Link", pen.tag):
            width = pen.write(right, baseline, str(number), look, align=1.0)
            pen.link(Box(right - width - 2, baseline - 3, width + 4, 12), f"#cited-{number}", str(number))

    def place_in_transcript(self, segment_id: str) -> str | None:
        """The place of a segment's words, where the transcript is part of the document."""
        return f"segment-{segment_id}" if self._said else None

    def mark(self, pen: Pen, number: int) -> None:
        """Make the place where the pen stands that of a citation, if it is the first."""
        if number not in self._placed:
            self._placed.add(number)
            pen.mark(f"cited-{number}")

    def noted(self, text: str, citations: Sequence[Citation]) -> str:
        """A text with room behind it for its citations' notes."""
        return text + GAP.join(ROOM * len(self._note(citation)) for citation in citations)

    def draw_notes(self, pen: Pen, texts: Sequence[Text], citations: Sequence[Citation], parent: Tag) -> list[Citation]:
        """Draw the notes of noted texts into their room; the citations that have had no room yet."""
        left = list(citations)
        for line in placed(texts):
            index = line.text.find(ROOM)
            while index >= 0 and left:
                citation = left.pop(0)
                style = texts[0].style
                x = line.x + style.width(line.text[:index], texts[0].size) + index * line.spread
                self._draw_note(pen, x + 0.4, line.y + texts[0].size * 0.36, citation, parent)
                index = line.text.find(ROOM, index + len(self._note(citation)))
        return left

    def _draw_note(self, pen: Pen, x: float, baseline: float, citation: Citation, parent: Tag) -> None:
        before, pen.tag = pen.tag, parent
        try:
            if self._listed:
                self.draw_number(pen, x, baseline, citation)
                return
            target = self._place_of(citation)
            text = self._note(citation)
            with pen.tagged("Link" if target else "Span", parent):
                width = pen.write(x, baseline, text, NOTE)
                if target:
                    pen.link(Box(x, baseline - 2, width, 9), f"#{target}", f"{self._labels.transcript} {text}")
        finally:
            pen.tag = before

    def _note(self, citation: Citation) -> str:
        return str(citation.number) if self._listed else clock(citation.start_ms)

    def _place_of(self, citation: Citation) -> str | None:
        """The words in the transcript, or else the entry of the list."""
        if self._said:
            return f"segment-{citation.segment_id}"
        return f"evidence-{citation.number}" if self._listed else None


def _cited(blocks: Iterable[Block]) -> Iterable[Citation]:
    for block in blocks:
        if isinstance(block, _Statements):
            for statement in block.statements:
                yield from statement.citations
        elif isinstance(block, Table):
            for row in block.rows:
                yield from row.citations
