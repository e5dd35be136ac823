"""Finds out which statements of a report an edited transcript no longer bears out."""

from __future__ import annotations

from functools import cached_property

import msgspec

from services.reporter.analysis.claims import Brief, Claim, Source
from services.reporter.analysis.evidence.checking import Verifier
from services.reporter.analysis.matching import Passages, plain
from shared.schemas.reports import Doubt, Evidence, Item, Reference, Report, Section
from shared.schemas.solutions import EvidencePolicy


def mark_stale(report: Report, brief: Brief) -> Report:
    """The report with every statement marked whose words are gone from the edited transcript of the brief, or another's by
    now, or that no longer passes the check it once passed, and no other: where the words are back, it stands as it did."""
    edition = _Edition(report, brief)
    sections = tuple(
        msgspec.structs.replace(
            section,
            items=tuple(edition.marked(section, item) for item in section.items),
            unverified=tuple(edition.marked(section, item) for item in section.unverified),
        )
        for section in report.sections
    )
    return msgspec.structs.replace(report, sections=sections)


class _Edition:
    """What a report is held against."""

    def __init__(self, report: Report, brief: Brief) -> None:
        self._brief = brief
        self._passages = Passages(brief.transcript)
        self._templates = {template.id for template in brief.solution.sections}
        self._roles = {role.speaker_id: role.role for role in report.roles}

    @cached_property
    def _verifier(self) -> Verifier:
        return Verifier(self._brief)

    def marked(self, section: Section, item: Item) -> Item:
        """The statement, marked or not."""
        stale = not all(map(self._stands, item.refs)) or self._fails(section, item)
        if stale is (Doubt.STALE in item.doubts):
            return item
        if stale:
            return msgspec.structs.replace(item, evidence=Evidence.UNVERIFIED, doubts=(*item.doubts, Doubt.STALE))
        doubts = tuple(doubt for doubt in item.doubts if doubt is not Doubt.STALE)
        before = Evidence.NONE if section.policy is EvidencePolicy.NONE else Evidence.VERIFIED
        return msgspec.structs.replace(item, evidence=Evidence.UNVERIFIED if doubts else before, doubts=doubts)

    def _stands(self, reference: Reference) -> bool:
        """Whether the words are where they were, and the same person's."""
        if reference.quote is None:
            return self._passages.segment(reference.segment_id) is not None
        found = self._passages.find(Source(segment_id=reference.segment_id, quote=reference.quote))
        return (
            found is not None
            and (found.segment_id, found.speaker_id) == (reference.segment_id, reference.speaker_id)
            and plain(found.quote or "") == plain(reference.quote)
        )

    def _fails(self, section: Section, item: Item) -> bool:
        """Whether something speaks against the statement that did not before. A word beside those it rests on may turn them
        round, and a number may have stood there; so what was edited is checked as it was at first."""
        sources = tuple(Source(segment_id=one.segment_id, quote=one.quote) for one in item.refs if one.quote)
        if not sources or section.policy is EvidencePolicy.NONE or section.id not in self._templates:
            return False
        if not any(near.edited for source in sources for near in self._passages.near(source.segment_id)):
            return False
        claim = Claim(text=item.text, sources=sources, label=item.label, cells=item.cells, speaker_id=item.speaker_id)
        [doubts] = self._verifier.doubts({section.id: (claim,)}, self._roles)[section.id]
        return not set(doubts).issubset(item.doubts)
