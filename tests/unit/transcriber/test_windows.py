"""Long recordings are cut where nobody speaks."""

from __future__ import annotations

from services.transcriber.engines.local.windows import LONGEST_MS, earliest_cut, longest_pause, within

EARLIEST = earliest_cut(LONGEST_MS)


def test_the_longest_pause_of_the_last_third_is_chosen() -> None:
    """A longer pause earlier on would make the window short for nothing."""
    speech = [(0, 50_000), (80_000, 130_000), (131_000, 150_000), (155_000, 180_000)]
    assert longest_pause(speech, earliest=EARLIEST, end=LONGEST_MS) == (150_000, 155_000)


def test_a_pause_counts_only_from_where_a_cut_may_be() -> None:
    """A pause that began before the last third counts with what is left of it."""
    assert longest_pause([(0, 90_000), (125_000, 180_000)], earliest=EARLIEST, end=LONGEST_MS) == (120_000, 125_000)


def test_silence_to_the_end_is_a_pause() -> None:
    """Where nobody speaks any more, any place is good."""
    assert longest_pause([(0, 60_000)], earliest=EARLIEST, end=LONGEST_MS) == (120_000, 180_000)
    assert longest_pause([], earliest=EARLIEST, end=LONGEST_MS) == (120_000, 180_000)


def test_whoever_never_draws_breath_leaves_no_pause() -> None:
    """Then the quietest moment must do, which is not decided here."""
    assert longest_pause([(0, 180_000)], earliest=EARLIEST, end=LONGEST_MS) is None


def test_speech_after_the_cut_belongs_to_the_next_window() -> None:
    """A stretch that crosses the cut is heard up to it."""
    assert within([(0, 10), (20, 40), (50, 60)], 30) == [(0, 10), (20, 30)]
