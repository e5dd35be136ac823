"""Hears speech with Whisper, in a process of its own: `python -m services.transcriber.engines.local.child MODEL BEAM`.

Reads one `Request` a line; answers `Hear` with `Position`s and a `Window`, `Separate` with `Turns`. One thread. Silence
never reaches the model: it would make words up, and loses words itself when it is asked for their times without being
told where speech is.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.transcribe import restore_speech_timestamps
from faster_whisper.vad import VadOptions, get_speech_timestamps

from services.transcriber.children import claim_stdout, die_with_parent
from services.transcriber.engines.local.messages import (
    Hear,
    HeardPassage,
    HeardWord,
    Message,
    Position,
    Request,
    Separate,
    Turns,
    Voices,
    Window,
)
from services.transcriber.engines.local.windows import Span, earliest_cut, longest_pause, within

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from services.transcriber.engines.local.voices import Listener

    Samples = NDArray[np.float32]

SAMPLE_RATE = 16_000
PER_MS = SAMPLE_RATE // 1000
REPORT_SECONDS = 1.0
_SHORTEST_PAUSE_MS = 500
_PADDING_MS = 200
_QUIET_MS = 50

Say = Callable[[Message], None]


def main(arguments: list[str]) -> None:
    """Answer requests until standard input ends."""
    die_with_parent()
    messages = claim_stdout()
    ears = Ears(model=arguments[0], beam_size=int(arguments[1]))

    def say(message: Message) -> None:
        data = msgspec.json.encode(message) + b"\n"
        while data:
            data = data[os.write(messages, data) :]

    for line in sys.stdin.buffer:
        say(answer(msgspec.json.decode(line, type=Request), ears, say))


def answer(request: Request, ears: Ears, say: Say) -> Window | Turns:
    """The last message to a request."""
    match request:
        case Hear():
            return ears.hear(request, say)
        case Separate():
            from services.transcriber.engines.local.turns import separate

            return separate(request)


class Ears:
    """A loaded model."""

    def __init__(self, *, model: str, beam_size: int) -> None:
        self._model = WhisperModel(model, device="cpu", compute_type="int8", cpu_threads=1, num_workers=1)
        self._beam_size = beam_size

    def hear(self, request: Hear, say: Say) -> Window:
        """Everything that is said in the window that starts where the request says."""
        remaining_ms = request.total_ms - request.start_ms
        audio = read(Path(request.pcm), request.start_ms, min(request.longest_ms, remaining_ms))
        speech = find_speech(audio)
        length = remaining_ms if remaining_ms <= request.longest_ms else cut(audio, speech, request.longest_ms)
        spoken = within(speech, length)
        language, probability, passages = self._transcribe(audio, spoken, request, say)
        return Window(
            start_ms=request.start_ms,
            end_ms=request.start_ms + length,
            speech_ms=sum(end - start for start, end in spoken),
            language=language,
            language_probability=probability,
            passages=passages,
            voices=voices(request, audio[: length * PER_MS]),
        )

    def _transcribe(
        self, audio: Samples, speech: list[Span], request: Hear, say: Say
    ) -> tuple[str | None, float | None, tuple[HeardPassage, ...]]:
        if not speech:
            return None, None, ()
        segments, info = self._model.transcribe(
            np.concatenate([audio[start * PER_MS : end * PER_MS] for start, end in speech]),
            language=request.language,
            beam_size=self._beam_size,
            word_timestamps=True,
            condition_on_previous_text=False,
            hotwords=", ".join(request.vocabulary) or None,
        )
        chunks = [{"start": start * PER_MS, "end": end * PER_MS} for start, end in speech]
        timed = restore_speech_timestamps(segments, chunks, SAMPLE_RATE)
        passages = tuple(passage(segment, request.start_ms) for segment in reporting(timed, request.start_ms, say))
        return info.language, float(info.language_probability), passages


def voices(request: Hear, audio: Samples) -> Voices | None:
    """Who speaks when in a window, if that is wanted."""
    if request.speaker_model is None:
        return None
    return _listener(request.speaker_model).listen(audio, request.start_ms)


@lru_cache(maxsize=1)
def _listener(folder: str) -> Listener:
    from services.transcriber.engines.local.voices import Listener

    return Listener(Path(folder))


def read(path: Path, start_ms: int, length_ms: int) -> Samples:
    """Samples between -1 and 1."""
    samples = np.fromfile(path, dtype="<i2", count=length_ms * PER_MS, offset=start_ms * PER_MS * 2)
    return samples.astype(np.float32) / np.float32(32768)


def find_speech(audio: Samples) -> list[Span]:
    """Where somebody speaks, with a little room around it."""
    options = VadOptions(min_silence_duration_ms=_SHORTEST_PAUSE_MS, speech_pad_ms=_PADDING_MS)
    return [(span["start"] // PER_MS, span["end"] // PER_MS) for span in get_speech_timestamps(audio, options)]


def cut(audio: Samples, speech: list[Span], longest_ms: int) -> int:
    """Where this window ends: in the middle of the longest pause, or else where it is least loud."""
    earliest = earliest_cut(longest_ms)
    if pause := longest_pause(speech, earliest=earliest, end=longest_ms):
        return sum(pause) // 2
    step = _QUIET_MS * PER_MS
    tail = audio[earliest * PER_MS : longest_ms * PER_MS]
    loudness = np.square(tail[: len(tail) // step * step]).reshape(-1, step).sum(axis=1)
    return earliest + int(np.argmin(loudness)) * _QUIET_MS + _QUIET_MS // 2


def reporting(segments: Iterator[Any], start_ms: int, say: Say) -> Iterator[Any]:
    """Pass the segments on, and tell now and then how far they have come."""
    told = time.monotonic()
    for segment in segments:
        yield segment
        if time.monotonic() - told > REPORT_SECONDS:
            told = time.monotonic()
            say(Position(ms=start_ms + round(segment.end * 1000)))


def passage(segment: Any, start_ms: int) -> HeardPassage:
    """A segment of faster-whisper in our words."""
    return HeardPassage(
        words=tuple(
            HeardWord(
                text=word.word,
                start_ms=start_ms + round(word.start * 1000),
                end_ms=start_ms + round(word.end * 1000),
                probability=round(float(word.probability), 4),
            )
            for word in segment.words or ()
        ),
        avg_logprob=round(float(segment.avg_logprob), 4),
        compression_ratio=round(float(segment.compression_ratio), 4),
        no_speech_prob=round(float(segment.no_speech_prob), 4),
        temperature=float(segment.temperature or 0.0),
    )


if __name__ == "__main__":
    main(sys.argv[1:])
