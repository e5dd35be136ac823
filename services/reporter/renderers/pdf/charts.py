"""Who spoke how much and when."""

from __future__ import annotations

from services.reporter.blocks import TalkShare, TalkTime
from services.reporter.clock import clock
from services.reporter.labels import Labels
from services.reporter.renderers.pdf import palette
from services.reporter.renderers.pdf.palette import LEFT, MEASURE, TINY, Look, speaker_colour
from services.reporter.renderers.pdf.pen import Pen
from services.reporter.renderers.pdf.shapes import filled, rectangle
from services.reporter.renderers.pdf.sheet import Box
from services.reporter.renderers.pdf.tags import UNNUMBERED, Tag, alternative, bounding_box

_NAME, _SHARE, _TIME = Look(9.2, 14, "strong"), Look(9.2, 14, "strong"), Look(8.2, 14, colour=palette.MUTED)
_AXIS = TINY._replace(size=6.8)
STRIPS = 190.0
"""Where the strips begin, from the left margin."""

ROW = 17.0
BAR = 12.0


def draw_talk_time(pen: Pen, block: TalkTime, labels: Labels) -> None:
    """A bar of shares, and for each speaker a row with the moments."""
    pen.need(BAR + 6 + ROW * min(4, len(block.shares)))
    pen.y -= BAR + 4
    _draw_share_bar(pen, block, labels)
    pen.y -= 8
    container = Tag("L", pen.part, UNNUMBERED)
    for number, share in enumerate(block.shares):
        last = number == len(block.shares) - 1
        if pen.need(ROW + (13 if last else 0)):
            pen.y -= 4
        pen.y -= ROW
        _draw_share(pen, share, max(1, block.duration_ms), container)
    pen.y -= 12
    x, width = LEFT + STRIPS, MEASURE - STRIPS
    for part in (0.0, 0.5, 1.0):
        pen.write(x + part * width, pen.y, clock(round(block.duration_ms * part)), _AXIS, align=part)
    pen.y -= 6


def _draw_share_bar(pen: Pen, block: TalkTime, labels: Labels) -> None:
    """One bar, divided by how much each speaker said. Whoever cannot see it is told the shares."""
    gap, x = 1.2, LEFT
    room = MEASURE - gap * (len(block.shares) - 1)
    operators = [f"q {rectangle(LEFT, pen.y, MEASURE, BAR, BAR / 2)} W n"]
    for share in block.shares:
        width = room * share.share
        operators.append(filled(rectangle(x, pen.y, width, BAR), speaker_colour(share.voice.rank)))
        x += width + gap
    shares = labels.separator.join(f"{share.voice.name} {share.share:.0%}" for share in block.shares)
    described = alternative(f"{labels.talk_time}{labels.colon}{shares}")
    with pen.tagged("Figure", attributes=described + bounding_box(LEFT, pen.y, MEASURE, BAR)):
        pen.figure(" ".join([*operators, "Q"]))


def _draw_share(pen: Pen, share: TalkShare, duration_ms: int, container: Tag) -> None:
    """A speaker's row: name, share, time, and when they spoke."""
    colour, y = speaker_colour(share.voice.rank), pen.y
    x, width = LEFT + STRIPS, MEASURE - STRIPS
    pen.dot(LEFT + 4, y + 3.2, 3.2, colour)
    with pen.tagged("LBody", Tag("LI", container)) as body:
        name = pen.fitted(share.voice.name, _NAME, 92)
        with pen.tagged("Link", body):
            wide = pen.write(LEFT + 13, y, name, _NAME)
            pen.link(Box(LEFT, y - 3, 13 + wide, 12), f"#voice-{share.voice.rank}", share.voice.name)
        pen.write(LEFT + 140, y, f"{share.share:.0%}", _SHARE, align=1.0)
        pen.write(LEFT + 180, y, clock(share.speech_ms), _TIME, align=1.0)
    pen.fill(x, y - 0.5, width, 8, colour=palette.SOFT, radius=2)
    strips = [
        rectangle(x + width * start / duration_ms, y - 0.5, max(0.6, width * (end - start) / duration_ms), 8)
        for start, end in _merged(share.spans, duration_ms / width)
    ]
    if strips:
        pen.sheet.shapes.append(filled(" ".join(strips), colour))


def _merged(spans: tuple[tuple[int, int], ...], least: float) -> list[tuple[int, int]]:
    """The spans, those apart by less than a point of the page joined."""
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        if merged and start - merged[-1][1] < least:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
