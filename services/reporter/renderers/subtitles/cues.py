"""A transcript's subtitle cues: what is on the screen, from when to when, whose words they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from services.reporter.renderers.subtitles.breaks import line_break
from services.reporter.renderers.subtitles.profiles import Profile
from services.reporter.renderers.subtitles.segmentation import Share, divide
from services.reporter.renderers.subtitles.timing import Spoken, on_screen
from services.reporter.renderers.subtitles.turns import DASH, Turn, turns_of
from services.reporter.renderers.subtitles.units import Unit, joined
from shared.schemas.transcripts import Transcript

_DROPPED = "，。"


class Part(NamedTuple):
    """One speaker's words in a cue; `name` stands before them where the speaker has changed and is to be named."""

    speaker_id: str | None
    name: Unit | None
    units: Sequence[Unit]


class Cue(NamedTuple):
    """What is on the screen from `start_ms` to `end_ms`: one speaker's words, or those of two, a line for each."""

    start_ms: int
    end_ms: int
    parts: tuple[Part, ...]


def make_cues(transcript: Transcript, profile: Profile, names: Mapping[str, str], colon: str = ": ") -> list[Cue]:
    """The transcript's cues in order of time, never two at once. The speakers of `names` are named when they begin."""
    turns = turns_of(transcript.segments, profile)
    named = _named(turns, profile, names, colon)
    cues = [
        tuple(_part(turns[share.turn], named[share.turn], share) for share in shares)
        for shares in divide(turns, named, profile)
    ]
    times = on_screen([_spoken(parts) for parts in cues], profile)
    return [Cue(start, end, parts) for (start, end), parts in zip(times, cues, strict=True)]


def lines_of(cue: Cue, profile: Profile, *, with_names: bool) -> list[tuple[str | None, list[str]]]:
    """What the cue shows: each speaker's lines. Two speakers have one each, with a dash before it."""
    shown = []
    for speaker_id, name, units in cue.parts:
        said = [name, *units] if with_names and name else units
        lines = _broken(said, profile) if len(cue.parts) == 1 else [DASH + joined(said)]
        shown.append((speaker_id, [_without_stop(line) for line in lines] if profile.drops_stops else lines))
    return shown


def _named(turns: list[Turn], profile: Profile, names: Mapping[str, str], colon: str) -> list[Unit | None]:
    """The name before each turn with which the speaker changes; the turn's first word makes room for it."""
    named: list[Unit | None] = []
    for number, turn in enumerate(turns):
        changes = number == 0 or turns[number - 1].speaker_id != turn.speaker_id
        name = names.get(turn.speaker_id or "") if changes else None
        named.append(_name_unit(name, profile, colon) if name else None)
        if name:
            turn.units[0] = turn.units[0]._replace(sep=" " if colon.endswith(" ") else "")
    return named


def _name_unit(name: str, profile: Profile, colon: str) -> Unit:
    """`Name:` as it stands before a speaker's first words, cut short at half a line."""
    mark = colon.strip()
    room = profile.line // 2 - profile.columns(mark)
    if profile.columns(name) > room:
        while profile.columns(name + "…") > room:
            name = name[:-1]
        name = name.rstrip() + "…"
    text = name + mark
    return Unit(text, "", 0, 0, profile.columns(text))


def _part(turn: Turn, name: Unit | None, share: Share) -> Part:
    return Part(turn.speaker_id, None if share.first else name, turn.units[share.first : share.last])


def _spoken(parts: Sequence[Part]) -> Spoken:
    units = [unit for part in parts for unit in part.units]
    return Spoken(
        start=units[0].start,
        end=max(part.units[-1].end for part in parts),
        width=sum(len(unit.sep) + unit.width for unit in units),
    )


def _broken(units: Sequence[Unit], profile: Profile) -> list[str]:
    at = line_break(units, profile.line)
    return [joined(units)] if at is None else [joined(units[:at]), joined(units[at:])]


def _without_stop(line: str) -> str:
    """Without a Chinese stop or comma at the end, unless there is nothing else."""
    return line[:-1].rstrip() if line[-1] in _DROPPED and line[:-1].strip(_DROPPED + DASH) else line
