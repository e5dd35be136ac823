"""Recordings are cut in pauses, into pieces that start and end with speech and are never longer than allowed."""

from __future__ import annotations

import random

import pytest

from services.transcriber.engines.openai.cutting import cut
from services.transcriber.engines.openai.messages import Piece
from services.transcriber.engines.openai.speech import STEP_MS, find_sound, join

Span = tuple[int, int]


def pieces_of(speech: list[Span], longest_ms: int, quietest_ms: int = 0) -> list[Piece]:
    """The pieces; where nobody pauses, it is quietest at a fixed moment."""
    return list(cut(speech, longest_ms, lambda start, end: min(max(start, quietest_ms), end)))


def loudness(*stretches: tuple[float, float]) -> list[float]:
    """Levels for stretches of seconds and amplitude."""
    return [level for seconds, level in stretches for _ in range(round(seconds * 1000 / STEP_MS))]


def test_a_short_recording_is_one_piece_without_the_silence_around_it() -> None:
    """Nobody pays for what is not said."""
    (piece,) = pieces_of([(2_000, 5_000), (9_000, 12_000)], 60_000)
    assert (piece.start_ms, piece.end_ms, piece.speech) == (2_000, 12_000, ((2_000, 5_000), (9_000, 12_000)))


def test_silence_is_not_sent_at_all() -> None:
    """Models make words up in it."""
    assert pieces_of([], 60_000) == []


def test_a_long_recording_is_cut_in_the_longest_pause_of_the_last_third() -> None:
    """So that no word is cut, and there are few pieces."""
    speech = [(0, 30_000), (31_000, 45_000), (47_000, 58_000), (58_500, 100_000)]
    assert [(piece.start_ms, piece.end_ms) for piece in pieces_of(speech, 60_000)] == [(0, 45_000), (47_000, 100_000)]


def test_speech_without_a_pause_is_cut_where_it_is_quietest() -> None:
    """Nothing is left out and nothing is heard twice."""
    pieces = pieces_of([(0, 100_000)], 60_000, quietest_ms=52_000)
    assert [(piece.start_ms, piece.end_ms) for piece in pieces] == [(0, 52_000), (52_000, 100_000)]


@pytest.mark.parametrize("seed", range(20))
def test_all_that_is_said_is_sent_once(seed: int) -> None:
    """Whatever the pauses, the pieces hold all the speech, in order, and none is too long."""
    chance, at, speech = random.Random(seed), 0, []
    for _ in range(60):
        at += chance.choice([500, 2_000, 40_000])
        speech.append((at, at + chance.choice([300, 4_000, 90_000])))
        at = speech[-1][1]
    pieces = pieces_of(speech, 60_000)
    assert list(join((span for piece in pieces for span in piece.speech), within_ms=0)) == speech
    assert all(piece.length_ms <= 60_000 for piece in pieces)
    assert all(piece.speech[0][0] == piece.start_ms and piece.speech[-1][1] == piece.end_ms for piece in pieces)


def test_sound_is_told_from_a_quiet_room() -> None:
    """Where no model tells speech, what is clearly louder than the rest is taken for it, with some room around it."""
    assert find_sound(loudness((2, 20), (3, 900), (2, 20), (1, 700), (2, 20))) == [(1_800, 5_200), (6_800, 8_200)]


def test_a_recording_in_which_nobody_pauses_is_sound_throughout() -> None:
    """Its quietest parts are speech, too."""
    assert find_sound(loudness((10, 900), (10, 1_100))) == [(0, 20_000)]


def test_an_empty_room_is_no_sound() -> None:
    """Hiss is nobody's voice."""
    assert find_sound(loudness((20, 12))) == []


def test_a_click_is_no_sound() -> None:
    """Nor is what is over before anybody could have said something."""
    assert find_sound(loudness((5, 12), (STEP_MS / 1000, 3_000), (5, 12))) == []
