"""Decides what of a draft the recording bears out: ids exist, quotations were said, names, numbers and dates occur, nothing is
turned into its opposite. Code alone decides; whoever wrote the draft is not asked."""

from __future__ import annotations

from collections import Counter

import msgspec

from services.reporter.analysis.claims import Brief, Draft
from services.reporter.analysis.evidence.checking import Verifier as Verifier
from services.reporter.analysis.evidence.sections import section_of
from services.reporter.analysis.evidence.staleness import mark_stale as mark_stale
from shared.schemas.reports import Section, SpeakerRole

ITEMS_LEFT_OUT = "items_left_out"
ACROSS_LANGUAGES = "checked_across_languages"


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """A draft after the check."""

    sections: tuple[Section, ...]
    roles: tuple[SpeakerRole, ...]
    notes: tuple[str, ...]
    """The draft's, and what the check adds, as codes for `Report.notes`."""
    excluded: dict[str, int]
    """How many statements were shown apart or dropped, by reason (`Doubt`)."""


def verify(draft: Draft, brief: Brief, verifier: Verifier | None = None) -> Verified:
    """Check every claim of a draft. A `verifier` that has seen the same brief saves looking its words up again."""
    verifier = verifier or Verifier(brief)
    roles = _roles(draft, brief, verifier)
    by_speaker = {role.speaker_id: role.role for role in roles}
    templates = brief.solution.sections
    examined = verifier.examine({template.id: draft.claims.get(template.id, ()) for template in templates}, by_speaker)
    sections, excluded, notes = list[Section](), Counter[str](), list(draft.notes)
    for template in templates:
        section, reasons, overfull = section_of(template, examined[template.id], brief)
        sections.append(section)
        excluded += reasons
        notes += [ITEMS_LEFT_OUT] if overfull else []
    if any(one.across_languages for listed in examined.values() for one in listed):
        notes.append(ACROSS_LANGUAGES)
    return Verified(
        sections=tuple(sections), roles=roles, notes=tuple(dict.fromkeys(notes)), excluded=dict(sorted(excluded.items()))
    )


def _roles(draft: Draft, brief: Brief, verifier: Verifier) -> tuple[SpeakerRole, ...]:
    """The parts that the scenario knows, played by people who speak."""
    titles = {role.id: role.label[brief.language] for role in brief.solution.roles}
    return tuple(
        msgspec.structs.replace(role, title=titles[role.role])
        for role in draft.roles
        if role.role in titles and verifier.speaks(role.speaker_id)
    )
