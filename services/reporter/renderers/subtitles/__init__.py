"""SubRip and WebVTT from the same cues. What was spoken can neither end a cue nor carry markup into a player."""

from __future__ import annotations

import re
from functools import lru_cache

from services.reporter.blocks import Document
from services.reporter.clock import timecode
from services.reporter.renderers.subtitles.cues import Cue, lines_of, make_cues
from services.reporter.renderers.subtitles.profiles import Profile, profile_for

# SubRip has no escapes: look-alikes keep players from taking words for tags, or for an arrow.
_SRT_TEXT = str.maketrans({"<": "‹", ">": "›"})
_VTT_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_LANGUAGE_TAG = re.compile(r"[A-Za-z0-9-]{2,35}")


def render_srt(document: Document) -> str:
    """SubRip. Where several people speak, a cue with which another speaker begins starts with the name."""
    profile = _profile(document)
    blocks = []
    for number, cue in enumerate(_cues(document), start=1):
        text = "\n".join(line for _, lines in lines_of(cue, profile, with_names=True) for line in lines)
        blocks.append(f"{number}\n{_times(cue, ',')}\n{text.translate(_SRT_TEXT)}\n\n")
    return "".join(blocks)


def render_vtt(document: Document) -> str:
    """WebVTT. Every cue carries its speaker in a voice tag, and a note names the language."""
    profile = _profile(document)
    voices = document.voices if document.solution.captions.speakers else {}
    tags = {id_: f"<v {voice.name.translate(_VTT_TEXT)}>" for id_, voice in voices.items()}
    language = document.transcript.language or ""
    blocks = ["WEBVTT\n\n", f"NOTE Language: {language}\n\n" if _LANGUAGE_TAG.fullmatch(language) else ""]
    for number, cue in enumerate(_cues(document), start=1):
        shown = [
            tags.get(speaker_id or "", "") + "\n".join(lines).translate(_VTT_TEXT)
            for speaker_id, lines in lines_of(cue, profile, with_names=False)
        ]
        text = "</v>\n".join(shown) if tags.get(cue.parts[0].speaker_id or "") else "\n".join(shown)
        blocks.append(f"{number}\n{_times(cue, '.')}\n{text}\n\n")
    return "".join(blocks)


def _times(cue: Cue, point: str) -> str:
    return f"{timecode(cue.start_ms, point)} --> {timecode(cue.end_ms, point)}"


def _profile(document: Document) -> Profile:
    return profile_for(document.transcript, document.solution.captions.profile)


@lru_cache(maxsize=1)
def _cues(document: Document) -> list[Cue]:
    """Kept for the other format, which is usually rendered next."""
    return make_cues(document.transcript, _profile(document), _names(document), document.labels.colon)


def _names(document: Document) -> dict[str, str]:
    """Who is named: nobody where only one person speaks."""
    named = document.solution.captions.speakers and len(document.voices) > 1
    return {id_: voice.name for id_, voice in document.voices.items()} if named else {}
