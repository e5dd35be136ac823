"""Hours of talk as documents: our full report, with evidence, links and tags, beside others that set the bare transcript."""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

import msgspec

from services.reporter.blocks import Document
from services.reporter.document import compose
from services.reporter.facts import Content, build_report
from shared.schemas.jobs import ReportMode
from shared.schemas.transcripts import Transcript
from tests.bench import apart, peers
from tests.bench.figures import Aim, Table, at_most
from tests.bench.ground import Ground
from tests.bench.talk import sections, talk
from tests.speech import assignment

LANGUAGES = {"en": "English", "zh-Hant": "Chinese"}
ROUNDS = 5
NOTE = f"""\
Talk in the words of real meetings. Each way in a process of its own that has set one hour before: CPU time, the best of
{ROUNDS}; the most memory the process ever held; the file's size. Ours are full reports: sixty statements with their evidence,
table, chart, links both ways, outline, colours, and the PDF's tags; DOCX too. The others set the bare transcript, in fonts that
were cut to it before; typst tags its file as well."""


class Way(StrEnum):
    """Who makes the document."""

    PDF = "our PDF, the full report"
    DOCX = "our DOCX, the full report"
    TYPST = "typst, bare transcript"
    PLATYPUS = "ReportLab's Platypus, bare transcript"
    FPDF2 = "fpdf2, bare transcript"


class Set(msgspec.Struct, frozen=True, kw_only=True):
    """Set so many hours."""

    way: Way
    language: str
    hours: int
    fonts: str


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What that took."""

    cpu_seconds: float
    memory_mb: float
    kib: float


async def measure(ground: Ground) -> list[Table]:
    """A table for each language."""
    tables = []
    for language, name in LANGUAGES.items():
        fonts = ground.folder()
        peers.cut_fonts(fonts, "".join(segment.text for segment in talk(language, 8).segments))
        taken = {
            (way, hours): await apart.carry_out(
                "tests.bench.documents", Set(way=way, language=language, hours=hours, fonts=str(fonts)), Taken
            )
            for way in Way
            for hours in (1, 8)
        }
        tables.append(_table(name, taken))
    return tables


def _table(name: str, taken: dict[tuple[Way, int], Taken]) -> Table:
    hour, day = taken[Way.PDF, 1], taken[Way.PDF, 8]
    beside = day.cpu_seconds / taken[Way.TYPST, 8].cpu_seconds
    aims: tuple[Aim, ...] = (
        at_most(f"CPU time of a PDF of an hour in {name}", hour.cpu_seconds, 0.1, "s"),
        at_most(f"CPU time of a PDF of eight hours in {name}", day.cpu_seconds, 0.5, "s"),
        at_most(f"memory of a PDF of eight hours in {name}", day.memory_mb, 120, "MB"),
        at_most(f"CPU time of it beside typst's bare transcript in {name}", beside, 1.0, "of it"),
        at_most(f"CPU time of a DOCX of eight hours in {name}", taken[Way.DOCX, 8].cpu_seconds, 0.3, "s"),
    )
    return Table(
        title=f"Documents of one and eight hours in {name}",
        columns=("", "1 h CPU s", "8 h CPU s", "8 h MB", "1 h KiB", "8 h KiB"),
        rows=tuple(
            (str(way), one.cpu_seconds, eight.cpu_seconds, eight.memory_mb, one.kib, eight.kib)
            for way in Way
            for one, eight in [(taken[way, 1], taken[way, 8])]
        ),
        note=NOTE,
        aims=aims,
    )


async def _carry_out(order: Set) -> Taken:
    write = _writer(order)
    write(order.language, 1)()
    work = write(order.language, order.hours)
    gc.collect()
    best, data = 1e9, b""
    for _ in range(ROUNDS):
        began = time.process_time()
        data = work()
        best = min(best, time.process_time() - began)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Taken(cpu_seconds=best, memory_mb=memory, kib=len(data) / 1024)


def _writer(order: Set) -> Callable[[str, int], Callable[[], bytes]]:
    """What makes the work for a language and a length."""
    fonts = Path(order.fonts)
    match order.way:
        case Way.PDF:
            from services.reporter.renderers import pdf

            return _ours(lambda document: pdf.render(document)[0])
        case Way.DOCX:
            from services.reporter.renderers import docx

            return _ours(docx.render)
        case Way.TYPST:
            return _theirs(peers.with_typst, fonts)
        case Way.PLATYPUS:
            return _theirs(peers.with_platypus, fonts)
        case Way.FPDF2:
            return _theirs(peers.with_fpdf2, fonts)


def _ours(render: Callable[[Document], bytes]) -> Callable[[str, int], Callable[[], bytes]]:
    gc.set_threshold(100_000, 20, 20)  # As the render process has it.

    def work(language: str, hours: int) -> Callable[[], bytes]:
        document = report(talk(language, hours))
        return lambda: render(document)

    return work


def _theirs(render: Callable[[Transcript, Path], bytes], fonts: Path) -> Callable[[str, int], Callable[[], bytes]]:
    def work(language: str, hours: int) -> Callable[[], bytes]:
        source = talk(language, hours)
        return lambda: render(source, fonts)

    return work


def report(source: Transcript) -> Document:
    """The document of a full report."""
    told = assignment(source, title="Quarterly meeting", solution="meeting_minutes")
    content = Content(sections=sections(source), mode=ReportMode.LLM, model="example")
    return compose(build_report(told, source, content), source, told.solution)


if __name__ == "__main__":
    apart.serve(_carry_out, Set)
