from __future__ import annotations

import msgspec
import pytest

from services.reporter.characters import clean, count_words
from services.reporter.clock import clock, stamp, timecode
from services.reporter.facts import build_report
from shared.schemas.reports import Report
from shared.schemas.transcripts import Transcript
from tests.speech import assignment, conversation, said, transcript


def _report(source: Transcript) -> Report:
    return build_report(assignment(source, title="T"), source)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        ("One two, three.", 3),
        ("don't stop", 2),
        ("你好，世界", 4),
        ("這個 feature 要不要 rollback？", 7),
        ("Où êtes-vous", 3),
    ],
)
def test_words_are_counted_as_word_processors_count_them(text: str, words: int) -> None:
    """Latin words count one each, Chinese characters too, punctuation not at all."""
    assert count_words(text) == words


def test_talk_time_words_and_turns_are_counted_by_speaker() -> None:
    """A speaker who goes on in the next segment has not taken the floor again."""
    facts = _report(transcript(conversation(("A", "one two"), ("A", "three"), ("B", "four"), ("A", "five")))).facts
    assert [(s.speaker_id, s.speech_ms, s.words, s.turns) for s in facts.speakers] == [
        ("spk_A", 12000, 4, 2),
        ("spk_B", 4000, 1, 1),
    ]
    assert facts.words == 5


def test_a_whole_recording_is_covered_to_its_end() -> None:
    """Silence at the end was considered too."""
    coverage = _report(transcript([said("hello")], duration_ms=60_000)).coverage
    assert (coverage.through_ms, coverage.complete) == (60_000, True)


def test_a_truncated_recording_is_covered_to_the_last_word() -> None:
    """The report never claims what the engine did not hear."""
    coverage = _report(transcript([said("hello")], duration_ms=60_000, notes=["truncated"])).coverage
    assert (coverage.through_ms, coverage.complete) == (4000, False)


def test_the_report_names_speakers_by_id_only() -> None:
    """A renamed speaker must be renamed everywhere, and names live in the transcript."""
    data = msgspec.json.encode(_report(transcript([said("hello")], names={"A": "Anna Example"})))
    assert b"Anna" not in data
    assert msgspec.json.decode(data, type=Report).facts.speakers[0].speaker_id == "spk_A"


def test_clean_text_holds_nothing_invisible() -> None:
    """Controls, direction overrides and zero-width marks go; every run of white space becomes a space."""
    assert clean(" a\x00b\u202egnp\u202c \u200b\u2066x\u2069\ufeff\r\n\ty\u2028z\u3000 ") == "abgnp x y z"


def test_clean_text_keeps_every_letter() -> None:
    """Accents, Chinese, emoji and their joiners stay."""
    assert clean("naïve 中文 👩\u200d💻 e\u0301") == "naïve 中文 👩\u200d💻 e\u0301"


def test_times_read_as_people_write_them() -> None:
    """Short where it stands alone, of one width in columns, to the millisecond in subtitles."""
    assert [clock(0), clock(44_999), clock(723_000), clock(36_000_000)] == ["0:00", "0:44", "12:03", "10:00:00"]
    assert stamp(44_000) == "00:00:44"
    assert timecode(3_723_042, ",") == "01:02:03,042"
