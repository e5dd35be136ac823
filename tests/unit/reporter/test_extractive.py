from __future__ import annotations

import msgspec
import pytest

from services.reporter.analysis.claims import Brief, Draft
from services.reporter.analysis.extractive import extract
from shared.schemas.jobs import ReportLanguage, ReportMode
from shared.schemas.solutions import (
    Column,
    ColumnType,
    LocalisedTerms,
    Role,
    Section,
    SectionFormat,
    SectionKind,
)
from shared.schemas.transcripts import SegmentFlag, Transcript
from tests.extracting import scenario, section, text
from tests.meetings import CHINESE, ENGLISH, HEARING, load
from tests.speech import conversation, transcript

Line = tuple[str | None, str]

BILLING: tuple[Line, ...] = (
    ("A", "Good morning everyone, thanks for joining."),
    ("A", "Today we are going to discuss the launch of the billing service."),
    ("B", "Um, so the current billing service loses about three percent of all invoices, which costs us a lot of money."),
    ("C", "Yeah."),
    ("A", "Why do the invoices fail?"),
    ("B", "The tax provider times out when it gets more than two hundred requests per second."),
    ("C", "The biggest risk is that the tax provider changes its interface before the launch."),
    ("A", "A late launch is bad, but a launch that loses invoices is the worst of all."),
    ("A", "So we have decided to postpone the launch of the billing service until January."),
    ("C", "I'll write the retry queue for the invoices and test it by Friday."),
    ("A", "Thank you all, bye."),
)


def _draft(
    source: Transcript | tuple[Line, ...], *sections: Section, roles: tuple[Role, ...] = (), language: ReportLanguage = "en"
) -> Draft:
    if not isinstance(source, Transcript):
        source = transcript(conversation(*source, seconds=6))
    return extract(Brief(solution=scenario(*sections, roles=roles), transcript=source, language=language))


def _texts(draft: Draft, section: str) -> list[str]:
    return [claim.text for claim in draft.claims[section]]


def test_an_overview_says_what_the_recording_is_about() -> None:
    """Not the greetings, and not what was asked, but the subject; in the order in which it was said."""
    draft = _draft(BILLING, section(SectionKind.OVERVIEW, items=2))
    assert draft.mode is ReportMode.EXTRACTIVE
    texts = _texts(draft, "overview")
    assert "Today we are going to discuss the launch of the billing service." in texts
    assert not any("Good morning" in text or text.endswith("?") for text in texts)


def test_statements_come_in_the_order_of_time() -> None:
    """A reader follows the recording, whatever ranks first."""
    draft = _draft(BILLING, section(SectionKind.POINTS, items=6))
    moments = [claim.sources[0].segment_id for claim in draft.claims["points"]]
    assert moments == sorted(moments)


def test_a_section_with_cues_holds_only_what_matches_them() -> None:
    """And is honestly empty where nothing does."""
    draft = _draft(
        BILLING,
        section(SectionKind.POINTS, "risks", cues={"en": ("risk", "danger"), "zh-Hant": ("風險",)}),
        section(SectionKind.POINTS, "weather", cues={"en": ("rain", "storm"), "zh-Hant": ("下雨",)}),
    )
    assert _texts(draft, "risks") == ["The biggest risk is that the tax provider changes its interface before the launch."]
    assert draft.claims["weather"] == ()


def test_cues_follow_what_was_spoken_not_the_reports_language() -> None:
    """A Chinese report on an English meeting finds English words; simplified speech is found by traditional cues."""
    cues: LocalisedTerms = {"en": ("risk",), "zh-Hant": ("風險",)}
    draft = _draft(BILLING, section(SectionKind.POINTS, cues=cues), language="zh-Hant")
    assert len(draft.claims["points"]) == 1
    lines = (("A", "我们今天讨论新系统的上线时间和预算。"), ("B", "主要的风险是测试环境不稳定，可能会延迟上线。"))
    assert _texts(_draft(lines, section(SectionKind.POINTS, cues=cues)), "points") == [
        "主要的风险是测试环境不稳定，可能会延迟上线。"
    ]


def test_no_sentence_stands_in_two_sections() -> None:
    """Outlines apart, which lead into the recording."""
    kinds = [kind for kind in SectionKind if kind not in (SectionKind.OUTLINE, SectionKind.KEYWORDS)]
    for name in (*ENGLISH, *CHINESE, HEARING):
        draft = _draft(load(name).transcript(), *(section(kind) for kind in kinds))
        texts = [claim.text for claims in draft.claims.values() for claim in claims]
        assert len(texts) == len(set(texts))
        assert len(texts) >= 10


def test_a_question_comes_with_somebody_elses_answer() -> None:
    """The question is the label, the answer the text; both are cited."""
    (claim,) = _draft(BILLING, section(SectionKind.QUESTIONS)).claims["questions"]
    assert claim.label == "Why do the invoices fail?"
    assert claim.text == "The tax provider times out when it gets more than two hundred requests per second."
    assert claim.speaker_id == "spk_B"
    assert len(claim.sources) == 2


@pytest.mark.parametrize(
    "lines",
    [
        (
            ("A", "Why do the invoices fail in the evening?"),
            ("A", "I don't understand the billing service."),
            ("A", "Whatever."),
        ),
        (("A", "The invoices fail in the evening, right?"), ("B", "The tax provider times out in the evening.")),
        (("A", "Why do the invoices fail in the evening?"), ("B", "Which invoices do you mean exactly?")),
        (("A", "Any questions?"), ("B", "The tax provider times out in the evening.")),
    ],
)
def test_what_nobody_answers_is_no_question_and_answer(lines: tuple[Line, ...]) -> None:
    """Nor what only seeks agreement, or is answered with a question."""
    assert _draft(lines, section(SectionKind.QUESTIONS)).claims["questions"] == ()


def test_thanks_for_the_question_are_no_answer() -> None:
    """The answer begins where something is said."""
    lines = (
        ("A", "電動車市場現在最適合用什麼樣的電池？"),
        ("B", "這個問題非常好。"),
        ("B", "現階段電動車還是以鋰離子電池為主，因為成本最低。"),
    )
    assert _texts(_draft(lines, section(SectionKind.QUESTIONS)), "questions") == [
        "現階段電動車還是以鋰離子電池為主，因為成本最低。"
    ]


def test_quotes_are_whole_pointed_and_attributed() -> None:
    """Whoever said it is named."""
    (claim,) = _draft(BILLING, section(SectionKind.QUOTES, items=1)).claims["quotes"]
    assert (claim.text, claim.speaker_id) == (
        "A late launch is bad, but a launch that loses invoices is the worst of all.",
        "spk_A",
    )


def test_an_outline_follows_the_subjects() -> None:
    """Where the words change a chapter begins, named after its own words."""
    lamps = tuple(("A", f"The lamp factory in Hsinchu makes lamp number {n} out of glass and copper.") for n in range(12))
    ships = tuple(("B", f"The harbour of Kaohsiung receives container ship number {n} every single night.") for n in range(12))
    first, second = _draft((*lamps, *ships), section(SectionKind.OUTLINE, items=2)).claims["outline"]
    assert first.label is not None
    assert second.label is not None
    assert "lamp" in first.label
    assert "lamp" in first.text
    assert "harbour" in second.label
    assert "harbour" in second.text
    assert first.sources[0].segment_id < second.sources[0].segment_id


def test_keywords_are_terms_not_fillers() -> None:
    """Words of more than one part stay together, as they are mostly written."""
    words = _texts(_draft(load(HEARING).transcript(), section(SectionKind.KEYWORDS, items=15)), "keywords")
    assert {"public interest", "Wales", "Crown Prosecution Service", "defence"} <= set(words)
    assert not {"think", "thing", "yes", "okay", "people"} & set(words)


def test_chinese_keywords_are_written_as_they_were_said() -> None:
    """In the transcript's script, compounds joined."""
    words = _texts(_draft(load("vcsum_3").transcript(), section(SectionKind.KEYWORDS, items=15)), "keywords")
    assert {"電池", "基礎研究", "產業化", "新冠疫情"} <= set(words)
    assert not {"這個", "我們", "就是", "問題"} & set(words)


LAWYER = Role(
    id="lawyer",
    label={"zh-Hant": "律師", "en": "Lawyer"},
    cues={"zh-Hant": ("依照民法", "我建議您", "法院"), "en": ("i advise",)},
)
CLIENT = Role(
    id="client", label={"zh-Hant": "當事人", "en": "Client"}, cues={"zh-Hant": ("房東", "我想請問"), "en": ("my landlord",)}
)
CONSULTATION: tuple[Line, ...] = (
    ("A", "我想請問，房東突然要求我一個月內搬走，我該怎麼辦？"),
    ("B", "依照民法的規定，租約對新的屋主仍然有效，法院也是這樣看。"),
    ("A", "房東還說押金十二萬元不退給我，我很擔心拿不回來。"),
    ("B", "我建議您先寄存證信函給房東，主張租約仍然有效。"),
)


def test_roles_are_told_by_how_people_speak() -> None:
    """A section for one part holds what that part said, and the report names the parts in its language."""
    draft = _draft(
        CONSULTATION,
        section(SectionKind.POINTS, "advice", roles=("lawyer",)),
        section(SectionKind.POINTS, "story", roles=("client",)),
        roles=(LAWYER, CLIENT),
        language="zh-Hant",
    )
    assert [(role.speaker_id, role.role, role.title, role.source) for role in draft.roles] == [
        ("spk_B", "lawyer", "律師", "cues"),
        ("spk_A", "client", "當事人", "cues"),
    ]
    assert all("房東突然" not in text and "押金" not in text for text in _texts(draft, "advice"))
    assert all("民法" not in text for text in _texts(draft, "story"))
    assert draft.notes == ()


def test_unknown_roles_are_noted_and_everybody_is_heard() -> None:
    """Nobody is given a part by guesswork."""
    draft = _draft(BILLING, section(SectionKind.POINTS, "advice", roles=("lawyer",)), roles=(LAWYER, CLIENT))
    assert draft.roles == ()
    assert draft.notes == ("roles_unknown",)
    assert draft.claims["advice"]


def test_a_table_of_days_quotes_the_clauses_that_name_them() -> None:
    """Past and to come; "today" is no date."""
    columns = (Column(id="matter", title=text("m")), Column(id="date", title=text("d"), type=ColumnType.DATE))
    section = Section(
        id="dates",
        title=text("d"),
        format=SectionFormat.TABLE,
        columns=columns,
        cues={"zh-Hant": ("租約", "會面"), "en": ("lease",)},
    )
    lines = (
        ("A", "今天先說明一下狀況，我在2024年3月5日跟房東簽了一份租約，押金付了十二萬元。"),
        ("B", "那我們下次會面就訂在十二月五日下午兩點，謝謝您。"),
        ("B", "今天的租約我會再看一次。"),
    )
    claims = _draft(lines, section).claims["dates"]
    assert [[cell.text for cell in claim.cells] for claim in claims] == [
        ["我在2024年3月5日跟房東簽了一份租約", "2024年3月5日"],
        ["那我們下次會面就訂在十二月五日下午兩點", "十二月五日下午兩點"],
    ]
    assert str(claims[0].cells[1].date) == "2024-03-05"


def test_what_the_engine_doubts_is_not_put_forward() -> None:
    """What may never have been said does not make the report while there is anything else."""
    flagged = [
        msgspec.structs.replace(segment, flags=(SegmentFlag.POSSIBLE_HALLUCINATION,) if number == 2 else ())
        for number, segment in enumerate(conversation(*BILLING))
    ]
    assert not any(
        "three percent" in text for text in _texts(_draft(transcript(flagged), section(SectionKind.POINTS)), "points")
    )
