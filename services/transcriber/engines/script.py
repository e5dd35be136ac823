"""The canned conversation of the scripted engine: two speakers, English with some Chinese, as long as one likes.

The Chinese is in Simplified characters, as many vendors write it whoever speaks.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import cycle

import msgspec

from services.transcriber.engines import Heard, Passage
from shared.schemas.transcripts import Word

WORD_MS = 400
"""150 words a minute."""
_PAUSE_MS = 80
_CHARACTERS_A_WORD = 2

_LINES = (
    ("A", "en", "Good morning, and thank you for making the time today. Let us begin with the figures of the last quarter."),
    ("B", "en", "Sales are up by twelve percent, mostly in the north. The south stayed where it was, as we had expected."),
    ("A", "zh", "我们先看上一季的数字，再决定下一步。"),
    ("B", "en", "We decided to hire two more engineers in March. Anna will write the advertisement by Friday."),
    ("A", "en", "I am worried about the contract with the supplier. Who will call them, and what do we offer?"),
    ("B", "en", "I will call them tomorrow. If they agree, we sign in the second week of May."),
    ("B", "zh", "合约的期限是五月十五日，请法务先看过一次。"),
    ("A", "en", "Agreed. Then there is the question of the office, which has become too small for all of us."),
    ("B", "en", "There are two offers on the table; the cheaper one is farther from the station. I prefer the other."),
    ("A", "en", "Let us visit both next week, and decide after that. Is there anything else we should talk about?"),
    ("B", "en", "Only that the report is due on Monday. Please send me your parts before the weekend."),
    ("A", "zh", "好的，我星期五下班以前用打印机印出来给你。"),
)


class Line(msgspec.Struct, frozen=True, array_like=True):
    """What one speaker says without interruption."""

    speaker: str
    language: str
    start_ms: int
    text: str


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """The raw answer of the scripted engine."""

    duration_ms: int
    language: str = "en"
    lines: tuple[Line, ...]


@lru_cache(maxsize=8)
def raw_script(duration_ms: int, spoken: str | None = None) -> bytes:
    """The conversation for a recording of this length, as an engine's raw answer; of it only what is in Chinese where `zh` is
    spoken."""
    lines: list[Line] = []
    at = 0
    only_chinese = spoken == "zh"
    for speaker, language, text in cycle([line for line in _LINES if line[1] == "zh"] if only_chinese else _LINES):
        length = len(_words(text, language)) * WORD_MS
        if lines and at + length > duration_ms:
            break
        lines.append(Line(speaker, language, at, text))
        at += length
    heard = Script(duration_ms=max(duration_ms, at), language="zh" if only_chinese else "en", lines=tuple(lines))
    return msgspec.json.encode(heard)


@lru_cache(maxsize=8)
def read_script(raw: bytes) -> Heard:
    """The raw answer in our terms."""
    script = msgspec.json.decode(raw, type=Script)
    return Heard(
        model="script",
        duration_ms=script.duration_ms,
        channels=1,
        language=script.language,
        passages=tuple(_passage(line) for line in script.lines),
    )


def _passage(line: Line) -> Passage:
    words = tuple(
        Word(
            t=text,
            s=line.start_ms + number * WORD_MS,
            e=line.start_ms + (number + 1) * WORD_MS - _PAUSE_MS,
            c=0.9,
            sep="" if line.language == "zh" else " ",
        )
        for number, text in enumerate(_words(line.text, line.language))
    )
    return Passage(words=words, speaker=line.speaker, language=line.language)


def _words(text: str, language: str) -> list[str]:
    if language != "zh":
        return text.split()
    words: list[str] = []
    for character in text:
        if words and (not character.isalnum() or len(words[-1]) < _CHARACTERS_A_WORD) and words[-1][-1].isalnum():
            words[-1] += character
        else:
            words.append(character)
    return words
