from __future__ import annotations

import pytest

from services.reporter.analysis.claims import Brief
from services.reporter.analysis.evidence import verify
from services.reporter.analysis.extractive import extract
from shared.schemas.jobs import ReportLanguage
from shared.schemas.reports import Evidence
from shared.solutions import load_solutions
from tests.extracting import SEEDS, Reference, highlights, mean
from tests.meetings import CHINESE, ENGLISH, HEARING, load


@pytest.mark.parametrize("names", [ENGLISH, CHINESE], ids=["English", "Chinese"])
def test_what_is_extracted_is_what_people_marked_far_more_often_than_chance(names: tuple[str, ...]) -> None:
    """Ten statements a meeting, beside as many words drawn by lot from the same meeting."""
    references = [Reference(load(name)) for name in names]
    chosen = [reference.extracted(highlights(10)) for reference in references]
    ours = mean([reference.score(numbers) for reference, numbers in zip(references, chosen, strict=True)])
    chance = mean(
        [
            reference.score(reference.at_random(reference.length(numbers), seed))
            for reference, numbers in zip(references, chosen, strict=True)
            for seed in SEEDS[:10]
        ]
    )
    assert ours.precision > 2 * chance.precision
    assert ours.recall > 1.3 * chance.recall
    assert ours.rouge2 > 1.3 * chance.rouge2


@pytest.mark.parametrize(("name", "language"), [(HEARING, "zh-Hant"), (CHINESE[2], "zh-Hant"), (ENGLISH[0], "en")])
def test_what_is_extracted_is_verified(name: str, language: ReportLanguage) -> None:
    """By the same code that checks language models; only sections for one part of an unknown cast are shown apart."""
    source = load(name).transcript()
    for solution in load_solutions().values():
        brief = Brief(solution=solution, transcript=source, language=language)
        verified = verify(extract(brief), brief)
        assert set(verified.excluded) <= {"role_unknown"}
        assert all(item.evidence is Evidence.VERIFIED for section in verified.sections for item in section.items)
