"""From when to when cues are on the screen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from services.reporter.renderers.subtitles.profiles import Profile


class Spoken(NamedTuple):
    """What a cue shows: when it was said, in milliseconds, and how wide it is."""

    start: int
    end: int
    width: int


def on_screen(cues: Sequence[Spoken], profile: Profile) -> Iterator[tuple[int, int]]:
    """Start and end of each cue, one after the other. It begins with its speech, or a gap after the cue before it, which
    makes it wait only as long as that one must stay. It stays until its speech is over and it can be read; short pauses are
    closed."""
    start = 0
    for number, cue in enumerate(cues):
        start = max(start, cue.start)
        readable = min(start + round(1000 * cue.width / profile.rate), cue.end + profile.tail)
        end = min(max(cue.end, start + profile.shortest, readable), start + profile.longest)
        if number + 1 < len(cues):
            following = cues[number + 1].start
            if following - end <= profile.chain:
                end = min(max(following - profile.gap, start + profile.shortest), start + profile.longest)
        yield start, end
        start = end + profile.gap
