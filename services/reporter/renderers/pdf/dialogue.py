"""How the words of the recording look: times in a gutter, speakers' names in their colours, repeated after a page break."""

from __future__ import annotations

from collections.abc import Sequence

from services.reporter.blocks import Dialogue, Turn, Utterance, Voice
from services.reporter.characters import LINK
from services.reporter.clock import clock
from services.reporter.labels import Labels
from services.reporter.renderers.pdf import palette
from services.reporter.renderers.pdf.citing import Citing
from services.reporter.renderers.pdf.palette import BODY, LEFT, MEASURE, NOTE, TINY, Look, speaker_colour
from services.reporter.renderers.pdf.pen import FEWEST_LINES, Pen
from services.reporter.renderers.pdf.sheet import Box, Text, placed
from services.reporter.renderers.pdf.tags import Tag
from services.reporter.renderers.pdf.typeset import Line

GUTTER = 50.0
LEFT_OF_TEXT, WIDTH = LEFT + GUTTER, MEASURE - GUTTER
BEFORE_TURN, HEAD, AFTER_UTTERANCE = 5.0, 16.0, 4.0
NAME = Look(9.2, 14, "strong")

MARK_MS = 10 * 60 * 1000
"""The outline of a long recording has an entry every ten minutes."""


def draw_dialogue(pen: Pen, block: Dialogue, labels: Labels, citing: Citing) -> None:
    """All turns."""
    scribe = _Scribe(pen, labels, citing)
    for turn in block.turns:
        scribe.draw_turn(turn)
    pen.y -= 6


class _Scribe:
    """Draws one dialogue, and remembers who has spoken and how long ago the outline was marked."""

    def __init__(self, pen: Pen, labels: Labels, citing: Citing) -> None:
        self._pen = pen
        self._labels = labels
        self._citing = citing
        self._names: dict[str, tuple[Line, Look]] = {}
        """Of the speakers met so far, as short as the page wants them, and how they look."""
        self._next_mark = MARK_MS

    def draw_turn(self, turn: Turn) -> None:
        """A speaker's name and utterances."""
        pen, voice = self._pen, turn.voice
        headed = False
        for utterance in turn.utterances:
            lines = pen.lines(utterance.text, BODY, WIDTH)
            kept = BODY.leading * min(FEWEST_LINES, len(lines))
            if voice is None:
                pen.need(kept)
            elif pen.need(kept + (0.0 if headed else BEFORE_TURN + HEAD)) or not headed:
                self._draw_head(voice, continued=headed)
                headed = True
            if utterance.start_ms >= self._next_mark:
                self._mark(utterance.start_ms)
            self._draw_utterance(utterance, lines, voice)
        pen.tag = None

    def _draw_head(self, voice: Voice, *, continued: bool) -> None:
        pen = self._pen
        if pen.y < palette.TOP:
            pen.y -= BEFORE_TURN
        if voice.id not in self._names:
            name = pen.line(pen.fitted(voice.name, NAME, WIDTH - 80), NAME)
            self._names[voice.id] = name, NAME.tinted(speaker_colour(voice.rank))
            pen.mark(f"voice-{voice.rank}")
        (name, look), y = self._names[voice.id], pen.y - 11
        pen.tag = None if continued else Tag("P", pen.part)  # Only who looks at a page must be told again.
        pen.dot(LEFT_OF_TEXT + 3, y + 3.3, 3, look.colour)
        pen.write_line(LEFT_OF_TEXT + 11, y, name, look)
        if continued:
            pen.write(LEFT_OF_TEXT + 17 + name.width, y, self._labels.continued, TINY)
        pen.y -= HEAD

    def _draw_utterance(self, utterance: Utterance, lines: Sequence[Line], voice: Voice | None) -> None:
        pen = self._pen
        tag = pen.tag = Tag("P", pen.part)
        baseline = pen.y - BODY.leading * 0.5 - BODY.size * 0.35
        end = LEFT + pen.write(LEFT, baseline, clock(utterance.start_ms), TINY)
        if numbers := self._citing.numbers_on(utterance.id):
            pen.mark(f"segment-{utterance.id}")
            if self._citing.numbered:
                self._draw_numbers(numbers, end + 3, baseline)
        linked = "://" in utterance.text

        def link(here: Sequence[Line], texts: Sequence[Text]) -> None:
            _link_addresses(pen, utterance.text, here, texts)

        def turned() -> None:
            if voice is not None:
                self._draw_head(voice, continued=True)
                pen.tag = tag

        pen.flow(LEFT_OF_TEXT, lines, BODY, WIDTH, drawn=link if linked else None, turned=turned)
        pen.y -= AFTER_UTTERANCE

    def _draw_numbers(self, numbers: Sequence[int], x: float, baseline: float) -> None:
        """Beside the time stand the numbers of the citations that rest on these words, as many as have room, and lead back."""
        pen = self._pen
        for number in numbers:
            width = pen.width(str(number), NOTE)
            if x + width > LEFT_OF_TEXT - 2:
                break
            with pen.tagged("Link", pen.tag):
                pen.write(x, baseline + 2.4, str(number), NOTE)
                pen.link(Box(x - 1, baseline, width + 2, 10), f"#cited-{number}", f"{self._labels.evidence} {number}")
            x += width + 3

    def _mark(self, milliseconds: int) -> None:
        self._pen.entry(clock(milliseconds), f"time-{milliseconds}", 1)
        self._next_mark = (milliseconds // MARK_MS + 1) * MARK_MS


def _link_addresses(pen: Pen, text: str, lines: Sequence[Line], texts: Sequence[Text]) -> None:
    """Make the web addresses on these lines lead there, in the pieces that line breaks leave of them."""
    style, size = texts[0].style, texts[0].size
    for found in LINK.finditer(style.prepare(text)):
        for line, shown in zip(lines, placed(texts), strict=True):
            start, end = max(0, found.start() - line.offset), min(len(line.text), found.end() - line.offset)
            if start >= end:
                continue
            if line.spoken:  # Drawn in another order: the whole line leads there.
                start, end = 0, len(line.text)
            x = shown.x + style.width(line.text[:start], size) + start * shown.spread
            width = style.width(line.text[start:end], size) + (end - start) * shown.spread
            with pen.tagged("Link", pen.tag):
                pen.link(Box(x, shown.y - 4, width, BODY.leading - 2), found.group(), found.group())
