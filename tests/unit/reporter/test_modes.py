from __future__ import annotations

import msgspec
import pytest

from services.reporter.analysis.claims import Brief, Draft
from services.reporter.analysis.evidence import Verifier
from services.reporter.analysis.modes import asks_llm, order
from services.reporter.analysis.writing import Unwritten, Writing
from shared.schemas.jobs import JobOptions, ReportMode
from shared.schemas.transcripts import Insights
from shared.solutions import load_solutions
from tests.reporting import MEETING, scenario
from tests.speech import INSIGHTS

LLM, EXTRACTIVE, PROVIDER = ReportMode.LLM, ReportMode.EXTRACTIVE, ReportMode.PROVIDER


@pytest.mark.parametrize(
    ("chosen", "modes", "expected"),
    [
        (None, (LLM, EXTRACTIVE), (LLM, EXTRACTIVE)),
        (EXTRACTIVE, (LLM, EXTRACTIVE), (EXTRACTIVE, LLM)),
        (PROVIDER, (LLM, EXTRACTIVE), (PROVIDER, LLM, EXTRACTIVE)),
        (LLM, (EXTRACTIVE,), (LLM, EXTRACTIVE)),
    ],
)
def test_the_customers_choice_goes_first(
    chosen: ReportMode | None, modes: tuple[ReportMode, ...], expected: tuple[ReportMode, ...]
) -> None:
    """Then those of the scenario, so that there is a report."""
    options, solution = JobOptions(report_mode=chosen), scenario(modes=modes)
    assert order(options, solution) == expected
    assert asks_llm(options, solution) is (expected[0] is LLM)


def test_nobody_writes_where_there_is_nothing_to_write() -> None:
    """A scenario without sections is a transcript."""
    solution = scenario(sections=())
    assert (order(JobOptions(report_mode=LLM), solution), asks_llm(JobOptions(), solution)) == ((), False)


def brief(insights: Insights | None = None) -> Brief:
    """A meeting in which everybody can find something."""
    return Brief(solution=scenario(), transcript=msgspec.structs.replace(MEETING, insights=insights), language="en")


def write(about: Brief, *modes: ReportMode) -> Draft | Unwritten:
    """What comes of it without a language model."""
    written = Writing(about, Verifier(about), terms="llm_not_configured", replies={}).write(modes)
    assert isinstance(written, Draft | Unwritten)
    return written


def test_whoever_cannot_is_passed_over_and_noted() -> None:
    """In their order."""
    draft = write(brief(), LLM, PROVIDER, EXTRACTIVE)
    assert isinstance(draft, Draft)
    assert draft.mode is EXTRACTIVE
    assert draft.notes[:2] == ("llm_not_configured", "provider_silent")


def test_the_engines_own_findings_are_taken_over_where_it_has_any() -> None:
    """As the preferred writer, or in another's stead."""
    insights = msgspec.structs.replace(INSIGHTS, summary="They talk about the budget for the new office.")
    about = msgspec.structs.replace(brief(insights), solution=load_solutions()["meeting_minutes"])
    draft = write(about, LLM, PROVIDER, EXTRACTIVE)
    assert isinstance(draft, Draft)
    assert (draft.mode, draft.notes) == (PROVIDER, ("llm_not_configured",))


def test_a_report_that_nobody_can_write_says_so() -> None:
    """And why not."""
    unwritten = write(brief(), LLM, PROVIDER)
    assert isinstance(unwritten, Unwritten)
    assert unwritten.notes == ("llm_not_configured", "provider_silent", "not_written")
