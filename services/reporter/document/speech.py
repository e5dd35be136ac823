"""Who spoke, how much, and what."""

from __future__ import annotations

from services.reporter.blocks import TalkShare, TalkTime, Turn, Utterance, Voice
from services.reporter.characters import clean
from services.reporter.labels import Labels
from shared.schemas.reports import Report
from shared.schemas.transcripts import Segment, Transcript


def voices_of(transcript: Transcript, labels: Labels) -> dict[str, Voice]:
    """Everybody who speaks, in the transcript's order."""
    speaking = dict.fromkeys(segment.speaker_id for segment in transcript.segments if segment.speaker_id is not None)
    known = {speaker.id: speaker for speaker in transcript.speakers}
    voices = {}
    for rank, id_ in enumerate([*(id_ for id_ in known if id_ in speaking), *(id_ for id_ in speaking if id_ not in known)]):
        speaker = known.get(id_)
        name = clean((speaker and speaker.name) or "")
        label = clean(speaker.label if speaker else id_)
        voices[id_] = Voice(id=id_, name=name or labels.speaker.format(label=label).strip(), rank=rank)
    return voices


def talk_time(report: Report, transcript: Transcript, voices: dict[str, Voice]) -> TalkTime:
    """Each speaker's part of the talking."""
    spans: dict[str, list[tuple[int, int]]] = {id_: [] for id_ in voices}
    for segment in transcript.segments:
        if segment.speaker_id is not None:
            spans[segment.speaker_id].append((segment.start_ms, segment.end_ms))
    total = sum(speaker.speech_ms for speaker in report.facts.speakers)
    shares = [
        TalkShare(
            voice=voices[speaker.speaker_id],
            speech_ms=speaker.speech_ms,
            share=speaker.speech_ms / total if total else 0.0,
            spans=tuple(spans[speaker.speaker_id]),
        )
        for speaker in report.facts.speakers
    ]
    shares.sort(key=lambda share: -share.speech_ms)
    return TalkTime(shares=tuple(shares), duration_ms=report.facts.duration_ms)


def turns(transcript: Transcript, voices: dict[str, Voice], labels: Labels) -> tuple[Turn, ...]:
    """The whole transcript, under a new head wherever the speaker changes."""
    found: list[tuple[Voice | None, list[Utterance]]] = []
    nobody = Voice(id="", name=labels.unknown_speaker, rank=len(voices)) if voices else None
    for segment in transcript.segments:
        if (utterance := _utterance(segment)) is None:
            continue
        voice = nobody if segment.speaker_id is None else voices[segment.speaker_id]
        if not found or found[-1][0] is not voice:
            found.append((voice, []))
        found[-1][1].append(utterance)
    return tuple(Turn(voice=voice, utterances=tuple(said)) for voice, said in found)


def _utterance(segment: Segment) -> Utterance | None:
    text = clean(segment.text)
    return Utterance(id=segment.id, start_ms=segment.start_ms, text=text) if text else None
