"""A transcript's subtitle cues: what is on the screen, from when to when, on which lines.

The rules are those of the large streaming services: two lines of limited width, a speed that can be read, at least
five sixths of a second and at most seven, two frames between cues, breaks after punctuation and never after an article.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from services.reporter.characters import columns
from services.reporter.renderers.subtitles.profiles import Profile
from services.reporter.renderers.subtitles.segmentation import divide, line_break
from services.reporter.renderers.subtitles.units import Unit, joined, segment_units
from shared.schemas.transcripts import Transcript

PAUSE_MS = 2000
"""A silence that always ends a cue."""

STEP_MS = 100
"""Cues start at least this far apart, even where an engine gave many words the same time."""


class Cue(NamedTuple):
    """What is on the screen from `start_ms` to `end_ms`."""

    start_ms: int
    end_ms: int
    speaker_id: str | None
    units: Sequence[Unit]
    lines: tuple[str, ...]


class _Run(NamedTuple):
    """Speech of one speaker without a long pause."""

    speaker_id: str | None
    units: list[Unit]


def make_cues(transcript: Transcript, profile: Profile, names: Mapping[str, str]) -> list[Cue]:
    """The transcript's cues in order of time, never two at once. Cues with which a speaker of `names` begins have
    room for the name on their first line."""
    pieces: list[_Run] = []
    speaker_id = None
    for run in _runs(transcript, profile):
        name = names.get(run.speaker_id or "") if run.speaker_id != speaker_id else None
        speaker_id = run.speaker_id
        bounds = divide(run.units, profile, name_unit(name, profile) if name else None)
        pieces += [_Run(speaker_id, run.units[first:last]) for first, last in bounds]
    pieces.sort(key=lambda piece: piece.units[0].start)
    return list(_timed(pieces, profile))


def name_unit(name: str, profile: Profile) -> Unit:
    """`Name:` as it stands before a speaker's first words, cut short at half a line."""
    room = profile.line // 2 - 1
    if columns(name) > room:
        name = name[:room]
        while columns(name) > room - 1:
            name = name[:-1]
        name += "…"
    return Unit(f"{name}:", "", 0, 0, columns(name) + 1)


def break_lines(units: Sequence[Unit], profile: Profile) -> tuple[str, ...]:
    """One line or two, each within the profile's width unless a single unit is wider."""
    if (at := line_break(units, profile.line)) is None:
        return (joined(units),)
    return joined(units[:at]), joined(units[at:])


def _runs(transcript: Transcript, profile: Profile) -> list[_Run]:
    runs: list[_Run] = []
    for segment in transcript.segments:
        for number, units in enumerate(_unpaused(segment_units(segment, profile.line))):
            last = runs[-1].units[-1] if runs and runs[-1].speaker_id == segment.speaker_id else None
            if number or last is None or units[0].start < last.start or units[0].start - last.end > PAUSE_MS:
                runs.append(_Run(segment.speaker_id, units))
            else:
                units[0] = units[0]._replace(sep=_between(last.text, units[0].text))
                runs[-1].units.extend(units)
    return runs


def _unpaused(units: list[Unit]) -> list[list[Unit]]:
    """The units, parted at long pauses."""
    cuts = [index for index in range(1, len(units)) if units[index].start - units[index - 1].end > PAUSE_MS]
    return [units[first:last] for first, last in pairwise([0, *cuts, len(units)]) if first < last]


def _between(before: str, after: str) -> str:
    """What separates two segments on one line: a space, or nothing beside a Chinese character."""
    return "" if columns(before[-1]) == 2 or columns(after[0]) == 2 else " "


def _timed(pieces: Sequence[_Run], profile: Profile) -> Iterator[Cue]:
    """Let cues stay long enough to be read, close short pauses, and keep one cue from covering the next."""
    starts: list[int] = []
    for piece in pieces:
        starts.append(max(piece.units[0].start, starts[-1] + STEP_MS) if starts else piece.units[0].start)
    for number, (speaker_id, units) in enumerate(pieces):
        start, spoken_until = starts[number], units[-1].end
        width = sum(len(unit.sep) + unit.width for unit in units)
        readable = min(start + round(1000 * width / profile.rate), spoken_until + profile.tail)
        end = min(max(spoken_until, start + profile.shortest, readable), start + profile.longest)
        if number + 1 < len(starts):
            latest = starts[number + 1] - profile.gap
            end = latest if starts[number + 1] - end <= profile.chain else end
        yield Cue(start, end, speaker_id, units, break_lines(units, profile))
