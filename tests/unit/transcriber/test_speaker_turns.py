"""What windows knew about voices becomes turns: people keep their number across windows, and short words their owner."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from services.transcriber.engines.local.messages import Run, Separate, Turn, Voices
from services.transcriber.engines.local.turns import separate

SHE, HE = np.eye(192, dtype=np.float16)[:2]
BETWEEN = ((SHE + HE) / np.sqrt(2)).astype(np.float16)


def _window(*runs: tuple[Run, Sequence[np.ndarray]]) -> Voices:
    points = [point for _, points in runs for point in points]
    return Voices(runs=tuple(run for run, _ in runs), embeddings=np.array(points, dtype="<f2").tobytes())


def _run(
    start_ms: int, end_ms: int, *voices: int, chunk: int = 1, whose: Sequence[np.ndarray] = ()
) -> tuple[Run, Sequence[np.ndarray]]:
    """A run with a piece each second, which sounds like one of the two."""
    pieces = tuple((start_ms + number * 1_000, start_ms + number * 1_000 + 2_000) for number in range(len(whose)))
    return Run(start_ms, end_ms, chunk, voices, pieces), whose


def _turns(
    folder: Path, *windows: Voices, at_least: int | None = None, at_most: int | None = None
) -> list[tuple[int, int, int]]:
    path = folder / "voices"
    path.write_bytes(b"".join(msgspec.json.encode(window) + b"\n" for window in windows))
    turns: tuple[Turn, ...] = separate(Separate(voices=str(path), at_least=at_least, at_most=at_most)).turns
    return [(turn.start_ms, turn.end_ms, turn.speaker) for turn in turns]


def test_people_keep_their_number_from_window_to_window(tmp_path: Path) -> None:
    """Numbers follow the order in which they first speak."""
    first = _window(_run(0, 4_000, 2, whose=[HE] * 3), _run(5_000, 9_000, 1, whose=[SHE] * 3))
    second = _window(_run(20_000, 24_000, 0, whose=[SHE] * 3))
    assert _turns(tmp_path, first, second) == [(0, 4_000, 0), (5_000, 9_000, 1), (20_000, 24_000, 1)]


def test_a_change_that_was_not_heard_is_found_by_the_voices(tmp_path: Path) -> None:
    """Within a run, the speaker changes between the pieces that sound different."""
    window = _window(_run(0, 8_000, 0, whose=[SHE, SHE, SHE, BETWEEN, HE, HE, HE]))
    (start, cut, one), (cut_again, end, other) = _turns(tmp_path, window)
    assert (start, end, one, other) == (0, 8_000, 0, 1)
    assert cut == cut_again
    assert 3_500 <= cut <= 5_000


def test_both_who_speak_at_once_are_told(tmp_path: Path) -> None:
    """By what the same local voices sound like when they are alone, close by."""
    window = _window(_run(0, 4_000, 0, whose=[SHE] * 3), _run(4_000, 4_500, 0, 1), _run(4_500, 8_500, 1, whose=[HE] * 3))
    assert _turns(tmp_path, window) == [(0, 4_500, 0), (4_000, 8_500, 1)]


def test_short_pauses_do_not_end_a_turn(tmp_path: Path) -> None:
    """Drawing breath is no end; a second is."""
    window = _window(
        _run(0, 3_000, 0, whose=[SHE] * 2), _run(3_200, 6_000, 0, whose=[SHE] * 2), _run(7_000, 9_000, 0, whose=[SHE])
    )
    assert _turns(tmp_path, window) == [(0, 6_000, 0), (7_000, 9_000, 0)]


def test_a_recording_of_a_moment_has_one_speaker(tmp_path: Path) -> None:
    """With less than two seconds of speech nobody can tell."""
    runs = [
        (Run(0, 900, 1, (0,), ((0, 900),)), [SHE]),
        (Run(1_000, 1_900, 1, (1,), ((1_000, 1_900),)), [HE]),
    ]
    assert {speaker for _, _, speaker in _turns(tmp_path, _window(*runs))} == {0}


def test_where_nobody_speaks_there_are_no_turns(tmp_path: Path) -> None:
    """Silence, and sounds too short to be a voice."""
    assert _turns(tmp_path, _window()) == []
    assert _turns(tmp_path, _window(_run(0, 90, 0))) == []


def test_an_expected_number_is_heeded(tmp_path: Path) -> None:
    """One, though two voices are heard."""
    window = _window(_run(0, 4_000, 0, whose=[SHE] * 3), _run(5_000, 9_000, 1, whose=[HE] * 3))
    assert {speaker for _, _, speaker in _turns(tmp_path, window, at_least=1, at_most=1)} == {0}
