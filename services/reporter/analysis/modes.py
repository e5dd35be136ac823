"""Who may write a report, in which order."""

from __future__ import annotations

from shared.schemas.jobs import JobOptions, ReportMode
from shared.schemas.solutions import Solution


def order(options: JobOptions, solution: Solution) -> tuple[ReportMode, ...]:
    """The customer's choice first, then the scenario's; nobody where the scenario has no sections."""
    if not solution.sections:
        return ()
    chosen = () if options.report_mode is None else (options.report_mode,)
    return tuple(dict.fromkeys([*chosen, *solution.modes]))


def asks_llm(options: JobOptions, solution: Solution) -> bool:
    """Whether a language model is the first to be asked."""
    return order(options, solution)[:1] == (ReportMode.LLM,)
