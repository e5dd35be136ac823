"""How the words of the recording look: times in a gutter, speakers' names in their colours, repeated after a page break."""

from __future__ import annotations

from collections.abc import Sequence

from services.reporter.blocks import Dialogue, Turn, Utterance, Voice
from services.reporter.characters import LINK
from services.reporter.clock import clock
from services.reporter.labels import Labels
from services.reporter.renderers.pdf import palette
from services.reporter.renderers.pdf.palette import LEFT, MEASURE, speaker_colour
from services.reporter.renderers.pdf.sheet import Pen
from services.reporter.renderers.pdf.typeset import Line, prepare

GUTTER = 50.0
LEFT_OF_TEXT, WIDTH = LEFT + GUTTER, MEASURE - GUTTER
SIZE, LEADING = 9.8, 15.8
NAME_SIZE, SMALL = 9.2, 7.6
BEFORE_TURN, HEAD, AFTER_UTTERANCE = 5.0, 16.0, 4.0

FEWEST_LINES = 2
"""Of an utterance that stand alone at the foot or the head of a page, unless it has no more."""

MARK_MS = 10 * 60 * 1000
"""The outline of a long recording has an entry every ten minutes."""


def draw_dialogue(pen: Pen, block: Dialogue, labels: Labels) -> None:
    """All turns."""
    scribe = _Scribe(pen, labels)
    for turn in block.turns:
        scribe.draw_turn(turn)
    pen.y -= 6


class _Scribe:
    """Draws one dialogue, and remembers who has spoken and how long ago the outline was marked."""

    def __init__(self, pen: Pen, labels: Labels) -> None:
        self._pen = pen
        self._labels = labels
        self._names: dict[str, str] = {}
        """Of the speakers met so far, as short as the page wants them."""
        self._next_mark = MARK_MS

    def draw_turn(self, turn: Turn) -> None:
        """A speaker's name and utterances."""
        pen, voice = self._pen, turn.voice
        headed = False
        for utterance in turn.utterances:
            lines = pen.lines(utterance.text, SIZE, WIDTH)
            kept = LEADING * min(FEWEST_LINES, len(lines))
            if voice is None:
                pen.need(kept)
            elif pen.need(kept + (0.0 if headed else BEFORE_TURN + HEAD)) or not headed:
                self._draw_head(voice, continued=headed)
                headed = True
            if utterance.start_ms >= self._next_mark:
                self._mark(utterance.start_ms)
            self._draw_utterance(utterance, lines, voice)

    def _draw_head(self, voice: Voice, *, continued: bool) -> None:
        pen, colour = self._pen, speaker_colour(voice.rank)
        if pen.y < palette.TOP:
            pen.y -= BEFORE_TURN
        if voice.id not in self._names:
            self._names[voice.id] = pen.fitted(voice.name, NAME_SIZE, WIDTH - 80, "strong")
            pen.mark(f"voice-{voice.rank}")
        name, y = self._names[voice.id], pen.y - 11
        pen.dot(LEFT_OF_TEXT + 3, y + 3.3, 3, colour)
        pen.write(LEFT_OF_TEXT + 11, y, name, NAME_SIZE, style="strong", colour=colour)
        if continued:
            x = LEFT_OF_TEXT + 17 + pen.width(name, NAME_SIZE, "strong")
            pen.write(x, y, self._labels.continued, SMALL, colour=palette.MUTED)
        pen.y -= HEAD

    def _draw_utterance(self, utterance: Utterance, lines: Sequence[Line], voice: Voice | None) -> None:
        pen = self._pen
        baseline = pen.y - LEADING * 0.5 - SIZE * 0.35
        pen.write(LEFT, baseline, clock(utterance.start_ms), SMALL, colour=palette.FAINT)
        while lines:
            here = lines[: self._room_for(len(lines))]
            lines = lines[len(here) :]
            if "://" in utterance.text:
                _link_addresses(pen, utterance.text, here)
            pen.draw_lines(LEFT_OF_TEXT, here, SIZE, LEADING, WIDTH, ends=not lines)
            if lines:
                pen.turn_page()
                if voice is not None:
                    self._draw_head(voice, continued=True)
        pen.y -= AFTER_UTTERANCE

    def _room_for(self, count: int) -> int:
        """How many of some lines go on this page, so that no single one is left for the next."""
        room = int((self._pen.y - palette.BOTTOM) // LEADING)
        if room >= count:
            return count
        return max(1, room - 1 if room == count - 1 and room > FEWEST_LINES else room)

    def _mark(self, milliseconds: int) -> None:
        self._pen.entry(clock(milliseconds), f"time-{milliseconds}", 1)
        self._next_mark = (milliseconds // MARK_MS + 1) * MARK_MS


def _link_addresses(pen: Pen, text: str, lines: Sequence[Line]) -> None:
    """Make the web addresses on these lines lead there, in the pieces that line breaks leave of them."""
    style = pen.styles["text"]
    for found in LINK.finditer(prepare(text)):
        for number, line in enumerate(lines):
            start, end = max(0, found.start() - line.offset), found.end() - line.offset
            if start < len(line.text) and end > 0:
                x = LEFT_OF_TEXT + style.width(line.text[:start], SIZE)
                width = style.width(line.text[start:end], SIZE)
                pen.link(x, pen.y - LEADING * (number + 1) + 2, width, LEADING - 2, found.group())
