"""Scenarios of a few sections, and claims about what was said, for tests of what is checked and how it is laid out."""

from __future__ import annotations

import msgspec

from services.reporter.analysis.claims import Brief, Claim, Draft, Source
from services.reporter.analysis.evidence import Verified, verify
from services.reporter.blocks import Document
from services.reporter.document import compose
from services.reporter.facts import Content, build_report
from services.reporter.protocol import Assignment
from shared.schemas.jobs import ArtifactFormat, JobOptions, ReportLanguage, ReportMode
from shared.schemas.reports import Item, Report, Usage
from shared.schemas.solutions import (
    Appendix,
    Column,
    ColumnType,
    EvidencePolicy,
    Input,
    InputType,
    Role,
    Section,
    SectionFormat,
    SectionKind,
    Solution,
)
from shared.schemas.transcripts import Transcript
from tests.speech import JOB, conversation, transcript

ACTION_COLUMNS = (
    Column(id="task", title={"en": "Task", "zh-Hant": "事項"}),
    Column(id="owner", title={"en": "Owner", "zh-Hant": "負責人"}, type=ColumnType.SPEAKER),
    Column(id="due", title={"en": "Due", "zh-Hant": "期限"}, type=ColumnType.DATE),
)

MEETING = transcript(
    conversation(
        ("A", "Good morning. We will not ship on Friday, the budget of three and a half million dollars is spent."),
        ("B", "Um, I'll send the contract to John Miller by November thirtieth."),
        ("A", "Please book the room, Ben. Revenue grew twenty-five percent in the third quarter."),
        ("B", "Okay."),
        ("C", "The supplier in Taichung wants to be paid in advance, and nobody had told me."),
        seconds=10,
    ),
    names={"A": "Alice Wong", "B": "Ben Carter"},
)

CHINESE_MEETING = transcript(
    conversation(
        ("A", "預算是三百五十萬新台幣，我們不同意這個方案。"),
        ("B", "我會在十一月三十號以前把合約寄給王小明。"),
        ("A", "好的，第三季營收成長百分之二十五。"),
        seconds=10,
    ),
    language="zh-Hant-TW",
    names={"A": "陳怡君", "B": "李大同"},
)


def section(
    id_: str = "points",
    *,
    kind: SectionKind = SectionKind.POINTS,
    form: SectionFormat = SectionFormat.BULLETS,
    columns: tuple[Column, ...] = (),
    policy: EvidencePolicy | None = None,
    roles: tuple[str, ...] = (),
    most: int = 8,
    cues: tuple[str, ...] = (),
) -> Section:
    """A heading, `Points` in English and 重點 in Chinese, or the id with a capital."""
    return Section(
        id=id_,
        title={"en": id_.capitalize(), "zh-Hant": "重點"},
        kind=kind,
        format=form,
        columns=columns,
        evidence=policy,
        speaker_roles=roles,
        max_items=most,
        cues={"en": cues} if cues else {},
    )


def scenario(*sections: Section, appendix: Appendix | None = None) -> Solution:
    """A scenario with a lawyer and a client, that asks for a matter number and a date."""
    return Solution(
        id="interview",
        version=3,
        title={"en": "Interview", "zh-Hant": "訪談"},
        description={"en": "x", "zh-Hant": "x"},
        sections=sections or (section(),),
        roles=(
            Role(id="lawyer", label={"en": "Lawyer", "zh-Hant": "律師"}),
            Role(id="client", label={"en": "Client", "zh-Hant": "當事人"}),
        ),
        inputs=(
            Input(id="matter", label={"en": "Matter no.", "zh-Hant": "案號"}),
            Input(id="held", label={"en": "Held on", "zh-Hant": "日期"}, type=InputType.DATE),
        ),
        artifacts=(ArtifactFormat.MARKDOWN,),
        appendix=appendix or Appendix(),
    )


def brief(
    source: Transcript = MEETING,
    *sections: Section,
    language: ReportLanguage = "en",
    inputs: dict[str, str] | None = None,
    appendix: Appendix | None = None,
) -> Brief:
    """What a report is to be written about."""
    solution = scenario(*sections, appendix=appendix)
    return Brief(solution=solution, transcript=source, language=language, title="Weekly", inputs=inputs or {})


def cited(source: Transcript, number: int, quote: str) -> Source:
    """Words that the segment of that number, from 0, is said to hold."""
    return Source(segment_id=source.segments[number].id, quote=quote)


def checked(about: Brief, *claims: Claim, mode: ReportMode = ReportMode.LLM, section_id: str = "points") -> Verified:
    """Claims of one section after the check."""
    return verify(Draft(mode=mode, claims={section_id: claims}), about)


def item_of(verified: Verified) -> Item:
    """The one item of the first section, wherever it stands."""
    [item] = (*verified.sections[0].items, *verified.sections[0].unverified)
    return item


def reported(about: Brief, draft: Draft) -> tuple[Report, Document]:
    """The report on a draft, as a render process makes it."""
    verified = verify(draft, about)
    content = Content(
        sections=verified.sections,
        mode=draft.mode,
        model=draft.model,
        usage=Usage(model=draft.model, calls=1, prompt_tokens=1, completion_tokens=1) if draft.model else None,
        roles=verified.roles,
        notes=verified.notes,
        excluded=verified.excluded,
        unread=draft.unread,
    )
    told = Assignment(
        job_id=JOB,
        run=1,
        options=JobOptions(title=about.title, solution="interview", report_language=about.language, inputs=about.inputs),
        solution=about.solution,
        transcript_key="transcript/1.json",
        transcript=msgspec.json.encode(about.transcript),
    )
    report = build_report(told, about.transcript, content)
    return report, compose(report, about.transcript, about.solution)
