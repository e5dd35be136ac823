"""The local engine's stored answer is read, and what it may have made up is marked."""

from __future__ import annotations

import msgspec
import pytest

from services.transcriber.decoding import Recording
from services.transcriber.engines import Heard
from services.transcriber.engines.local.messages import Answer, HeardPassage, HeardWord, Window
from services.transcriber.engines.local.parsing import parse
from shared.schemas.transcripts import SegmentFlag


def _passage(text: str, **doubts: float) -> HeardPassage:
    heard = tuple(
        HeardWord(text=f" {word}", start_ms=index * 400, end_ms=index * 400 + 300, probability=0.9)
        for index, word in enumerate(text.split())
    )
    fine = {"avg_logprob": -0.2, "compression_ratio": 1.5, "no_speech_prob": 0.1, "temperature": 0.0}
    return HeardPassage(words=heard, **{**fine, **doubts})


def _window(*passages: HeardPassage, language: str | None = "en", speech_ms: int = 5_000) -> Window:
    return Window(
        start_ms=0,
        end_ms=10_000,
        speech_ms=speech_ms,
        language=language,
        language_probability=None if language is None else 0.9,
        passages=passages,
    )


def _parse(*windows: Window, asked: str | None = None, detected: bool = True, truncated: bool = False) -> Heard:
    recording = Recording(duration_ms=10_000, channels=1, container="ogg", codec="opus", sha256="ab", truncated=truncated)
    answer = Answer(model="base", beam_size=5, language=asked, language_detected=detected, recording=recording, windows=windows)
    return parse(msgspec.json.encode(answer))


def test_words_keep_their_spaces_and_times() -> None:
    """The model's leading space becomes the separator."""
    (passage,) = _parse(_window(_passage("Hello there."))).passages
    assert [(word.sep, word.t, word.s, word.e) for word in passage.words] == [(" ", "Hello", 0, 300), (" ", "there.", 400, 700)]


def test_chinese_words_have_no_space() -> None:
    """Where the model gives none, there is none."""
    chinese = HeardPassage(
        words=(HeardWord(text="你好", start_ms=0, end_ms=400, probability=0.8),),
        avg_logprob=-0.1,
        compression_ratio=0.5,
        no_speech_prob=0.0,
        temperature=0.0,
    )
    assert _parse(_window(chinese, language="zh")).passages[0].words[0].sep == ""


@pytest.mark.parametrize(
    "doubtful",
    [
        _passage("la la la la", compression_ratio=4.0),
        _passage("well then", no_speech_prob=0.9, avg_logprob=-1.2),
        _passage("well then", temperature=1.0),
        _passage("Thank you for watching!"),
    ],
    ids=["in circles", "over silence", "after many tries", "end of subtitles"],
)
def test_what_the_model_doubted_is_marked(doubtful: HeardPassage) -> None:
    """A reader learns which passages may be made up; none is removed."""
    (passage,) = _parse(_window(doubtful)).passages
    assert passage.flags == {SegmentFlag.POSSIBLE_HALLUCINATION}
    assert passage.words


def test_what_the_model_is_sure_of_is_not() -> None:
    """Plain speech carries no flag."""
    assert not _parse(_window(_passage("It was the best of times."))).passages[0].flags


def test_the_language_is_the_one_spoken_most() -> None:
    """Windows in which more is said count more; each passage keeps its own."""
    heard = _parse(
        _window(_passage("a"), language="en", speech_ms=2_000), _window(_passage("b"), language="zh", speech_ms=9_000)
    )
    assert heard.language == "zh"
    assert heard.language_confidence == 0.9
    assert [passage.language for passage in heard.passages] == ["en", "zh"]


def test_a_language_that_was_told_was_not_detected() -> None:
    """Nor does a model with one language detect it; that one is only assumed."""
    assert _parse(_window(_passage("a")), asked="en", detected=False).language_confidence is None
    assumed = _parse(_window(_passage("a")), detected=False)
    assert assumed.language_confidence is None
    assert "language_assumed" in assumed.notes


def test_silence_is_heard_as_nothing() -> None:
    """No window with speech: no words, no language."""
    heard = _parse(_window(language=None, speech_ms=0))
    assert heard.passages == ()
    assert heard.language is None


def test_a_file_cut_short_is_noted() -> None:
    """What is missing cannot be heard, but it can be said."""
    assert "truncated" in _parse(_window(_passage("a")), truncated=True).notes
