"""SubRip and WebVTT from the same cues. What was spoken can neither end a cue nor carry markup into a player."""

from __future__ import annotations

from functools import lru_cache

from services.reporter.blocks import Document
from services.reporter.characters import columns
from services.reporter.clock import timecode
from services.reporter.renderers.subtitles.cues import Cue, break_lines, make_cues, name_unit
from services.reporter.renderers.subtitles.profiles import Profile, profile_for

# SubRip has no escapes: look-alikes keep players from taking words for tags, or for an arrow.
_SRT_TEXT = str.maketrans({"<": "‹", ">": "›"})
_VTT_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def render_srt(document: Document) -> str:
    """SubRip. Where several people speak, a cue with which another speaker begins starts with the name."""
    profile, names = profile_for(document.transcript), _names(document)
    blocks = []
    speaker_id = None
    for number, cue in enumerate(_cues(document), start=1):
        name = names.get(cue.speaker_id or "") if cue.speaker_id != speaker_id else None
        speaker_id = cue.speaker_id
        lines = _with_name(cue, name, profile) if name else cue.lines
        text = "\n".join(lines).translate(_SRT_TEXT)
        blocks.append(f"{number}\n{timecode(cue.start_ms, ',')} --> {timecode(cue.end_ms, ',')}\n{text}\n\n")
    return "".join(blocks)


def render_vtt(document: Document) -> str:
    """WebVTT. Every cue carries its speaker in a voice tag."""
    tags = {id_: f"<v {voice.name.translate(_VTT_TEXT)}>" for id_, voice in document.voices.items()}
    blocks = ["WEBVTT\n\n"]
    for number, cue in enumerate(_cues(document), start=1):
        text = tags.get(cue.speaker_id or "", "") + "\n".join(cue.lines).translate(_VTT_TEXT)
        blocks.append(f"{number}\n{timecode(cue.start_ms, '.')} --> {timecode(cue.end_ms, '.')}\n{text}\n\n")
    return "".join(blocks)


def _with_name(cue: Cue, name: str, profile: Profile) -> tuple[str, ...]:
    """The lines, broken again after the name; without it in the rare cue, inside overlapping speech, that has no room."""
    first = cue.units[0]._replace(sep=" ")
    lines = break_lines([name_unit(name, profile), first, *cue.units[1:]], profile)
    widest = max(profile.line, *(unit.width for unit in cue.units))
    return lines if all(columns(line) <= widest for line in lines) else cue.lines


@lru_cache(maxsize=1)
def _cues(document: Document) -> list[Cue]:
    """Kept for the other format, which is usually rendered next."""
    return make_cues(document.transcript, profile_for(document.transcript), _names(document))


def _names(document: Document) -> dict[str, str]:
    """Who is named: nobody where only one person speaks."""
    return {id_: voice.name for id_, voice in document.voices.items()} if len(document.voices) > 1 else {}
