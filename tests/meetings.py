"""Real meetings with what people wrote about them, as transcripts; `tests/data/meetings/README.md` says whence they are."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from services.reporter.analysis.sentences import split
from services.reporter.analysis.words import is_chinese
from shared.schemas.transcripts import Segment, Transcript
from tests.speech import said, transcript

FOLDER = Path(__file__).parent / "data" / "meetings"
ENGLISH = ("IS1008a", "ES2008a", "TS3012a")
CHINESE = ("vcsum_0", "vcsum_2", "vcsum_3")
HEARING = "senedd"
"""Without anything written about it."""

_SENTENCES_PER_SEGMENT = 3
_SECONDS_PER_CHARACTER = {"en": 0.065, "zh-Hant": 0.22}
_SPELT = re.compile(r"\b(?:[A-Z]_ ?)+")


_MARKED = re.compile("[⟦⟧]")


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody wrote about a part of the meeting; `spans` are its first and last turns, counted from 0."""

    text: str
    spans: tuple[tuple[int, int], ...]


class Meeting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One meeting: its turns, each a speaker's name and words, and what was written about all and parts of it. What somebody
    marked as important stands between ⟦ and ⟧."""

    id: str
    language: str
    title: str
    origin: str
    summary: str
    answers: tuple[Answer, ...]
    turns: tuple[tuple[str, str], ...]

    def transcript(self) -> Transcript:
        """The meeting as an engine would hear it: segments of up to three sentences, timed by their length."""
        names = dict.fromkeys(name for name, _ in self.turns)
        labels = {name: chr(ord("A") + rank) for rank, name in enumerate(names)}
        segments = [
            msgspec.structs.replace(segment, id=f"t{number:03d}.{part:02d}")
            for number, (name, text) in enumerate(self.turns)
            for part, segment in enumerate(_segments(_MARKED.sub("", _readable(text)), labels[name]))
        ]
        named = {label: name for name, label in labels.items() if not name.isdigit()}
        return transcript(_timed(segments, _SECONDS_PER_CHARACTER[self.language]), language=self.language, names=named)

    def important(self, turn: int) -> list[tuple[str, bool]]:
        """The words of a turn, in order, and whether somebody marked them."""
        marked, words = False, []
        for word in _readable(self.turns[turn][1]).split():
            marked = marked or "⟦" in word
            words.append((_MARKED.sub("", word), marked))
            marked = marked and "⟧" not in word
        return words


def load(name: str) -> Meeting:
    """One of the meetings."""
    return msgspec.json.decode((FOLDER / f"{name}.json").read_bytes(), type=Meeting)


def turn_of(segment_id: str) -> int:
    """The number of the turn that a segment is a part of."""
    return int(segment_id[1:4])


def _readable(text: str) -> str:
    """The corpus' spelling as recognisers write: no space before punctuation, letters in one, a cut as a dash."""
    text = _SPELT.sub(lambda match: re.sub("[_ ]", "", match.group()) + " " * match.group().endswith(" "), text)
    text = re.sub(r"\s+([⟦⟧]*[,.?!])", r"\1", text)
    return " ".join(text.replace("--", "—").split())


def _segments(text: str, label: str) -> list[Segment]:
    sentences = [one.text for one in split([said(text, by=label)])] if text else []
    joint = "" if is_chinese(text) else " "
    groups = [sentences[begin : begin + _SENTENCES_PER_SEGMENT] for begin in range(0, len(sentences), _SENTENCES_PER_SEGMENT)]
    return [said(joint.join(group), by=label) for group in groups]


def _timed(segments: list[Segment], pace: float) -> list[Segment]:
    timed, now = [], 0
    for segment in segments:
        end = now + round(1000 * pace * len(segment.text)) + 300
        timed.append(msgspec.structs.replace(segment, start_ms=now, end_ms=end - 100))
        now = end
    return timed
