"""The first page: figures, what the customer filled in, who wrote the report, and what readers must know about it."""

from __future__ import annotations

import datetime as dt

from services.reporter.blocks import FactCards, Fields, Notice, Statement, Voice
from services.reporter.characters import clean
from services.reporter.clock import clock
from services.reporter.document.findings import in_words
from services.reporter.labels import Labels, date_text, language_name, note_text
from shared.schemas.jobs import ReportMode
from shared.schemas.reports import Coverage, Report, SpeakerRole
from shared.schemas.solutions import InputType, SectionKind, Solution
from shared.schemas.transcripts import Transcript

_PLAIN_NOTES = {"script_converted", "vocabulary_replaced", "no_word_times", "word_times_approximate"}
"""Of what is only to be known: nothing is missing, and nothing may be wrong but the time of a single word."""


def details(report: Report, transcript: Transcript, labels: Labels) -> tuple[tuple[str, str], ...]:
    """The line below the title."""
    date = date_text(labels, transcript.created_at.date())
    engine = clean(f"{report.facts.engine} {report.facts.model}")
    return ((labels.date, date), *(_spoken(report, labels) if report.sections else ()), (labels.engine, engine))


def fact_cards(report: Report, labels: Labels) -> FactCards:
    """What can be counted. A report counts its decisions and actions too."""
    facts = report.facts
    pairs = [(labels.duration, clock(facts.duration_ms)), (labels.words, f"{facts.words:,}")]
    if facts.speakers:
        pairs.append((labels.speakers, str(len(facts.speakers))))
    counted = (SectionKind.DECISIONS, SectionKind.ACTIONS)
    pairs += [(clean(one.title), str(len(one.items))) for one in report.sections if one.kind in counted][:2]
    pairs += [] if report.sections else _spoken(report, labels)
    if facts.mean_confidence is not None:
        pairs.append((labels.confidence, f"{facts.mean_confidence:.0%}"))
    return FactCards(facts=tuple(pairs))


def particulars(report: Report, solution: Solution, voices: dict[str, Voice], labels: Labels) -> Fields | None:
    """What the customer filled in, and who plays which part."""
    types = {one.id: one.type for one in solution.inputs}
    filled_in = [
        Statement(label=clean(one.label), text=clean(_value(one.value, types.get(one.id), labels))) for one in report.inputs
    ]
    values = {one.label: one.text for one in filled_in}
    for title in dict.fromkeys(role.title for role in report.roles):
        playing = [role for role in report.roles if role.title == title and role.speaker_id in voices]
        label, names = clean(title), labels.separator.join(voices[role.speaker_id].name for role in playing)
        if not playing or values.get(label) == names:
            continue
        if label in values:  # The client who was filled in need not be the one who speaks as the client.
            label = labels.aside.format(text=label, remark=labels.speaker_column)
        players = labels.separator.join(_player(role, voices, labels) for role in playing)
        filled_in.append(Statement(label=label, text=players))
    return Fields(statements=tuple(filled_in)) if filled_in else None


def notices(report: Report, transcript: Transcript, labels: Labels) -> list[Notice]:
    """Who wrote it, which part of the recording it rests on, and every warning."""
    found = [Notice(text=author)] if (author := _author(report, labels)) else []
    found.append(_coverage(report.coverage, labels))
    found += [Notice(text=note_text(labels, code), warning=code not in _PLAIN_NOTES) for code in report.notes]
    if edited := _edited(transcript, labels):
        found.append(edited)
    if transcript.redaction is not None:
        removed = labels.separator.join(in_words(one, labels) for one in transcript.redaction.categories)
        found.append(Notice(text=labels.redacted.format(removed=removed), warning=True))
    return found


def _author(report: Report, labels: Labels) -> str | None:
    match report.mode:
        case None:
            return None
        case ReportMode.EXTRACTIVE:
            return labels.written_by_code
        case ReportMode.LLM:
            return labels.written_by_model.format(model=clean(report.model or ""))
        case ReportMode.PROVIDER:
            return labels.written_by_provider.format(model=clean(report.model or f"{report.facts.engine} {report.facts.model}"))


def _coverage(coverage: Coverage, labels: Labels) -> Notice:
    if coverage.complete:
        text = labels.covers_all
    elif coverage.segments_used == coverage.segments_total:
        text = labels.covers_part
    else:
        text = labels.covers_passages
    written = text.format(
        start=clock(0),
        through=clock(coverage.through_ms),
        duration=clock(coverage.duration_ms),
        used=coverage.segments_used,
        total=coverage.segments_total,
    )
    return Notice(text=written, warning=not coverage.complete)


def _edited(transcript: Transcript, labels: Labels) -> Notice | None:
    """That it is not only what was recognised. Names that were filled in change nothing of what was said."""
    count = sum(segment.edited is not None for segment in transcript.segments)
    if not count or transcript.revised_at is None:
        return None
    date = date_text(labels, transcript.revised_at.date())
    return Notice(text=labels.edited.format(count=count, total=len(transcript.segments), date=date))


def _spoken(report: Report, labels: Labels) -> list[tuple[str, str]]:
    language = report.facts.language
    return [(labels.spoken_language, clean(language_name(labels, language)))] if language else []


def _value(value: str, type_: InputType | None, labels: Labels) -> str:
    if type_ is not InputType.DATE:
        return value
    try:
        return date_text(labels, dt.date.fromisoformat(value))
    except ValueError:
        return value


def _player(role: SpeakerRole, voices: dict[str, Voice], labels: Labels) -> str:
    name = voices[role.speaker_id].name
    return name if role.source == "user" else labels.aside.format(text=name, remark=labels.assumed)
