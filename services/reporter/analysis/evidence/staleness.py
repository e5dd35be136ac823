"""Finds out which statements of a report no longer rest on what the transcript says."""

from __future__ import annotations

import msgspec

from services.reporter.analysis.claims import Source
from services.reporter.analysis.matching import Passages, plain
from shared.schemas.reports import Doubt, Evidence, Item, Reference, Report
from shared.schemas.transcripts import Transcript


def mark_stale(report: Report, transcript: Transcript) -> Report:
    """The report with every statement marked whose cited words are gone from an edited transcript, and no other: where they
    are back again, it stands as it did."""
    passages = Passages(transcript)
    sections = tuple(
        msgspec.structs.replace(
            section,
            items=tuple(_checked(item, passages) for item in section.items),
            unverified=tuple(_checked(item, passages) for item in section.unverified),
        )
        for section in report.sections
    )
    return msgspec.structs.replace(report, sections=sections)


def _checked(item: Item, passages: Passages) -> Item:
    stale = not all(_stands(reference, passages) for reference in item.refs)
    if stale is (Doubt.STALE in item.doubts):
        return item
    if stale:
        return msgspec.structs.replace(item, evidence=Evidence.UNVERIFIED, doubts=(*item.doubts, Doubt.STALE))
    doubts = tuple(doubt for doubt in item.doubts if doubt is not Doubt.STALE)
    return msgspec.structs.replace(item, evidence=Evidence.UNVERIFIED if doubts else Evidence.VERIFIED, doubts=doubts)


def _stands(reference: Reference, passages: Passages) -> bool:
    if reference.quote is None:
        return passages.segment(reference.segment_id) is not None
    found = passages.find(Source(segment_id=reference.segment_id, quote=reference.quote))
    return found is not None and plain(found.quote or "") == plain(reference.quote)
