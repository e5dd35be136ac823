"""The block model that every renderer reads: what stands on the page, in which order, in words; not how it looks.

Texts are clean (`characters.clean`), save in `Document.transcript`.
"""

from __future__ import annotations

import enum

import msgspec

from services.reporter.labels import Labels
from shared.schemas.reports import Report
from shared.schemas.solutions import Solution
from shared.schemas.transcripts import Transcript


class Voice(msgspec.Struct, frozen=True, kw_only=True):
    """A speaker as readers see them. `rank` is the place in the transcript's order and decides the colour."""

    id: str
    name: str
    rank: int


class Heading(msgspec.Struct, frozen=True, kw_only=True):
    """The start of a part; `level` 2 is a part of a part."""

    text: str
    level: int = 1


class FactCards(msgspec.Struct, frozen=True, kw_only=True):
    """A few figures with their labels, the most telling first."""

    facts: tuple[tuple[str, str], ...]
    """Pairs of label and value."""


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """A sentence that readers must know before they rely on the rest. A `warning` says that something is missing."""

    text: str
    warning: bool = False


class TalkShare(msgspec.Struct, frozen=True, kw_only=True):
    """One speaker's part of the talking, and when they spoke (start and end in milliseconds)."""

    voice: Voice
    speech_ms: int
    share: float
    spans: tuple[tuple[int, int], ...]


class TalkTime(msgspec.Struct, frozen=True, kw_only=True):
    """Who spoke how much and when; whoever spoke most comes first."""

    shares: tuple[TalkShare, ...]
    duration_ms: int


class Utterance(msgspec.Struct, frozen=True, kw_only=True):
    """One segment's words."""

    id: str
    start_ms: int
    text: str


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What one speaker said without being interrupted; `voice` is null when speakers were not told apart."""

    voice: Voice | None
    utterances: tuple[Utterance, ...]


class Dialogue(msgspec.Struct, frozen=True, kw_only=True):
    """The words of the recording."""

    turns: tuple[Turn, ...]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A sentence of the speech engine's own; `start_ms` is null where it speaks of no moment."""

    text: str
    start_ms: int | None = None


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What the speech engine found out on one subject."""

    label: str
    findings: tuple[Finding, ...]


class Citation(msgspec.Struct, frozen=True, kw_only=True):
    """A moment that a statement rests on. `number` counts the document's citations from 1, and is that of the entry in
    `EvidenceList`, where the document has one."""

    number: int
    segment_id: str
    start_ms: int


class Mark(enum.Enum):
    """What sort of statement stands there."""

    POINT = enum.auto()
    DECISION = enum.auto()
    ACTION = enum.auto()
    DOUBTED = enum.auto()
    """It could not be verified."""


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """One statement of the report, with everything that a reader needs to check it."""

    text: str
    citations: tuple[Citation, ...] = ()
    mark: Mark = Mark.POINT
    voice: Voice | None = None
    """Who said it, where the text is a quotation."""
    label: str | None = None
    """The question that the text answers, the headline of a moment, the name of a field."""
    doubt: str | None = None
    """Why it could not be verified, in words; null where it was, or nothing was to be checked."""


class Prose(msgspec.Struct, frozen=True, kw_only=True):
    """Statements that are read one after the other, as one paragraph."""

    statements: tuple[Statement, ...]


class Bullets(msgspec.Struct, frozen=True, kw_only=True):
    """Statements side by side."""

    statements: tuple[Statement, ...]


class Quotes(msgspec.Struct, frozen=True, kw_only=True):
    """What was said, word for word, and by whom."""

    statements: tuple[Statement, ...]


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """Statements in the order of their first citation, which is printed with each; `label` is a headline."""

    statements: tuple[Statement, ...]


class Questions(msgspec.Struct, frozen=True, kw_only=True):
    """Questions (`label`) and answers (`text`, which may be empty)."""

    statements: tuple[Statement, ...]


class Fields(msgspec.Struct, frozen=True, kw_only=True):
    """Names (`label`) and values (`text`)."""

    statements: tuple[Statement, ...]


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """Single terms, all in one paragraph."""

    statements: tuple[Statement, ...]


def doubts_of(block: Prose | Terms) -> list[str]:
    """What speaks against some of the statements that stand in one paragraph, each with what it is about: with one sentence, or
    with all terms that it holds for."""
    doubted = [(one.text, one.doubt) for one in block.statements if one.doubt]
    if isinstance(block, Prose):
        return [f"{text} – {doubt}" for text, doubt in doubted]
    about: dict[str, list[str]] = {}
    for text, doubt in doubted:
        about.setdefault(doubt, []).append(text)
    return [f"{' · '.join(texts)} – {doubt}" for doubt, texts in about.items()]


class TableCell(msgspec.Struct, frozen=True, kw_only=True):
    """One cell; a `voice` is a speaker, whose name is the text."""

    text: str
    voice: Voice | None = None


class TableRow(msgspec.Struct, frozen=True, kw_only=True):
    """As many cells as the table has columns."""

    cells: tuple[TableCell, ...]
    citations: tuple[Citation, ...] = ()
    doubt: str | None = None


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Rows under a head."""

    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]
    widths: tuple[float, ...] = ()
    """Shares of the measure; none lets the contents decide."""


class EvidenceEntry(msgspec.Struct, frozen=True, kw_only=True):
    """The words behind one citation."""

    number: int
    segment_id: str
    start_ms: int
    quote: str
    voice: Voice | None = None


class EvidenceList(msgspec.Struct, frozen=True, kw_only=True):
    """Every citation's words, in the order of their numbers."""

    entries: tuple[EvidenceEntry, ...]


class Break(msgspec.Struct, frozen=True, kw_only=True):
    """What follows is an appendix: PDFs start a new page, unless much of the page is still free."""


SectionBlock = Prose | Bullets | Quotes | Timeline | Questions | Fields | Terms | Table
"""How the statements of a section are set."""

Block = Heading | FactCards | Notice | TalkTime | Findings | Dialogue | SectionBlock | EvidenceList | Break


class Document(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Everything a renderer needs; only ever equal to itself."""

    title: str
    kind: str
    """What sort of document it is, such as "Verbatim transcript"; may be empty."""
    details: tuple[tuple[str, str], ...]
    """Pairs of label and value for the line below the title."""
    labels: Labels
    blocks: tuple[Block, ...]
    voices: dict[str, Voice]
    """Every speaker by id."""
    report: Report
    transcript: Transcript
    solution: Solution
