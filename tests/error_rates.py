"""How wrong a transcript is: in words, and in who speaks when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import permutations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tests.reference_audio import Speech

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Activity = NDArray[np.bool_]

STEP_MS = 10
COLLAR_MS = 250
"""What is usually left out on either side of each reference boundary, which people place no better."""


class Diarization(NamedTuple):
    """Shares of the reference's speech, counted once for each speaker."""

    missed: float
    false_alarm: float
    confused: float

    @property
    def error(self) -> float:
        """The diarization error rate."""
        return self.missed + self.false_alarm + self.confused


def diarization_error(reference: Sequence[Speech], found: Sequence[Speech], *, collar_ms: int = 0) -> Diarization:
    """The error under the best assignment of found to reference speakers, overlapped speech included."""
    length = max(speech.end_ms for speech in (*reference, *found)) // STEP_MS + 1
    size = max(len({speech.speaker for speech in speeches}) for speeches in (reference, found))
    scored = _scored(reference, length, collar_ms)
    truth, guess = (_activity(speeches, length, size)[scored] for speeches in (reference, found))
    together = truth.T.astype(np.int64) @ guess.astype(np.int64)
    right = max(sum(together[one, other] for one, other in enumerate(order)) for order in permutations(range(size)))
    speaking, heard, total = truth.sum(axis=1), guess.sum(axis=1), truth.sum()
    return Diarization(
        missed=float(np.maximum(speaking - heard, 0).sum() / total),
        false_alarm=float(np.maximum(heard - speaking, 0).sum() / total),
        confused=float((np.minimum(speaking, heard).sum() - right) / total),
    )


def misattributed(reference: Sequence[Speech], words: Sequence[Speech]) -> float:
    """The share of words given to somebody who does not speak in their middle; words where nobody does are left out."""
    speakers = sorted({speech.speaker for speech in reference})
    labels = sorted({word.speaker for word in words})
    said = [(word.speaker, _speaking(reference, (word.start_ms + word.end_ms) // 2)) for word in words]
    said = [(label, speaking) for label, speaking in said if speaking]
    orders = permutations([*speakers, *[""] * (len(labels) - len(speakers))], len(labels))
    return 1 - max(sum(dict(zip(labels, order, strict=True))[label] in who for label, who in said) for order in orders) / len(
        said
    )


def _speaking(reference: Sequence[Speech], at_ms: int) -> set[str]:
    return {speech.speaker for speech in reference if speech.start_ms <= at_ms < speech.end_ms}


def word_error(reference: str, heard: str) -> float:
    """The word error rate: words wrong, missing and made up for each word of the reference; case and points do not count."""
    wanted, got = plain_words(reference), plain_words(heard)
    row = list(range(len(got) + 1))
    for count, word in enumerate(wanted, start=1):
        before, row[0] = row[0], count
        for place, other in enumerate(got, start=1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (word != other))
    return row[-1] / len(wanted)


def plain_words(text: str) -> list[str]:
    """Lower-case words of letters, digits and apostrophes."""
    return "".join(character if character.isalnum() or character == "'" else " " for character in text.lower()).split()


def _activity(speeches: Iterable[Speech], length: int, size: int) -> Activity:
    activity = np.zeros((length, size), dtype=np.bool_)
    numbers: dict[str, int] = {}
    for speech in speeches:
        number = numbers.setdefault(speech.speaker, len(numbers))
        activity[speech.start_ms // STEP_MS : speech.end_ms // STEP_MS, number] = True
    return activity


def _scored(reference: Iterable[Speech], length: int, collar_ms: int) -> Activity:
    scored = np.ones(length, dtype=np.bool_)
    for edge in (edge for speech in reference for edge in (speech.start_ms, speech.end_ms) if collar_ms):
        scored[max(0, edge - collar_ms) // STEP_MS : (edge + collar_ms) // STEP_MS] = False
    return scored
