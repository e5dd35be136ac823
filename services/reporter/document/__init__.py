"""Lays a report out as blocks, in the words of its language."""

from __future__ import annotations

from services.reporter.blocks import Block, Break, Dialogue, Document, EvidenceList, Heading, Notice, Voice
from services.reporter.characters import clean
from services.reporter.document.findings import findings
from services.reporter.document.front import details, fact_cards, notices, particulars
from services.reporter.document.sections import Citations, section_blocks
from services.reporter.document.speech import talk_time, turns, voices_of
from services.reporter.labels import Labels, labels_for
from shared.schemas.jobs import ReportMode
from shared.schemas.reports import Report
from shared.schemas.solutions import Appendix, Solution, TranscriptAppendix
from shared.schemas.transcripts import Insights, Transcript


def compose(report: Report, transcript: Transcript, solution: Solution) -> Document:
    """Lay out a report's content, block by block."""
    labels = labels_for(report.language)
    voices = voices_of(transcript, labels)
    citations = Citations(transcript, voices)
    blocks = [
        *_front(report, transcript, solution, voices, labels),
        *(block for section in report.sections for block in section_blocks(section, report.mode, citations, labels)),
        *_speech_facts(report, transcript, solution.appendix, voices, labels),
        *_appendices(report, transcript, solution.appendix, citations, labels),
    ]
    if note := solution.appendix.note:
        blocks.append(Notice(text=clean(note[labels.language])))
    return Document(
        title=clean(report.title or "") or labels.untitled,
        kind=clean(solution.title[labels.language]),
        details=details(report, transcript, labels),
        labels=labels,
        blocks=(*blocks, Notice(text=labels.generated)),
        voices=voices,
        report=report,
        transcript=transcript,
        solution=solution,
    )


def _front(report: Report, transcript: Transcript, solution: Solution, voices: dict[str, Voice], labels: Labels) -> list[Block]:
    blocks: list[Block] = [fact_cards(report, labels)]
    if filled_in := particulars(report, solution, voices, labels):
        blocks.append(filled_in)
    return [*blocks, *notices(report, transcript, labels)]


def _speech_facts(
    report: Report, transcript: Transcript, appendix: Appendix, voices: dict[str, Voice], labels: Labels
) -> list[Block]:
    """Who spoke how much, and what the engine found out, save what the sections were made of."""
    blocks: list[Block] = []
    if appendix.speaker_stats and report.facts.speakers:
        blocks += [Heading(text=labels.talk_time), talk_time(report, transcript, voices)]
    taken_over = report.mode is ReportMode.PROVIDER
    if found := tuple(findings(transcript.insights or Insights(), labels, taken_over=taken_over)):
        blocks += [Heading(text=labels.findings), Notice(text=labels.findings_unchecked), *found]
    return blocks


def _appendices(
    report: Report, transcript: Transcript, appendix: Appendix, citations: Citations, labels: Labels
) -> list[Block]:
    blocks: list[Block] = []
    if entries := citations.entries():
        blocks += [Heading(text=labels.evidence), Notice(text=labels.evidence_note), EvidenceList(entries=entries)]
    if appendix.transcript is TranscriptAppendix.FULL or not report.sections:
        said = turns(transcript, citations.voices, labels)
        blocks += [Break()] if report.sections else []
        blocks += [Heading(text=labels.transcript), Dialogue(turns=said) if said else Notice(text=labels.nothing_said)]
    return blocks
