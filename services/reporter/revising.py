"""Carries a report over to an edited transcript: a pure function."""

from __future__ import annotations

import msgspec

from services.reporter.analysis.claims import Brief
from services.reporter.analysis.evidence import mark_stale
from services.reporter.facts import facts_of, reference_to
from services.reporter.protocol import Assignment
from shared.schemas.reports import Report


def revise_report(report: Report, assignment: Assignment, brief: Brief) -> Report:
    """The same report: each statement stands or is marked, and what can be counted is counted again."""
    return msgspec.structs.replace(
        mark_stale(report, brief),
        title=assignment.options.title,
        transcript=reference_to(assignment, brief.transcript),
        facts=facts_of(brief.transcript),
    )
