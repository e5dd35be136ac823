"""The measures that tell how good speakers and words are."""

from __future__ import annotations

import pytest

from tests.error_rates import COLLAR_MS, diarization_error, misattributed, word_error
from tests.reference_audio import Speech

TALK = [Speech(0, 4_000, "she"), Speech(4_000, 10_000, "he")]


def test_names_do_not_matter() -> None:
    """Only who is the same as whom."""
    assert diarization_error(TALK, [Speech(0, 4_000, "1"), Speech(4_000, 10_000, "0")]).error == 0


def test_each_kind_of_error_is_counted_by_its_time() -> None:
    """Speech not heard, heard where there is none, and given to another."""
    missed = diarization_error(TALK, [Speech(0, 4_000, "A"), Speech(5_000, 10_000, "B")])
    assert missed.missed == missed.error == pytest.approx(0.1)
    made_up = diarization_error(TALK, [*TALK, Speech(2_000, 4_000, "he")])
    assert made_up.false_alarm == made_up.error == pytest.approx(0.2)
    assert diarization_error(TALK, [Speech(0, 10_000, "A")]).confused == pytest.approx(0.4)


def test_the_collar_forgives_boundaries() -> None:
    """People place them no better themselves."""
    late = [Speech(0, 4_200, "A"), Speech(4_200, 10_000, "B")]
    assert diarization_error(TALK, late).error > 0
    assert diarization_error(TALK, late, collar_ms=COLLAR_MS).error == 0


def test_words_are_given_to_who_speaks_in_their_middle() -> None:
    """One of four is not; one in a pause does not count."""
    words = [Speech(100, 300, "A"), Speech(3_900, 4_300, "B"), Speech(5_000, 5_200, "A"), Speech(6_000, 6_200, "B")]
    assert misattributed(TALK, [*words, Speech(11_000, 11_200, "A")]) == pytest.approx(0.25)


def test_words_are_counted_without_case_and_points() -> None:
    """A wrong, a missing and an additional word are an error each."""
    assert word_error("Hello, world.", "hello world") == 0
    assert word_error("one two three four", "one too four five") == pytest.approx(3 / 4)
