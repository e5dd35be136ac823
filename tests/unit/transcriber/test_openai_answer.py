"""Answers of every form land in our terms: milliseconds of the recording, honest about what was not told."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from services.transcriber.decoding import Recording
from services.transcriber.engines import Heard, Unreadable
from services.transcriber.engines.openai.answer import parse
from services.transcriber.engines.openai.messages import Answers, Piece, Plan, Response
from shared.errors import JobError
from shared.schemas.transcripts import SegmentFlag, WordSource, render_words

RECORDING = Recording(duration_ms=120_000, channels=2, container="ogg", codec="opus", sha256="0" * 64, truncated=False)
FIRST = Piece(start_ms=10_000, end_ms=40_000, speech=((10_000, 20_000), (30_000, 40_000)))
SECOND = Piece(start_ms=60_000, end_ms=90_000, speech=((60_000, 90_000),))


def heard(*answers: dict[str, Any] | bytes, pieces: tuple[Piece, ...] | None = None, **changes: Any) -> Heard:
    """What is read from the answers to the first piece, and the second if there are two."""
    plan = Plan(
        model="whisper-1",
        response=Response.VERBOSE,
        server="api.openai.com",
        rented=True,
        language=None,
        vocabulary=(),
        recording=RECORDING,
        pieces=(FIRST, SECOND)[: len(answers)] if pieces is None else pieces,
    )
    bodies = tuple(answer if isinstance(answer, bytes) else msgspec.json.encode(answer) for answer in answers)
    return parse(msgspec.json.encode(Answers(plan=msgspec.structs.replace(plan, **changes), answers=bodies)))


def segment(text: str, start: float, end: float, **more: Any) -> dict[str, Any]:
    """A segment as Whisper's servers tell it."""
    return {"id": 0, "text": text, "start": start, "end": end, **more}


def words_of(result: Heard) -> list[tuple[str, int | None, int | None]]:
    """Text, start and end of every word."""
    return [(word.t, word.s, word.e) for passage in result.passages for word in passage.words]


def text_of(result: Heard) -> str:
    """All that was said."""
    return " ".join(render_words(passage.words).strip() for passage in result.passages)


VERBOSE = {
    "task": "transcribe",
    "language": "english",
    "duration": 30.0,
    "text": "Good morning. Shall we?",
    "segments": [segment(" Good morning.", 1.0, 2.0), segment(" Shall we?", 3.0, 3.8)],
    "words": [
        {"word": "Good", "start": 1.0, "end": 1.4},
        {"word": "morning", "start": 1.45, "end": 2.0},
        {"word": "Shall", "start": 3.0, "end": 3.3},
        {"word": "we", "start": 3.4, "end": 3.8},
    ],
    "usage": {"type": "duration", "seconds": 30},
}


def test_seconds_of_a_piece_become_milliseconds_of_the_recording() -> None:
    """Each word has the time at which it is said, with its punctuation."""
    result = heard(VERBOSE)
    assert words_of(result) == [
        ("Good", 11_000, 11_400),
        ("morning.", 11_450, 12_000),
        ("Shall", 13_000, 13_300),
        ("we?", 13_400, 13_800),
    ]
    assert {word.src for passage in result.passages for word in passage.words} == {WordSource.ASR}
    assert (result.language, result.notes, result.speech_ms) == ("en", (), 20_000)


def test_pieces_follow_each_other() -> None:
    """The words of the second lie where the second does."""
    result = heard(VERBOSE, VERBOSE)
    assert words_of(result)[4] == ("Good", 61_000, 61_400)
    assert result.params["pieces"] == "2"


def test_segments_without_words_have_their_words_interpolated() -> None:
    """And the reader is told."""
    result = heard({key: value for key, value in VERBOSE.items() if key != "words"})
    assert words_of(result)[:2] == [("Good", 11_000, 11_364), ("morning.", 11_364, 12_000)]
    assert result.notes == ("word_times_approximate",)


def test_text_alone_lies_where_somebody_speaks() -> None:
    """The pause in the middle holds no word, and every word is marked."""
    result = heard({"text": "one two three four"}, response=Response.TEXT)
    assert all(not 20_000 < time < 30_000 for _, start, end in words_of(result) for time in (start or 0, end or 0))
    assert {word.src for passage in result.passages for word in passage.words} == {WordSource.INTERPOLATED}
    assert result.notes == ("word_times_approximate",)


def test_words_without_segments_are_matched_with_the_text() -> None:
    """Some servers leave the segments away."""
    result = heard({key: value for key, value in VERBOSE.items() if key != "segments"})
    assert words_of(result)[1] == ("morning.", 11_450, 12_000)
    assert text_of(result) == "Good morning. Shall we?"


def test_speakers_of_one_piece_keep_their_labels() -> None:
    """A and B are A and B."""
    result = heard({"text": "", "segments": [segment("Hi.", 0, 1, speaker="A"), segment("Ho.", 1, 2, speaker="B")]})
    assert [passage.speaker for passage in result.passages] == ["A", "B"]
    assert "speakers_per_piece" not in result.notes


def test_speakers_of_several_pieces_are_not_taken_for_the_same() -> None:
    """The A of one piece may be the B of another, so labels carry the piece's number, and the reader is told."""
    answer = {"text": "", "segments": [segment("Hi.", 0, 1, speaker="A")]}
    result = heard(answer, answer, response=Response.DIARIZED)
    assert [passage.speaker for passage in result.passages] == ["1A", "2A"]
    assert "speakers_per_piece" in result.notes


@pytest.mark.parametrize(
    "segments",
    [
        [segment(" Good morning.", 1_000, 2_000)],
        [segment(" Good morning.", 2.0, 1.0)],
        [segment(" Good morning.", -4.0, 1.0)],
        [{"text": " Good morning.", "start": "soon"}],
        "none",
        {},
    ],
    ids=["milliseconds", "backwards", "negative", "another type", "text", "object"],
)
def test_times_that_make_no_sense_are_not_used(segments: object) -> None:
    """The text was paid for and is kept; its times are interpolated as if none had been told."""
    result = heard({"text": "Good morning.", "segments": segments})
    assert text_of(result) == "Good morning."
    assert all(10_000 <= (start or 0) <= (end or 0) <= 40_000 for _, start, end in words_of(result))
    assert result.notes == ("word_times_approximate",)


def test_a_server_that_answers_with_less_than_asked_is_on_record() -> None:
    """What was asked for and what came are both told."""
    result = heard({"text": "Good morning."})
    assert (result.params["response"], result.params["answered"]) == ("verbose_json", "json")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"language": "chinese"}, "zh"),
        ({"language": "zh"}, "zh"),
        ({"language": "haitian creole"}, "ht"),
        ({"languages": [{"code": "de"}, {"code": "en"}]}, "de"),
        ({"languages": []}, None),
        ({"language": ""}, None),
        ({"language": None}, None),
    ],
)
def test_languages_are_told_by_name_or_code(answer: dict[str, object], code: str | None) -> None:
    """Servers disagree about it."""
    assert heard({"text": "嗨", **answer}).language == code


def test_the_language_that_was_asked_for_stands_where_none_is_told() -> None:
    """Diarizing models tell none."""
    assert heard({"text": "hi"}, language="en").language == "en"


def test_what_is_billed_is_what_the_server_counts() -> None:
    """Or, where it does not say in seconds, what was sent."""
    tokens = {"text": "hi", "usage": {"type": "tokens", "input_tokens": 14, "output_tokens": 45, "total_tokens": 59}}
    usage = heard(VERBOSE, tokens).usage
    assert usage is not None
    assert (usage.billed_ms, usage.items) == (30_000 + SECOND.length_ms, ("whisper-1",))
    assert heard({"text": "hi"}, rented=False).usage is None


def test_another_servers_prices_are_not_openais() -> None:
    """A model of the same name costs something else there."""
    usage = heard(VERBOSE, server="api.groq.com").usage
    assert usage is not None
    assert usage.items == ("api.groq.com/whisper-1",)


def test_what_the_model_may_have_made_up_is_marked() -> None:
    """Where it doubted that there was speech, wrote in a circle, or wrote what it writes over music."""
    doubts = [
        segment(" Thanks for watching!", 0, 2),
        segment(" La la la la la.", 2, 9, compression_ratio=3.4),
        segment(" Well.", 9, 10, no_speech_prob=0.9, avg_logprob=-1.1),
        segment(" Certainly.", 10, 11, no_speech_prob=0.01, avg_logprob=-0.2, compression_ratio=1.1, temperature=0.0),
    ]
    flags = [
        SegmentFlag.POSSIBLE_HALLUCINATION in passage.flags for passage in heard({"text": "", "segments": doubts}).passages
    ]
    assert flags == [True, True, True, False]


def test_nobody_speaking_is_an_answer() -> None:
    """Neither an empty text nor a recording without any speech is an error."""
    assert heard({"text": ""}).passages == ()
    assert heard(pieces=()).passages == ()


def test_text_that_no_segment_holds_is_not_lost() -> None:
    """Where the segments stop early, the text counts, and its times are interpolated."""
    result = heard({"text": "Good morning. And then they told us everything.", "segments": [segment(" Good morning.", 1, 2)]})
    assert text_of(result) == "Good morning. And then they told us everything."
    assert result.notes == ("word_times_approximate",)


def test_segments_alone_are_enough() -> None:
    """Some servers leave the whole text away."""
    assert text_of(heard({"segments": [segment(" Good morning.", 1, 2)]})) == "Good morning."


@pytest.mark.parametrize("answer", [{"text": ["not", "text"]}, {}])
def test_an_answer_without_readable_text_is_never_taken_for_silence(answer: dict[str, object]) -> None:
    """It is stored all the same, and may be read by a later version."""
    with pytest.raises(Unreadable):
        heard(answer)


def test_a_failure_in_the_place_of_an_answer_is_told_in_a_sentence() -> None:
    """The server can be asked again."""
    with pytest.raises(JobError, match="overloaded") as caught:
        heard({"error": {"message": "overloaded"}})
    assert caught.value.failure.code == "engine_failed"
