"""Lays a report out as blocks, in the words of its language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from services.reporter.blocks import (
    Block,
    Dialogue,
    Document,
    FactCards,
    Finding,
    Findings,
    Heading,
    Notice,
    TalkShare,
    TalkTime,
    Turn,
    Utterance,
    Voice,
)
from services.reporter.characters import clean
from services.reporter.clock import clock
from services.reporter.labels import Labels, labels_for, language_name, note_text
from shared.schemas.reports import Coverage, Report, SpeakerFacts
from shared.schemas.transcripts import Entity, Insights, Segment, Transcript


def compose(report: Report, transcript: Transcript, solution_titles: dict[str, str]) -> Document:
    """Lay out a report's content, block by block."""
    labels = labels_for(transcript.language)
    voices = _voices(report.facts.speakers, transcript, labels)
    return Document(
        title=clean(report.title or "") or labels.untitled,
        kind=clean(solution_titles.get(labels.language, "")),
        details=_details(report, transcript, labels),
        labels=labels,
        blocks=tuple(_blocks(report, transcript, voices, labels)),
        voices=voices,
        report=report,
        transcript=transcript,
    )


def _blocks(report: Report, transcript: Transcript, voices: dict[str, Voice], labels: Labels) -> list[Block]:
    blocks: list[Block] = [FactCards(facts=_facts(report, labels)), coverage_notice(report.coverage, labels)]
    blocks += [Notice(text=note_text(labels, code), warning=True) for code in report.notes]
    if transcript.redaction is not None:
        removed = ", ".join(map(_in_words, transcript.redaction.categories))
        blocks.append(Notice(text=labels.redacted.format(removed=removed), warning=True))
    if voices:
        blocks += [Heading(text=labels.talk_time), _talk_time(report, transcript, voices)]
    if found := tuple(_findings(transcript.insights or Insights(), labels)):
        blocks += [Heading(text=labels.findings), Notice(text=labels.findings_unchecked), *found]
    blocks.append(Heading(text=labels.transcript))
    turns = _turns(transcript, voices, labels)
    blocks.append(Dialogue(turns=turns) if turns else Notice(text=labels.nothing_said))
    return [*blocks, Notice(text=labels.generated)]


def coverage_notice(coverage: Coverage, labels: Labels) -> Notice:
    """Which part of the recording the document rests on."""
    text = labels.covers_all if coverage.complete else labels.covers_part
    through, duration = clock(coverage.through_ms), clock(coverage.duration_ms)
    return Notice(text=text.format(start=clock(0), through=through, duration=duration), warning=not coverage.complete)


def _details(report: Report, transcript: Transcript, labels: Labels) -> tuple[tuple[str, str], ...]:
    engine = clean(f"{report.facts.engine} {report.facts.model}")
    return ((labels.date, transcript.created_at.date().isoformat()), (labels.engine, engine))


def _facts(report: Report, labels: Labels) -> tuple[tuple[str, str], ...]:
    facts = report.facts
    pairs = [(labels.duration, clock(facts.duration_ms)), (labels.words, f"{facts.words:,}")]
    if facts.speakers:
        pairs.append((labels.speakers, str(len(facts.speakers))))
    if facts.language:
        pairs.append((labels.spoken_language, clean(language_name(labels, facts.language))))
    if facts.mean_confidence is not None:
        pairs.append((labels.confidence, f"{facts.mean_confidence:.0%}"))
    return tuple(pairs)


def _voices(speakers: tuple[SpeakerFacts, ...], transcript: Transcript, labels: Labels) -> dict[str, Voice]:
    known = {speaker.id: speaker for speaker in transcript.speakers}
    voices = {}
    for rank, facts in enumerate(speakers):
        speaker = known.get(facts.speaker_id)
        name = clean((speaker and speaker.name) or "")
        label = clean(speaker.label if speaker else facts.speaker_id)
        voices[facts.speaker_id] = Voice(
            id=facts.speaker_id, name=name or labels.speaker.format(label=label).strip(), rank=rank
        )
    return voices


def _talk_time(report: Report, transcript: Transcript, voices: dict[str, Voice]) -> TalkTime:
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


def _turns(transcript: Transcript, voices: dict[str, Voice], labels: Labels) -> tuple[Turn, ...]:
    turns: list[tuple[Voice | None, list[Utterance]]] = []
    nobody = Voice(id="", name=labels.unknown_speaker, rank=len(voices)) if voices else None
    for segment in transcript.segments:
        if (utterance := _utterance(segment)) is None:
            continue
        voice = nobody if segment.speaker_id is None else voices[segment.speaker_id]
        if not turns or turns[-1][0] is not voice:
            turns.append((voice, []))
        turns[-1][1].append(utterance)
    return tuple(Turn(voice=voice, utterances=tuple(said)) for voice, said in turns)


def _utterance(segment: Segment) -> Utterance | None:
    text = clean(segment.text)
    return Utterance(id=segment.id, start_ms=segment.start_ms, text=text) if text else None


def _findings(insights: Insights, labels: Labels) -> Iterator[Findings]:
    """A block for each subject that the engine was asked about."""
    if insights.summary is not None:
        yield _subject(labels.summary, [Finding(text=clean(insights.summary))], labels)
    if insights.chapters is not None:
        chapters = [(chapter.start_ms, [chapter.headline, chapter.summary or ""]) for chapter in insights.chapters]
        lines = [Finding(text=labels.colon.join(filter(None, map(clean, texts))), start_ms=start) for start, texts in chapters]
        yield _subject(labels.chapters, lines, labels)
    if insights.topics is not None:
        yield _subject(labels.topics, _listed(clean(topic.label).replace(">", " › ") for topic in insights.topics), labels)
    if insights.entities is not None:
        yield _subject(labels.entities, _by_type(insights.entities, labels), labels)
    if insights.highlights is not None:
        yield _subject(labels.highlights, _listed(clean(one.text) for one in insights.highlights), labels)
    if insights.sentiments is not None:
        moods = Counter(_in_words(one.sentiment) for one in insights.sentiments).most_common()
        yield _subject(labels.moods, _listed(f"{mood} {count}" for mood, count in moods), labels)
    if insights.content_warnings is not None:
        warnings = [Finding(text=_in_words(one.label), start_ms=one.start_ms) for one in insights.content_warnings]
        yield _subject(labels.content_warnings, warnings, labels)


def _subject(label: str, findings: list[Finding], labels: Labels) -> Findings:
    return Findings(label=label, findings=tuple(findings) or (Finding(text=labels.nothing_found),))


def _listed(texts: Iterable[str]) -> list[Finding]:
    """All in one line, each once."""
    text = " · ".join(dict.fromkeys(texts))
    return [Finding(text=text)] if text else []


def _by_type(entities: Iterable[Entity], labels: Labels) -> list[Finding]:
    """A line for each type of entity, in the order in which they are first mentioned."""
    types: dict[str, dict[str, None]] = {}
    for entity in entities:
        types.setdefault(_in_words(entity.type), {})[clean(entity.text)] = None
    return [Finding(text=type_ + labels.colon + " · ".join(texts)) for type_, texts in types.items()]


def _in_words(code: str) -> str:
    return clean(code.replace("_", " "))
