"""The list of evidence: number, moment, speaker and words of each citation."""

from __future__ import annotations

from services.reporter.blocks import EvidenceEntry, EvidenceList
from services.reporter.labels import Labels
from services.reporter.renderers.pdf.citing import Citing
from services.reporter.renderers.pdf.palette import ACCENT, CELL, LEFT, RIGHT, Look, speaker_colour
from services.reporter.renderers.pdf.pen import FEWEST_LINES, Pen
from services.reporter.renderers.pdf.statements import SPEAKER
from services.reporter.renderers.pdf.tags import NUMBERED, Tag

NUMBERS = 24.0
_NUMBER = Look(8.6, 14.0, "strong", ACCENT)
_HEAD = 15.0


def draw_evidence(pen: Pen, block: EvidenceList, labels: Labels, citing: Citing) -> None:
    """All entries. The number leads back to the statement, the moment to the words in the transcript."""
    container = Tag("L", pen.part, NUMBERED)
    for entry in block.entries:
        _draw_entry(pen, entry, labels, citing, Tag("LI", container))
    pen.y -= 6


def _draw_entry(pen: Pen, entry: EvidenceEntry, labels: Labels, citing: Citing, item: Tag) -> None:
    x = LEFT + NUMBERS + 8
    lines = pen.lines(f"{labels.opening_quote}{entry.quote}{labels.closing_quote}", CELL, RIGHT - x)
    pen.need(_HEAD + min(FEWEST_LINES, len(lines)) * CELL.leading)
    pen.mark(f"evidence-{entry.number}")
    baseline = pen.y - 10.5
    pen.tag = Tag("Lbl", item)
    citing.draw_back_link(pen, LEFT + NUMBERS, baseline, entry.number, _NUMBER)
    pen.tag = Tag("LBody", item)
    at = x + citing.draw_moment(pen, x, baseline, entry.start_ms, citing.place_in_transcript(entry.segment_id)) + 8
    if entry.voice is not None:
        look = SPEAKER.tinted(speaker_colour(entry.voice.rank))
        pen.dot(at + 3, baseline + 3.0, 2.6, speaker_colour(entry.voice.rank))
        pen.write(at + 10, baseline, pen.fitted(entry.voice.name, look, RIGHT - at - 10), look)
    pen.y -= _HEAD
    pen.flow(x, lines, CELL, RIGHT - x)
    pen.tag = None
    pen.y -= 6
