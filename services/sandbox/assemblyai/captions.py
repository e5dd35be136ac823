"""SubRip and WebVTT, without speakers as the vendor has them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from services.sandbox.assemblyai.sentences import ends_sentence
from services.sandbox.assemblyai.speech import Word, joined

CHARACTERS = 70
"""Longest caption when nothing else is asked for."""


class Caption(msgspec.Struct, frozen=True):
    """One line on the screen."""

    start: int
    end: int
    text: str


def captions(words: Sequence[Word], most: int = CHARACTERS) -> list[Caption]:
    """No longer than `most` characters, unless a single word is, and none across sentences or speakers."""
    runs: list[list[Word]] = []
    for word in words:
        if runs and _fits(runs[-1], word, most):
            runs[-1].append(word)
        else:
            runs.append([word])
    return [Caption(run[0].start, run[-1].end, joined(word.text for word in run)) for run in runs]


def srt(shown: Sequence[Caption]) -> str:
    """SubRip."""
    return "\n".join(
        f"{number}\n{_time(caption.start, ',', hours=True)} --> {_time(caption.end, ',', hours=True)}\n{caption.text}\n"
        for number, caption in enumerate(shown, 1)
    )


def vtt(shown: Sequence[Caption]) -> str:
    """WebVTT; hours are left out before there is one."""
    cues = (f"{_time(caption.start, '.')} --> {_time(caption.end, '.')}\n{caption.text}\n" for caption in shown)
    return "\n".join(("WEBVTT\n", *cues))


def _fits(run: list[Word], word: Word, most: int) -> bool:
    if run[-1].speaker != word.speaker or ends_sentence(run[-1]):
        return False
    return len(joined((*(before.text for before in run), word.text))) <= most


def _time(ms: int, mark: str, *, hours: bool = False) -> str:
    seconds, thousandths = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hour, minutes = divmod(minutes, 60)
    before = f"{hour:02}:" if hours or hour else ""
    return f"{before}{minutes:02}:{seconds:02}{mark}{thousandths:03}"
