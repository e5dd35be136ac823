"""The words of the recording: times in a gutter, speakers in their colours, web addresses as links."""

from __future__ import annotations

from services.reporter.blocks import Dialogue, Turn, Utterance
from services.reporter.characters import LINK
from services.reporter.clock import clock
from services.reporter.renderers.docx.markup import coloured, is_right_to_left, paragraph, run, tabulator, web_link
from services.reporter.renderers.docx.references import References
from services.reporter.renderers.speaker_colours import speaker_colour


def dialogue(block: Dialogue, references: References) -> str:
    """All turns."""
    return "".join([_turn(turn, references) for turn in block.turns])


def _turn(turn: Turn, references: References) -> str:
    lines = [_utterance(utterance, references) for utterance in turn.utterances]
    if turn.voice is None:
        return "".join(lines)
    name = run(turn.voice.name, properties=coloured(speaker_colour(turn.voice.rank)))
    return paragraph("Speaker", name) + "".join(lines)


def _utterance(utterance: Utterance, references: References) -> str:
    time = references.said_place(utterance.id, run(clock(utterance.start_ms), style="Time"))
    text = utterance.text
    content = time + tabulator() + (run(text) if "://" not in text else _linked(text))
    return paragraph("Utterance", content, right_to_left=is_right_to_left(text))


def _linked(text: str) -> str:
    pieces, end = [], 0
    for found in LINK.finditer(text):
        pieces += [run(text[end : found.start()]), web_link(found.group(), run(found.group(), style="WebLink"))]
        end = found.end()
    return "".join([*pieces, run(text[end:])])
