"""How much subtitle text fits on the screen and can be read in time, by language."""

from __future__ import annotations

import msgspec

from services.reporter.characters import columns
from shared.schemas.transcripts import Transcript


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """Widths are columns: a Latin letter takes one, a Chinese character two. Times are milliseconds."""

    line: int
    """Columns of a line; a cue has at most two lines."""
    rate: float
    """Columns that can be read in a second."""
    shortest: int = 833
    longest: int = 7000
    gap: int = 83
    """Between two cues: two frames at 24 a second, so that a change is seen as one."""
    chain: int = 500
    """A shorter pause is closed by letting the earlier cue stay."""
    tail: int = 500
    """How long a cue may stay after the last word for the sake of slow readers."""


LATIN = Profile(line=42, rate=20)
CHINESE = Profile(line=32, rate=18)
JAPANESE = Profile(line=26, rate=14)
KOREAN = Profile(line=32, rate=24)

_BY_LANGUAGE = {"zh": CHINESE, "yue": CHINESE, "ja": JAPANESE, "ko": KOREAN}


def profile_for(transcript: Transcript) -> Profile:
    """The profile of the transcript's language; where that is unknown, its script decides."""
    if transcript.language is not None:
        return _BY_LANGUAGE.get(transcript.language.lower().partition("-")[0], LATIN)
    texts = [segment.text for segment in transcript.segments]
    wide = sum(map(columns, texts)) - sum(map(len, texts))
    return CHINESE if wide * 4 > sum(map(len, texts)) else LATIN
