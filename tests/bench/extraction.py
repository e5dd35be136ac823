"""How much of what people marked in real meetings, or wrote about them, the extractive reports find; and how fast."""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence

import msgspec

from services.reporter.analysis.claims import Brief
from services.reporter.analysis.extractive import extract
from shared.schemas.jobs import ReportLanguage
from shared.schemas.solutions import Solution
from shared.schemas.transcripts import Segment, Transcript
from shared.solutions import load_solutions
from tests.bench.figures import Cell, Table, at_least, at_most
from tests.bench.ground import Ground
from tests.extracting import SEEDS, Reference, Score, highlights, mean
from tests.meetings import CHINESE, ENGLISH, load
from tests.speech import transcript

ROUNDS = 3
SEGMENTS = 5_000
EVIDENCE_NOTE = f"""\
Three meetings in each language, from `tests/data/meetings`. Evidence is what the AMI corpus' annotators marked; of the
Chinese meetings it is the sentences that together say most of what was written about each part. Found: the evidence's words
that stand in the report. Right: the report's sentences that are evidence. Parts: parts of the meeting of which at least one
piece of evidence stands there. ROUGE: F1 with all that was written. The controls have as many words of the same meeting:
sentences by lot (mean of {len(SEEDS)} draws), and the first ones."""
SPEED_NOTE = f"""\
The meetings again and again until there are {SEGMENTS:,} segments, in this process, warm: CPU time, the best of {ROUNDS}."""


async def measure(_: Ground) -> list[Table]:
    """What is found, then how long it takes."""
    languages = (("English", ENGLISH), ("Chinese", CHINESE))
    references = {language: [Reference(load(name)) for name in names] for language, names in languages}
    ways = (("10 statements", highlights(10)), ("universal_summary", load_solutions()["universal_summary"]))
    found = [_found(language, ours, way, solution) for language, ours in references.items() for way, solution in ways]
    return [*found, _speed()]


def _found(language: str, references: Sequence[Reference], way: str, solution: Solution) -> Table:
    chosen = [reference.extracted(solution) for reference in references]
    words = [reference.length(numbers) for reference, numbers in zip(references, chosen, strict=True)]
    pairs = list(zip(references, words, strict=True))
    ours = mean([reference.score(numbers) for reference, numbers in zip(references, chosen, strict=True)])
    chance = mean([reference.score(reference.at_random(size, seed)) for reference, size in pairs for seed in SEEDS])
    lead = mean([reference.score(reference.lead(size)) for reference, size in pairs])
    return Table(
        title=f"{language}, {way}: {sum(map(len, chosen)) / len(chosen):.0f} sentences of {_sentences(references)} a meeting",
        columns=("", "found", "right", "parts", "ROUGE-1", "ROUGE-2"),
        rows=(_row("extracted", ours), _row("by lot", chance), _row("the first", lead)),
        note=EVIDENCE_NOTE,
        aims=(at_least("sentences that are evidence beside chance", ours.precision / chance.precision, 1.5, "times"),),
    )


def _sentences(references: Sequence[Reference]) -> int:
    return round(sum(len(reference.sentences) for reference in references) / len(references))


def _row(name: str, score: Score) -> tuple[Cell, ...]:
    return (name, score.recall, score.precision, score.parts, score.rouge1, score.rouge2)


def _speed() -> Table:
    gc.set_threshold(100_000, 20, 20)  # As the render process has it.
    solution = load_solutions()["meeting_minutes"]
    rows: list[tuple[Cell, ...]] = []
    aims = []
    for language, names in (("en", ENGLISH), ("zh-Hant", CHINESE)):
        source = _long(names)
        seconds = _seconds(solution, source, "en" if language == "en" else "zh-Hant")
        aims.append(at_most(f"CPU time, {language}", seconds, 1.0, "s"))
        rows.append((language, len(source.segments), sum(len(segment.text) for segment in source.segments), seconds))
    return Table(
        title="Minutes of a very long meeting",
        columns=("", "segments", "characters", "CPU s"),
        rows=tuple(rows),
        note=SPEED_NOTE,
        aims=tuple(aims),
    )


def _long(names: tuple[str, ...]) -> Transcript:
    pieces = [segment for name in names for segment in load(name).transcript().segments]
    segments: list[Segment] = []
    for number in range(SEGMENTS):
        piece = pieces[number % len(pieces)]
        start = 4_000 * number
        segments.append(msgspec.structs.replace(piece, id=f"s{number:06d}", start_ms=start, end_ms=start + 3_900))
    return transcript(segments)


def _seconds(solution: Solution, source: Transcript, language: ReportLanguage) -> float:
    times = []
    for _ in range(ROUNDS):
        gc.collect()
        began = time.process_time()
        extract(Brief(solution=solution, transcript=source, language=language))
        times.append(time.process_time() - began)
    return min(times)
