"""How much subtitle text fits on the screen and can be read in time, by language or as the scenario wants it.

What every profile promises, of each cue: one line or two, none wider than `line`; a word, a number or a character is cut only
where it alone is wider than a line; no line begins with a closing mark or ends with an opening one; it stays for `shortest` to
`longest`; between two cues lie `gap` or more than `chain`; it begins with its first word, or `gap` after a cue before it that
stays for no longer than `shortest`; one speaker a cue, save where somebody's whole turn would be gone in less than `shortest`:
it shares a cue with a neighbour, a line for each.

The speed is a target, because nothing that was said is left out. A cue is faster only where its speech is, or where others
speak meanwhile; then it stays into the pause after it, up to `tail`, or until the next cue.
"""

from __future__ import annotations

import msgspec

from services.reporter.characters import columns
from shared.schemas.solutions import CaptionProfile
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
    east_asian: bool = False
    """Quotation marks and dashes are as wide as ideographs."""
    drops_stops: bool = False
    """Chinese full stops and commas at the end of a line are left out, as is usual in subtitles."""

    def columns(self, text: str) -> int:
        """The width of a text."""
        return columns(text, east_asian=self.east_asian)


LATIN = Profile(line=42, rate=20)
CHINESE = Profile(line=32, rate=18, east_asian=True, drops_stops=True)
JAPANESE = Profile(line=26, rate=14, east_asian=True)
KOREAN = Profile(line=32, rate=24, east_asian=True)

YOUTUBE_LINE = 32
"""Fits its player on a phone held upright."""

_BY_LANGUAGE = {"zh": CHINESE, "cmn": CHINESE, "yue": CHINESE, "ja": JAPANESE, "ko": KOREAN}


def profile_for(transcript: Transcript, wanted: CaptionProfile = CaptionProfile.AUTO) -> Profile:
    """The profile that is wanted; `auto` takes that of the language."""
    match wanted:
        case CaptionProfile.AUTO:
            return _by_language(transcript)
        case CaptionProfile.LATIN:
            return LATIN
        case CaptionProfile.CHINESE:
            return CHINESE
        case CaptionProfile.YOUTUBE:
            usual = _by_language(transcript)
            # Players there show one cue after the other without a gap, and set every mark.
            return msgspec.structs.replace(usual, line=min(usual.line, YOUTUBE_LINE), gap=0, drops_stops=False)


def _by_language(transcript: Transcript) -> Profile:
    """By the transcript's language; where that is unknown, by its script."""
    if transcript.language is not None:
        return _BY_LANGUAGE.get(transcript.language.lower().partition("-")[0], LATIN)
    letters = wide = 0
    for segment in transcript.segments:
        letters += len(segment.text)
        wide += columns(segment.text) - len(segment.text)
    return CHINESE if wide * 4 > letters else LATIN
