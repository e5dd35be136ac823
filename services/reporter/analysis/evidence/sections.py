"""Sorts checked claims into the sections of a report, as strictly as the scenario wants it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from services.reporter.analysis.claims import Brief
from services.reporter.analysis.evidence.checking import Examined
from services.reporter.labels import labels_for
from shared.schemas.jobs import ReportLanguage
from shared.schemas.reports import Evidence, Item, Section, SectionColumn
from shared.schemas.solutions import EvidencePolicy
from shared.schemas.solutions import Section as Template


def section_of(template: Template, examined: Sequence[Examined], brief: Brief) -> tuple[Section, Counter[str], bool]:
    """The section; how many statements are not among its items, by reason; and whether it had more than it may have."""
    policy = template.evidence or brief.solution.evidence
    sound, doubted = list(examined), list[Examined]()
    if policy in (EvidencePolicy.REQUIRED, EvidencePolicy.DROP):
        sound, doubted = [one for one in examined if not one.doubts], [one for one in examined if one.doubts]
    most = template.max_items
    apart = doubted[:most] if policy is EvidencePolicy.REQUIRED else []
    items = [_item(one, policy) for one in sound[:most]]
    unverified = [_item(one, policy) for one in apart]
    section = Section(
        id=template.id,
        title=template.title[brief.language],
        items=_numbered(template.id, items, 1),
        kind=template.kind,
        format=template.format,
        policy=policy,
        columns=tuple(SectionColumn(id=column.id, title=column.title[brief.language]) for column in template.columns),
        unverified=_numbered(template.id, unverified, 1 + len(items)),
        dropped=len(doubted) if policy is EvidencePolicy.DROP else 0,
        empty=None if items else _empty(template, brief.language),
    )
    excluded = Counter(str(doubt) for one in doubted for doubt in one.doubts)
    overfull = len(sound) > most or (policy is EvidencePolicy.REQUIRED and len(doubted) > most)
    return section, excluded, overfull


def _item(examined: Examined, policy: EvidencePolicy) -> Item:
    claim = examined.claim
    doubts = () if policy is EvidencePolicy.NONE else examined.doubts
    evidence = Evidence.UNVERIFIED if doubts else Evidence.VERIFIED
    return Item(
        text=claim.text.strip(),
        refs=examined.references,
        evidence=Evidence.NONE if policy is EvidencePolicy.NONE else evidence,
        label=claim.label,
        cells=claim.cells,
        speaker_id=claim.speaker_id,
        doubts=doubts,
        confidence=claim.confidence,
    )


def _numbered(section_id: str, items: Sequence[Item], first: int) -> tuple[Item, ...]:
    return tuple(msgspec.structs.replace(item, id=f"{section_id}-{number}") for number, item in enumerate(items, first))


def _empty(template: Template, language: ReportLanguage) -> str:
    return template.empty[language] if template.empty else labels_for(language).nothing_mentioned
