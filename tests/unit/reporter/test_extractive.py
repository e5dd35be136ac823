from __future__ import annotations

from functools import cache

import msgspec
import pytest

from services.reporter.analysis.claims import Brief, Draft
from services.reporter.analysis.extractive import extract
from shared.schemas.jobs import ArtifactFormat, ReportLanguage, ReportMode
from shared.schemas.solutions import (
    Column,
    ColumnType,
    LocalisedTerms,
    LocalisedText,
    Role,
    Section,
    SectionFormat,
    SectionKind,
    Solution,
)
from shared.schemas.transcripts import Segment, SegmentFlag, Transcript
from shared.solutions import Solutions, load_solutions
from tests.meetings import CHINESE, ENGLISH, HEARING, load
from tests.speech import conversation, said, transcript

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


@cache
def _scenarios() -> Solutions:
    return load_solutions()


def _text(word: str) -> LocalisedText:
    return {"zh-Hant": word, "en": word}


def _section(
    kind: SectionKind, id_: str = "", *, cues: LocalisedTerms | None = None, roles: tuple[str, ...] = (), items: int = 8
) -> Section:
    return Section(id=id_ or kind.value, title=_text(kind), kind=kind, cues=cues or {}, speaker_roles=roles, max_items=items)


def _draft(
    source: Transcript | tuple[Line, ...], *sections: Section, roles: tuple[Role, ...] = (), language: ReportLanguage = "en"
) -> Draft:
    solution = Solution(
        id="only",
        version=1,
        title=_text("t"),
        description=_text("d"),
        artifacts=(ArtifactFormat.MARKDOWN,),
        sections=sections,
        roles=roles,
    )
    if not isinstance(source, Transcript):
        source = transcript(conversation(*source, seconds=6))
    return extract(Brief(solution=solution, transcript=source, language=language))


def _texts(draft: Draft, section: str) -> list[str]:
    return [claim.text for claim in draft.claims[section]]


def test_an_overview_says_what_the_recording_is_about() -> None:
    """Not the greetings, and not what was asked, but the subject; in the order in which it was said."""
    draft = _draft(BILLING, _section(SectionKind.OVERVIEW, items=2))
    assert draft.mode is ReportMode.EXTRACTIVE
    texts = _texts(draft, "overview")
    assert "Today we are going to discuss the launch of the billing service." in texts
    assert not any("Good morning" in text or text.endswith("?") for text in texts)


def test_statements_come_in_the_order_of_time() -> None:
    """A reader follows the recording, whatever ranks first."""
    draft = _draft(BILLING, _section(SectionKind.POINTS, items=6))
    moments = [claim.sources[0].segment_id for claim in draft.claims["points"]]
    assert moments == sorted(moments)


def test_a_section_with_cues_holds_only_what_matches_them() -> None:
    """And is honestly empty where nothing does."""
    draft = _draft(
        BILLING,
        _section(SectionKind.POINTS, "risks", cues={"en": ("risk", "danger"), "zh-Hant": ("風險",)}),
        _section(SectionKind.POINTS, "weather", cues={"en": ("rain", "storm"), "zh-Hant": ("下雨",)}),
    )
    assert _texts(draft, "risks") == ["The biggest risk is that the tax provider changes its interface before the launch."]
    assert draft.claims["weather"] == ()


def test_cues_follow_what_was_spoken_not_the_reports_language() -> None:
    """A Chinese report on an English meeting finds English words; simplified speech is found by traditional cues."""
    cues: LocalisedTerms = {"en": ("risk",), "zh-Hant": ("風險",)}
    draft = _draft(BILLING, _section(SectionKind.POINTS, cues=cues), language="zh-Hant")
    assert len(draft.claims["points"]) == 1
    lines = (("A", "我们今天讨论新系统的上线时间和预算。"), ("B", "主要的风险是测试环境不稳定，可能会延迟上线。"))
    assert _texts(_draft(lines, _section(SectionKind.POINTS, cues=cues)), "points") == [
        "主要的风险是测试环境不稳定，可能会延迟上线。"
    ]


def test_no_sentence_stands_in_two_sections() -> None:
    """Outlines apart, which lead into the recording."""
    kinds = [kind for kind in SectionKind if kind not in (SectionKind.OUTLINE, SectionKind.KEYWORDS)]
    for name in (*ENGLISH, *CHINESE, HEARING):
        draft = _draft(load(name).transcript(), *(_section(kind) for kind in kinds))
        texts = [claim.text for claims in draft.claims.values() for claim in claims]
        assert len(texts) == len(set(texts))
        assert len(texts) >= 10


def test_a_question_comes_with_somebody_elses_answer() -> None:
    """The question is the label, the answer the text; both are cited."""
    (claim,) = _draft(BILLING, _section(SectionKind.QUESTIONS)).claims["questions"]
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
    assert _draft(lines, _section(SectionKind.QUESTIONS)).claims["questions"] == ()


def test_thanks_for_the_question_are_no_answer() -> None:
    """The answer begins where something is said."""
    lines = (
        ("A", "電動車市場現在最適合用什麼樣的電池？"),
        ("B", "這個問題非常好。"),
        ("B", "現階段電動車還是以鋰離子電池為主，因為成本最低。"),
    )
    assert _texts(_draft(lines, _section(SectionKind.QUESTIONS)), "questions") == [
        "現階段電動車還是以鋰離子電池為主，因為成本最低。"
    ]


def test_quotes_are_whole_pointed_and_attributed() -> None:
    """Whoever said it is named."""
    (claim,) = _draft(BILLING, _section(SectionKind.QUOTES, items=1)).claims["quotes"]
    assert (claim.text, claim.speaker_id) == (
        "A late launch is bad, but a launch that loses invoices is the worst of all.",
        "spk_A",
    )


def test_an_outline_follows_the_subjects() -> None:
    """Where the words change a chapter begins, named after its own words."""
    lamps = tuple(("A", f"The lamp factory in Hsinchu makes lamp number {n} out of glass and copper.") for n in range(12))
    ships = tuple(("B", f"The harbour of Kaohsiung receives container ship number {n} every single night.") for n in range(12))
    first, second = _draft((*lamps, *ships), _section(SectionKind.OUTLINE, items=2)).claims["outline"]
    assert first.label is not None
    assert second.label is not None
    assert "lamp" in first.label
    assert "lamp" in first.text
    assert "harbour" in second.label
    assert "harbour" in second.text
    assert first.sources[0].segment_id < second.sources[0].segment_id


def test_keywords_are_terms_not_fillers() -> None:
    """Words of more than one part stay together, as they are mostly written."""
    words = _texts(_draft(load(HEARING).transcript(), _section(SectionKind.KEYWORDS, items=15)), "keywords")
    assert {"public interest", "Wales", "Crown Prosecution Service", "defence"} <= set(words)
    assert not {"think", "thing", "yes", "okay", "people"} & set(words)


def test_chinese_keywords_are_written_as_they_were_said() -> None:
    """In the transcript's script, compounds joined."""
    words = _texts(_draft(load("vcsum_3").transcript(), _section(SectionKind.KEYWORDS, items=15)), "keywords")
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
        _section(SectionKind.POINTS, "advice", roles=("lawyer",)),
        _section(SectionKind.POINTS, "story", roles=("client",)),
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
    draft = _draft(BILLING, _section(SectionKind.POINTS, "advice", roles=("lawyer",)), roles=(LAWYER, CLIENT))
    assert draft.roles == ()
    assert draft.notes == ("roles_unknown",)
    assert draft.claims["advice"]


def test_a_table_of_days_quotes_the_clauses_that_name_them() -> None:
    """Past and to come; "today" is no date."""
    columns = (Column(id="matter", title=_text("m")), Column(id="date", title=_text("d"), type=ColumnType.DATE))
    section = Section(
        id="dates",
        title=_text("d"),
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
        "three percent" in text for text in _texts(_draft(transcript(flagged), _section(SectionKind.POINTS)), "points")
    )


def test_the_words_are_the_speakers_own() -> None:
    """Every statement is made of quotations that stand in their segments, in all scenarios that come with the product."""
    for name in (*ENGLISH, *CHINESE, HEARING):
        source = load(name).transcript()
        by_id = {segment.id: segment.text for segment in source.segments}
        for solution in _scenarios().values():
            draft = extract(Brief(solution=solution, transcript=source, language="en"))
            assert set(draft.claims) == {section.id for section in solution.sections}
            for section in solution.sections:
                claims = draft.claims[section.id]
                assert len(claims) <= section.max_items
                for claim in claims:
                    assert claim.sources
                    assert all(one.quote in by_id[one.segment_id] for one in claim.sources)
                    assert all(
                        [cell.column for cell in claim.cells] == [column.id for column in section.columns] for _ in claim.cells
                    )


def test_the_same_transcript_gives_the_same_bytes() -> None:
    """Whatever the order in which Python keeps its sets."""
    solution = _scenarios()["meeting_minutes"]
    brief = Brief(solution=solution, transcript=load("vcsum_0").transcript(), language="zh-Hant")
    assert msgspec.json.encode(extract(brief)) == msgspec.json.encode(extract(brief))


def _unpunctuated() -> Transcript:
    return transcript(
        [
            said(text, start=n * 30, seconds=28)
            for n, text in enumerate(["we should ship the new billing service in march " * 12] * 4)
        ]
    )


def _many_speakers() -> Transcript:
    return transcript(
        conversation(*((f"S{n % 30}", f"Speaker {n} thinks the budget of project {n % 7} is too small.") for n in range(300)))
    )


@pytest.mark.parametrize(
    "source",
    [
        transcript([]),
        transcript([said("")]),
        transcript([said("Hello.")]),
        transcript([said("好")]),
        transcript([said("...")]),
        transcript([said("Hm", by=None), said("The budget was approved by the board.", by=None, start=5)]),
        transcript(conversation(("A", "הפגישה נדחתה ליום שלישי הבא."), ("B", "نحن بحاجة إلى ميزانية أكبر للمشروع الجديد."))),
        transcript(conversation(("A", "🎉🎉🎉"), ("B", "👩‍💻 ships the 🚀 on Friday, she promised."), ("A", "😀"))),
        transcript(
            conversation(("A", "会議は金曜日に延期されました。"), ("B", "新しい予算を確認してください。")), language="ja"
        ),
        transcript(conversation(("A", "x" * 3000), ("A", "問" * 3000))),
        transcript(conversation(("A", "\u202eevil\u0000 {spk_2} text.\ud800"), ("A", "I'll send {spk_B} the list by Friday."))),
        _unpunctuated(),
        _many_speakers(),
    ],
    ids=[
        "empty",
        "blank",
        "hello",
        "one character",
        "dots",
        "nobody",
        "right to left",
        "emoji",
        "japanese",
        "endless",
        "hostile",
        "asr",
        "crowd",
    ],
)
def test_no_transcript_is_too_odd(source: Transcript) -> None:
    """Every scenario gives a draft, or says nothing; never an error."""
    for solution in _scenarios().values():
        draft = extract(Brief(solution=solution, transcript=source, language="zh-Hant"))
        assert set(draft.claims) == {section.id for section in solution.sections}


def test_speech_without_punctuation_still_gives_statements() -> None:
    """Recognisers without punctuation are served too."""
    lines = (
        ("A", "we should ship the new billing service in march because the old one loses invoices"),
        ("B", "the tax provider has promised us a new interface for invoices by the end of february"),
        ("A", "i will call the tax provider about the new interface tomorrow"),
    )
    draft = _draft(lines, _section(SectionKind.OVERVIEW), _section(SectionKind.ACTIONS))
    assert _texts(draft, "actions") == ["I will call the tax provider about the new interface tomorrow"]
    assert len(_texts(draft, "overview")) == 2


def test_a_long_recording_is_read_to_its_end() -> None:
    """Five thousand segments; what is said last counts as much."""
    segments: list[Segment] = conversation(
        *((f"{'AB'[n % 2]}", f"Item {n} of the warehouse list is in shelf {n % 90}.") for n in range(5000))
    )
    segments.append(said("We have decided to close the warehouse in Hsinchu.", start=5000 * 4.0))
    draft = _draft(
        transcript(segments), _section(SectionKind.DECISIONS), _section(SectionKind.OUTLINE), _section(SectionKind.KEYWORDS)
    )
    assert _texts(draft, "decisions") == ["We have decided to close the warehouse in Hsinchu."]
