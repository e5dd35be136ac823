"""Takes a person's words out of a transcript: pure functions."""

from __future__ import annotations

import datetime as dt

from msgspec import structs

from shared.schemas.transcripts import Segment, Transcript

NOTE = "words_erased"
"""Note of a transcript: somebody's words were erased from it."""

_CHINESE, _OTHERS = "〔已刪除〕", "[erased]"


def without_speaker(transcript: Transcript, speaker_id: str, *, at: dt.datetime) -> Transcript:
    """The next revision, in which it can be seen that and how long they spoke, and neither what they said nor their name.

    What the engine found out beside the words goes altogether: nobody can tell whose words it rests on."""
    revision = transcript.revision + 1
    return structs.replace(
        transcript,
        revision=revision,
        revised_at=at,
        speakers=tuple(
            structs.replace(speaker, name=None, label=speaker.id) if speaker.id == speaker_id else speaker
            for speaker in transcript.speakers
        ),
        segments=tuple(
            _emptied(segment, revision, segment.language or transcript.language or "")
            if segment.speaker_id == speaker_id
            else segment
            for segment in transcript.segments
        ),
        quality=structs.replace(transcript.quality, notes=tuple(dict.fromkeys((*transcript.quality.notes, NOTE)))),
        insights=None,
        redaction=None if transcript.redaction is None else structs.replace(transcript.redaction, audio_key=None),
    )


def segments_of(transcript: Transcript, speaker_id: str) -> int:
    """How many passages are theirs."""
    return sum(segment.speaker_id == speaker_id for segment in transcript.segments)


def has_words_of(transcript: Transcript, speaker_ids: frozenset[str]) -> bool:
    """Whether anything is left that these people said."""
    return any(segment.speaker_id in speaker_ids and not is_emptied(segment) for segment in transcript.segments)


def is_emptied(segment: Segment) -> bool:
    """Whether a passage says nothing any more but that somebody spoke."""
    return segment.text in (_CHINESE, _OTHERS) and not (segment.words or segment.raw or segment.raw_words)


def _emptied(segment: Segment, revision: int, language: str) -> Segment:
    return Segment(
        id=segment.id,
        start_ms=segment.start_ms,
        end_ms=segment.end_ms,
        text=_CHINESE if language.startswith("zh") else _OTHERS,
        speaker_id=segment.speaker_id,
        language=segment.language,
        edited=revision,
    )
