"""The order in which speech is shown: turns of one speaker each, also where several speak at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from operator import attrgetter
from typing import NamedTuple

from services.reporter.characters import columns
from services.reporter.renderers.subtitles.breaks import phrases
from services.reporter.renderers.subtitles.profiles import Profile
from services.reporter.renderers.subtitles.units import Unit, clings, segment_units
from shared.schemas.transcripts import Segment

PAUSE_MS = 2000
"""A silence that always ends a cue."""

_LEADING = re.compile(r"(?:[，。、；：？！）」』】〉》]+|[,.;:!?)\]}%]{1,2}(?:\s+|$))+")
"""Marks that belong to a word before them; at the start of a turn they belong to none."""

DASH = "- "
"""Before each line of a cue that two speakers share."""


class Turn(NamedTuple):
    """Speech of one speaker without a long pause."""

    speaker_id: str | None
    units: list[Unit]

    @property
    def start(self) -> int:
        """Of its first word."""
        return self.units[0].start


def turns_of(segments: Iterable[Segment], profile: Profile) -> list[Turn]:
    """What was said, in the order of its beginnings. Where speakers talk at the same time, their phrases alternate."""
    parts = [Turn(segment.speaker_id, units) for segment in segments for units in _unpaused(segment_units(segment, profile))]
    runs = sorted(_merged(parts), key=attrgetter("start"))
    pieces = [
        piece for run, alone in zip(runs, _alone(runs), strict=True) for piece in ([run] if alone else _parted(run, profile))
    ]
    return [trimmed for turn in _merged(sorted(pieces, key=attrgetter("start"))) if (trimmed := _trimmed(turn, profile)).units]


def _merged(turns: Iterable[Turn]) -> list[Turn]:
    """The same, each together with the one before it where that is the same speaker's, who has not paused for long."""
    merged: list[Turn] = []
    for speaker_id, units in turns:
        last = merged[-1].units[-1] if merged and merged[-1].speaker_id == speaker_id else None
        if last is None or units[0].start < last.start or units[0].start - last.end > PAUSE_MS:
            merged.append(Turn(speaker_id, list(units)))
            continue
        first = units[0]._replace(sep=_between(last.text, units[0].text))
        if clings(last.text, first.text):
            text = last.text + first.sep + first.text
            merged[-1].units[-1] = Unit(text, last.sep, last.start, first.end, last.width + len(first.sep) + first.width)
            merged[-1].units.extend(units[1:])
        else:
            merged[-1].units.extend([first, *units[1:]])
    return merged


def _unpaused(units: list[Unit]) -> Iterator[list[Unit]]:
    """The units, parted at long pauses."""
    cuts = [index for index in range(1, len(units)) if units[index].start - units[index - 1].end > PAUSE_MS]
    return (units[first:last] for first, last in pairwise([0, *cuts, len(units)]) if first < last)


def _between(before: str, after: str) -> str:
    """What separates two segments on one line: a space, or nothing beside a Chinese character."""
    return "" if columns(before[-1]) == 2 or columns(after[0]) == 2 else " "


def _alone(runs: Sequence[Turn]) -> Iterator[bool]:
    """For each, whether nobody else speaks during it."""
    heard_until = 0
    for run, following in zip(runs, [*runs[1:], None], strict=False):
        ends = max(unit.end for unit in run.units)
        yield heard_until <= run.start and (following is None or ends <= following.start)
        heard_until = max(heard_until, ends)


def _parted(run: Turn, profile: Profile) -> Iterator[Turn]:
    return (Turn(run.speaker_id, run.units[first:last]) for first, last in phrases(run.units, profile.line - len(DASH)))


def _trimmed(turn: Turn, profile: Profile) -> Turn:
    """Without what cannot stand at the beginning."""
    units = turn.units
    while units and (marks := _LEADING.match(units[0].text)):
        text = units[0].text[marks.end() :].lstrip()
        units = [units[0]._replace(text=text, width=profile.columns(text)), *units[1:]] if text else units[1:]
    return Turn(turn.speaker_id, units)
