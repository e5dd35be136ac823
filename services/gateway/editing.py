"""What a person changes in a transcript: pure functions from one revision to the next.

Every word that stays keeps its time; those that are new share the time between their neighbours. What the engine recognised
stays in the segment, and the first revision is never touched.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import groupby

import msgspec

from services.gateway.edits import SegmentEdit, SpeakerEdit, TranscriptEdits
from services.gateway.problems import FieldError, Problem
from shared.schemas.transcripts import Segment, Speaker, Transcript, Word, WordSource, render_words
from shared.words import as_recognised, interpolate, letters_of, separated_words

_LETTER_MS = 200
"""Longest time that a letter of a new word takes, as slow Chinese does; a word does not fill what was struck out."""

_MOST_COMPARED, _MOST_IN_ALL = 400_000, 4_000_000
"""Letters of an old passage times those of its new one that are compared with each other, at most and over all passages of an
edit together; beyond that nothing in between keeps its time. A segment has 500 letters at most, but a text may be any, and the
work grows with this product: a second for all of it."""


def edited(transcript: Transcript, edits: TranscriptEdits, *, at: dt.datetime) -> Transcript:
    """The next revision. Raises `Problem` where an edit speaks of what is not there, or nothing would change."""
    revision = transcript.revision + 1
    speakers = _speakers(transcript.speakers, edits.speakers)
    _check_segments(edits.segments, transcript.segments, speakers)
    wishes = {edit.id: edit for edit in edits.segments}
    bound = min(_MOST_COMPARED, _MOST_IN_ALL // max(1, len(wishes)))
    segments = tuple(_segment(segment, wishes.get(segment.id), revision, bound) for segment in transcript.segments)
    if speakers == transcript.speakers and segments == transcript.segments:
        raise _nothing_changed()
    return msgspec.structs.replace(
        transcript, revision=revision, revised_at=at, speakers=_with_speech(speakers, segments), segments=segments
    )


def restored(current: Transcript, earlier: Transcript, *, at: dt.datetime) -> Transcript:
    """A new revision that says what an earlier one said. Raises `Problem` where that is what the current one says."""
    if not any(differences(current, earlier)):
        raise _nothing_changed()
    return msgspec.structs.replace(earlier, revision=current.revision + 1, revised_at=at)


def differences(before: Transcript, after: Transcript) -> tuple[int, int]:
    """How many segments, and how many speakers' names, are others in another revision of one transcription."""
    segments = sum(one != other for one, other in zip(before.segments, after.segments, strict=True))
    names = [{speaker.id: (speaker.label, speaker.name) for speaker in one.speakers} for one in (before, after)]
    return segments, len({id_ for id_, _ in names[0].items() ^ names[1].items()})


def _speakers(speakers: Sequence[Speaker], edits: Sequence[SpeakerEdit]) -> tuple[Speaker, ...]:
    """With their names as they are wished, and those that are new behind the others."""
    _check_once("speakers", [edit.id for edit in edits])
    known = {speaker.id: speaker for speaker in speakers}
    for index, edit in enumerate(edits):
        name = None if edit.name is None else _name(edit.name, f"/speakers/{index}/name")
        there = known.get(edit.id) or Speaker(id=edit.id, label=name or edit.id)
        known[edit.id] = msgspec.structs.replace(there, name=name)
    return tuple(known.values())


def _name(text: str, pointer: str) -> str:
    if _visible(text):
        return " ".join(text.split())
    raise _impossible(FieldError(pointer=pointer, message="A name needs at least one character; null takes it away."))


def _segment(segment: Segment, edit: SegmentEdit | None, revision: int, bound: int) -> Segment:
    if edit is None:
        return segment
    changed = segment
    if isinstance(edit.text, str):
        changed = _rewritten(segment, " ".join(edit.text.split()), bound)
    if edit.speaker_id is not msgspec.UNSET:
        changed = msgspec.structs.replace(changed, speaker_id=edit.speaker_id)
    return segment if changed == segment else msgspec.structs.replace(changed, edited=revision)


def _rewritten(segment: Segment, text: str, bound: int) -> Segment:
    """With another text. What the engine thought of its own no longer holds."""
    if text == segment.text:
        return segment
    if not segment.words:
        raw = segment.text if segment.raw is None else segment.raw
        return msgspec.structs.replace(segment, text=text, raw=raw, confidence=None, flags=())
    words = _timed(segment, text, bound)
    return msgspec.structs.replace(
        segment, text=render_words(words), words=words, raw_words=as_recognised(segment), confidence=None, flags=()
    )


def _timed(segment: Segment, text: str, bound: int) -> tuple[Word, ...]:
    """The words of a new text: those that were said keep their times, whatever stands between; the others lie between them."""
    parts = separated_words(text)
    words: list[Word] = []
    for first, last, kept in _kept(segment.words, [word for _, word in parts], bound):
        written = "".join(sep + word for sep, word in parts[first : last + 1]).removeprefix(parts[first][0])
        words.append(msgspec.structs.replace(kept or Word(t=written), t=written, sep=parts[first][0]))
    return tuple(interpolate(words, segment.start_ms, segment.end_ms, source=WordSource.EDIT, letter_ms=_LETTER_MS))


def _kept(words: Sequence[Word], texts: Sequence[str], bound: int) -> Iterator[tuple[int, int, Word | None]]:
    """The texts from the first to the last, and the word that they were: its letters, all of them, and no others."""
    before = [(letter, index) for index, word in enumerate(words) for letter in letters_of(word.t)]
    after = [(letter, index) for index, text in enumerate(texts) for letter in letters_of(text)]
    found: dict[int, tuple[int, Word]] = {}
    for at, to, size in _alike([letter for letter, _ in before], [letter for letter, _ in after], bound):
        for index, group in groupby(range(at, at + size), key=lambda place: before[place][1]):
            places = list(group)
            start, end = places[0], places[-1] + 1
            edges = (
                _between(before, start),
                _between(before, end),
                _between(after, start - at + to),
                _between(after, end - at + to),
            )
            if all(edges):
                found[after[start - at + to][1]] = (after[end - 1 - at + to][1], words[index])
    first = 0
    while first < len(texts):
        last, word = found.get(first, (first, None))
        yield first, last, word
        first = last + 1


def _alike(before: Sequence[str], after: Sequence[str], bound: int) -> Iterator[tuple[int, int, int]]:
    """Where both have the same letters in the same order: begin in the first, begin in the second, and how many."""
    shorter = min(len(before), len(after))
    head = next((place for place in range(shorter) if before[place] != after[place]), shorter)
    tail = next((place for place in range(shorter - head) if before[-1 - place] != after[-1 - place]), shorter - head)
    yield 0, 0, head
    old, new = before[head : len(before) - tail], after[head : len(after) - tail]
    if len(old) * len(new) <= bound:
        for at, to, size in SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks():
            yield head + at, head + to, size
    yield len(before) - tail, len(after) - tail, tail


def _between(letters: Sequence[tuple[str, int]], place: int) -> bool:
    """Whether one word ends and another begins before this letter."""
    return place in (0, len(letters)) or letters[place - 1][1] != letters[place][1]


def _with_speech(speakers: Sequence[Speaker], segments: Sequence[Segment]) -> tuple[Speaker, ...]:
    spoken: dict[str | None, int] = {}
    for segment in segments:
        spoken[segment.speaker_id] = spoken.get(segment.speaker_id, 0) + segment.end_ms - segment.start_ms
    return tuple(msgspec.structs.replace(speaker, speech_ms=spoken.get(speaker.id, 0)) for speaker in speakers)


def _check_segments(edits: Sequence[SegmentEdit], segments: Sequence[Segment], speakers: Sequence[Speaker]) -> None:
    _check_once("segments", [edit.id for edit in edits])
    places, people = {segment.id for segment in segments}, {speaker.id for speaker in speakers}
    errors = [error for index, edit in enumerate(edits) for error in _wrong(edit, f"/segments/{index}", places, people)]
    if errors:
        raise _impossible(*errors)


def _wrong(edit: SegmentEdit, pointer: str, places: set[str], people: set[str]) -> Iterator[FieldError]:
    if edit.id not in places:
        yield FieldError(pointer=f"{pointer}/id", message=f"The transcript has no segment {edit.id!r}.")
    if isinstance(edit.text, str) and not _visible(edit.text):
        yield FieldError(pointer=f"{pointer}/text", message="A segment needs at least one word.")
    if isinstance(edit.speaker_id, str) and edit.speaker_id not in people:
        message = f"The transcript has no speaker {edit.speaker_id!r}; add one under `speakers`."
        yield FieldError(pointer=f"{pointer}/speaker_id", message=message)


def _visible(text: str) -> bool:
    return any(character.isprintable() and not character.isspace() for character in text)


def _check_once(what: str, ids: Sequence[str]) -> None:
    seen: Mapping[str, int] = {id_: index for index, id_ in reversed(list(enumerate(ids)))}
    for index, id_ in enumerate(ids):
        if seen[id_] != index:
            raise _impossible(FieldError(pointer=f"/{what}/{index}/id", message=f"{id_!r} is named twice."))


def _nothing_changed() -> Problem:
    return Problem(422, "nothing_changed", "Every text, speaker and name is already as you ask; nothing was changed.")


def _impossible(*errors: FieldError) -> Problem:
    return Problem(422, "edit_impossible", f"{errors[0].message} Nothing was changed.", errors=errors)
