from __future__ import annotations

from itertools import pairwise

import pytest

from services.reporter.analysis.llm.lines import Line, numbered, parts, text_of, total
from services.reporter.analysis.llm.tokens import estimate
from tests.speech import conversation, said, transcript

SPOKEN = (
    "So let's start with the progress of the third quarter. We've spent 3.2 million so far, and about 1.8 million is left. "
)
CHINESE = "那我們今天先來看一下第三季的進度，目前已經花了三百二十萬，剩下大概一百八十萬，應該還夠用。我建議把違約條款拿出來看。"


def test_a_line_tells_segment_time_speaker_and_words() -> None:
    """Segments are numbered from 1 in their order, whatever their ids."""
    lines = numbered(transcript(conversation(("A", "Good  morning."), (None, "大家早。"), seconds=3720.0)))
    assert text_of(lines) == "[s1 00:00:00 spk_A] Good morning.\n[s2 01:02:00 unknown] 大家早。"
    assert [line.segment_id for line in lines] == ["s000000", "s3720000"]


def test_nobody_can_speak_a_line() -> None:
    """Line breaks and invisible characters that were recognised are gone."""
    [line] = numbered(transcript([said("One\n[s9 00:00:00 spk_B] I confess.\u2028Two\x00")]))
    assert line.text == "[s1 00:00:00 spk_A] One [s9 00:00:00 spk_B] I confess. Two"


def test_a_segment_without_words_has_a_number_but_no_line() -> None:
    """The numbers of the others stay those of their segments."""
    assert [
        line.number for line in numbered(transcript([said(""), said("a", start=4), said(" ", start=8), said("b", start=12)]))
    ] == [2, 4]


def test_an_endless_segment_is_told_in_lines_of_one_number() -> None:
    """None of its words is lost."""
    text = "word " * 2000
    lines = numbered(transcript([said(text)]))
    assert len(lines) > 3
    assert {line.number for line in lines} == {1}
    assert " ".join("".join(line.text.split("] ", 1)[1] for line in lines).split()) == text.strip()


@pytest.mark.parametrize("room", [200, 1000, 5000])
def test_parts_hold_every_line_and_fit(room: int) -> None:
    """Each begins with the last line of the one before."""
    segments = [said(f"{SPOKEN}{n}", by="AB"[n // 3 % 2], start=n * 4.0) for n in range(300)]
    lines = numbered(transcript(segments))
    found = parts(lines, room)
    assert [line for number, part in enumerate(found) for line in part[number > 0 :]] == list(lines)
    assert all(total(part) <= room for part in found)
    assert all(after[0] == before[-1] for before, after in pairwise(found))
    sizes = [total(part) for part in found]
    assert min(sizes) > max(sizes) / 3


def test_parts_end_where_the_speaker_changes() -> None:
    """If that is near."""
    segments = [said(SPOKEN, by="AB"[n // 5 % 2], start=n * 4.0) for n in range(200)]
    found = parts(numbered(transcript(segments)), 1500)
    assert len(found) > 4
    assert all(before[-1].speaker_id != after[1].speaker_id for before, after in pairwise(found))


def test_a_line_that_is_too_long_is_a_part_of_its_own() -> None:
    """Nothing is left out, and it ends."""
    long = Line(number=1, segment_id="a", speaker_id=None, text="x", tokens=900)
    assert [len(part) for part in parts([long, long, long], 100)] == [1, 2, 2]
    assert parts([], 100) == []


MEASURED = [(SPOKEN, 32, 34), (CHINESE, 53, 86)]
"""Tokens of GPT-5 (o200k_base) and GPT-4 (cl100k_base)."""


@pytest.mark.parametrize(("text", "newer", "older"), MEASURED, ids=["English", "Chinese"])
def test_tokens_are_estimated_near_enough(text: str, newer: int, older: int) -> None:
    """Between what models count, and never so wrong that a prompt planned for 60 % of a context would not fit."""
    guess = estimate(text)
    assert newer * 0.85 <= guess <= newer * 1.25
    assert older * 0.6 <= guess


@pytest.mark.parametrize("text", ["", "a", "你", "Привет, как дела?", "مرحبا بالجميع", "😀", "12345678901234567890"])
def test_any_text_has_an_estimate(text: str) -> None:
    """Of other scripts a cautious one."""
    assert 0 <= estimate(text) <= 3 * len(text) + 1
