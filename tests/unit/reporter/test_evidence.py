from __future__ import annotations

import datetime as dt

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reporter.analysis.claims import Claim, Draft, Source
from services.reporter.analysis.evidence import Verifier, verify
from shared.schemas.jobs import ReportMode
from shared.schemas.reports import Cell, Doubt, Evidence, Item, SpeakerRole
from shared.schemas.solutions import EvidencePolicy, SectionFormat, SectionKind
from shared.schemas.transcripts import Transcript
from tests.evidencing import (
    ACTION_COLUMNS,
    CHINESE_MEETING,
    MEETING,
    brief,
    checked,
    cited,
    item_of,
    section,
)
from tests.speech import conversation, said, transcript

BUDGET = cited(MEETING, 0, "the budget of three and a half million dollars")
SHIPPING = cited(MEETING, 0, "We will not ship on Friday")
CONTRACT = cited(MEETING, 1, "I'll send the contract to John Miller by November thirtieth")
REVENUE = cited(MEETING, 2, "Revenue grew twenty-five percent in the third quarter")
SUPPLIER = cited(MEETING, 4, "The supplier in Taichung wants to be paid in advance")
ZH_BUDGET = cited(CHINESE_MEETING, 0, "預算是三百五十萬新台幣")
ZH_PLAN = cited(CHINESE_MEETING, 0, "我們不同意這個方案")
ZH_CONTRACT = cited(CHINESE_MEETING, 1, "我會在十一月三十號以前把合約寄給王小明")
ZH_REVENUE = cited(CHINESE_MEETING, 2, "第三季營收成長百分之二十五")


def _doubts(text: str, *sources: Source, source: Transcript = MEETING, language: str = "en") -> tuple[Doubt, ...]:
    about = brief(source, language="zh-Hant" if language == "zh-Hant" else "en")
    return item_of(checked(about, Claim(text=text, sources=sources))).doubts


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("The budget is $3.5 million.", BUDGET),
        ("The budget of 3,500,000 dollars is spent.", BUDGET),
        ("{spk_B} sends the contract to John Miller by 30 November.", CONTRACT),
        ("The contract goes to Mr. Miller by 11/30.", CONTRACT),
        ("Revenue grew 25% in Q3.", REVENUE),
        ("The team does not ship on Friday.", SHIPPING),
        ("The supplier in Taichung demands advance payment and was not known of.", SUPPLIER),
    ],
)
def test_an_honest_statement_is_verified(text: str, source: Source) -> None:
    """In other words, with numbers and dates written in another way."""
    assert _doubts(text, source) == ()


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("預算為 350 萬元。", ZH_BUDGET),
        ("預算為 3,500,000 元。", ZH_BUDGET),
        ("{spk_B} 於 11 月 30 日前將合約寄給王小明。", ZH_CONTRACT),
        ("第三季營收成長 25%。", ZH_REVENUE),
        ("營收第 3 季增加二成五。", ZH_REVENUE),
        ("與會者不同意該方案。", ZH_PLAN),
    ],
)
def test_an_honest_chinese_statement_is_verified(text: str, source: Source) -> None:
    """Spoken numerals are numbers too."""
    assert _doubts(text, source, source=CHINESE_MEETING, language="zh-Hant") == ()


@pytest.mark.parametrize(
    ("text", "sources", "doubt"),
    [
        ("The budget is spent.", (), Doubt.NO_REFERENCE),
        ("The budget is spent.", (Source(segment_id="s999", quote="the budget is spent"),), Doubt.UNKNOWN_SEGMENT),
        ("The budget is spent.", (cited(MEETING, 0, "the budget is exhausted now"),), Doubt.QUOTE_NOT_FOUND),
        ("The budget is spent.", (cited(MEETING, 4, BUDGET.quote),), Doubt.QUOTE_NOT_FOUND),
        ("The budget is spent.", (BUDGET, cited(MEETING, 0, "and nobody cares about it")), Doubt.QUOTE_NOT_FOUND),
        ("The budget is nearly spent.", (cited(MEETING, 0, "the budget"),), Doubt.QUOTE_TOO_SHORT),
        ("The budget is nearly spent.", (cited(MEETING, 0, ""),), Doubt.QUOTE_TOO_SHORT),
        ("{spk_9} has spent the budget.", (BUDGET,), Doubt.UNKNOWN_SPEAKER),
        ("The budget was spent by Mallory.", (BUDGET,), Doubt.UNKNOWN_SPEAKER),
        ("Mallory has spent the budget.", (BUDGET,), Doubt.UNKNOWN_SPEAKER),
        ("Dr. Stranger has spent the budget.", (BUDGET,), Doubt.UNKNOWN_SPEAKER),
        ("The budget is $3.6 million.", (BUDGET,), Doubt.MONEY_NOT_SAID),
        ("The budget is €3.5 million.", (BUDGET,), Doubt.MONEY_NOT_SAID),
        ("The budget of 35 million is spent.", (BUDGET,), Doubt.NUMBER_NOT_SAID),
        ("Revenue grew 26% in Q3.", (REVENUE,), Doubt.NUMBER_NOT_SAID),
        ("Revenue grew thirty percent in Q3.", (REVENUE,), Doubt.NUMBER_NOT_SAID),
        ("Revenue grew 25% in Q4.", (REVENUE,), Doubt.DATE_NOT_SAID),
        ("The contract goes out by 29 November.", (CONTRACT,), Doubt.DATE_NOT_SAID),
        ("The contract goes out by 30 December.", (CONTRACT,), Doubt.DATE_NOT_SAID),
        ("The contract goes out by 30 November 2027.", (CONTRACT,), Doubt.DATE_NOT_SAID),
        ("The contract goes out tomorrow.", (CONTRACT,), Doubt.DATE_NOT_SAID),
        ("The team ships on Friday.", (SHIPPING,), Doubt.NEGATION),
        ("The supplier does not want to be paid in advance.", (SUPPLIER,), Doubt.NEGATION),
        ("Cats like warm milk.", (SUPPLIER,), Doubt.LITTLE_IN_COMMON),
    ],
)
def test_every_lie_is_caught(text: str, sources: tuple[Source, ...], doubt: Doubt) -> None:
    """Whatever is invented, altered or turned round, though the rest be true."""
    assert doubt in _doubts(text, *sources)


@pytest.mark.parametrize(
    ("text", "source", "doubt"),
    [
        ("預算為 360 萬元。", ZH_BUDGET, Doubt.MONEY_NOT_SAID),
        ("預算為 350 萬美元。", ZH_PLAN, Doubt.MONEY_NOT_SAID),
        ("與會者同意該方案。", ZH_PLAN, Doubt.NEGATION),
        ("趙子龍將收到合約。", ZH_CONTRACT, Doubt.UNKNOWN_SPEAKER),
        ("林律師將收到合約。", ZH_CONTRACT, Doubt.UNKNOWN_SPEAKER),
        ("合約於 11 月 29 日前寄出。", ZH_CONTRACT, Doubt.DATE_NOT_SAID),
        ("第二季營收成長 25%。", ZH_REVENUE, Doubt.DATE_NOT_SAID),
        ("營收成長三成。", ZH_REVENUE, Doubt.NUMBER_NOT_SAID),
    ],
)
def test_every_chinese_lie_is_caught(text: str, source: Source, doubt: Doubt) -> None:
    """As in English."""
    assert doubt in _doubts(text, source, source=CHINESE_MEETING, language="zh-Hant")


@pytest.mark.parametrize(
    ("source", "language", "text", "cite", "doubts"),
    [
        (MEETING, "zh-Hant", "預算為 350 萬美元。", BUDGET, set()),
        (MEETING, "zh-Hant", "預算為 360 萬美元。", BUDGET, {Doubt.MONEY_NOT_SAID}),
        (MEETING, "zh-Hant", "週五不出貨。", SHIPPING, set()),
        (MEETING, "zh-Hant", "週五出貨。", SHIPPING, {Doubt.NEGATION}),
        (MEETING, "zh-Hant", "週四不出貨。", SHIPPING, {Doubt.DATE_NOT_SAID}),
        (MEETING, "zh-Hant", "{spk_B} 將合約寄給 John Miller。", CONTRACT, set()),
        (MEETING, "zh-Hant", "{spk_B} 將合約寄給 John Smith。", CONTRACT, {Doubt.UNKNOWN_SPEAKER}),
        (MEETING, "zh-Hant", "{spk_B} 將合約寄給趙子龍。", CONTRACT, {Doubt.UNKNOWN_SPEAKER}),
        (CHINESE_MEETING, "en", "The budget is 3.5 million.", ZH_BUDGET, set()),
        (CHINESE_MEETING, "en", "The plan was accepted.", ZH_PLAN, {Doubt.NEGATION}),
        (CHINESE_MEETING, "en", "{spk_B} sends the contract by 30 November.", ZH_CONTRACT, set()),
        (CHINESE_MEETING, "en", "Mallory sends the contract by 30 November.", ZH_CONTRACT, {Doubt.UNKNOWN_SPEAKER}),
    ],
)
def test_across_languages_whatever_can_be_compared_is(
    source: Transcript, language: str, text: str, cite: Source, doubts: set[Doubt]
) -> None:
    """Words cannot, but numbers, dates, money, speakers and negations can; the report says so."""
    about = brief(source, language="zh-Hant" if language == "zh-Hant" else "en")
    verified = checked(about, Claim(text=text, sources=(cite,)))
    assert set(item_of(verified).doubts) == doubts
    assert "checked_across_languages" in verified.notes


def test_what_the_customer_filled_in_counts_as_known() -> None:
    """A year or a name that stands in the inputs is not the model's invention."""
    claim = Claim(text="On 30 November 2027 Mallory Jones gets the contract.", sources=(CONTRACT,))
    assert item_of(checked(brief(), claim)).doubts
    assert item_of(checked(brief(inputs={"matter": "Mallory Jones", "held": "2027-11-30"}), claim)).doubts == ()


def test_a_reference_leads_to_the_words_themselves() -> None:
    """As they stand in the segment, with the speaker and the time, whatever the model made of them."""
    quote = "i’ll send   the CONTRACT to john miller"
    [reference] = item_of(checked(brief(), Claim(text="He sends the contract.", sources=(cited(MEETING, 2, quote),)))).refs
    assert reference.quote == "I'll send the contract to John Miller"
    assert (reference.segment_id, reference.speaker_id, reference.start_ms) == (MEETING.segments[1].id, "spk_B", 10_000)


def test_a_quotation_is_put_right_by_the_recording() -> None:
    """Its words and its speaker are those of the transcript; one that nobody spoke is none."""
    quotes = section(kind=SectionKind.QUOTES, form=SectionFormat.QUOTES)
    about = brief(MEETING, quotes)
    item = item_of(checked(about, Claim(text="we will NOT ship on friday", speaker_id="spk_B", sources=(SHIPPING,))))
    assert (item.text, item.speaker_id, item.doubts) == ("We will not ship on Friday", "spk_A", ())
    item = item_of(checked(about, Claim(text="We shall overcome", speaker_id="spk_B", sources=(SHIPPING,))))
    assert item.speaker_id is None
    assert Doubt.QUOTE_NOT_FOUND in item.doubts


def _row(task: str, *, owner: str | None = None, named: str = "", due: str = "", day: dt.date | None = None) -> Claim:
    cells = (
        Cell(column="task", text=task),
        Cell(column="owner", text=named, speaker_id=owner),
        Cell(column="due", text=due, date=day),
    )
    return Claim(text="", cells=cells, sources=(CONTRACT,))


_ACTIONS = section("actions", kind=SectionKind.ACTIONS, form=SectionFormat.TABLE, columns=ACTION_COLUMNS)


@pytest.mark.parametrize(
    ("claim", "doubts"),
    [
        (_row("Send the contract", owner="spk_B", due="by 30 November"), ()),
        (_row("Send the contract", named="{spk_B}"), ()),
        (_row("Send the contract", named="John Miller"), ()),
        (_row("Send the contract", owner="spk_9"), (Doubt.UNKNOWN_SPEAKER,)),
        (_row("Send the contract", named="Mallory"), (Doubt.UNKNOWN_SPEAKER,)),
        (_row("Send the contract", owner="spk_A"), (Doubt.WRONG_PERSON,)),
        (_row("Send the contract", due="by 1 December"), (Doubt.DATE_NOT_SAID,)),
        (_row("Send 3 contracts", owner="spk_B"), (Doubt.NUMBER_NOT_SAID,)),
    ],
)
def test_every_cell_of_a_row_is_checked(claim: Claim, doubts: tuple[Doubt, ...]) -> None:
    """Task, owner and date must all come from the words the row rests on."""
    assert item_of(checked(brief(MEETING, _ACTIONS), claim, section_id="actions")).doubts == doubts


def test_somebody_who_is_asked_may_own_the_task() -> None:
    """Whether by name or by "you"."""
    asked = Claim(
        text="", cells=(Cell(column="task", text="Book the room"), Cell(column="owner", speaker_id="spk_B")), sources=()
    )
    asked = msgspec.structs.replace(asked, sources=(cited(MEETING, 2, "Please book the room, Ben"),))
    assert item_of(checked(brief(MEETING, _ACTIONS), asked, section_id="actions")).doubts == ()


def test_a_day_stands_in_a_cell_only_where_it_was_named() -> None:
    """A calendar date that the words do not hold is left out; the words stay."""
    row = _row("Send the contract", due="by November thirtieth", day=dt.date(2026, 11, 30))
    [_, _, due] = item_of(checked(brief(MEETING, _ACTIONS), row, section_id="actions")).cells
    assert (due.text, due.date) == ("by November thirtieth", None)
    held = brief(MEETING, _ACTIONS, inputs={"held": "2026-11-22"})
    [_, _, due] = item_of(checked(held, row, section_id="actions")).cells
    assert due.date == dt.date(2026, 11, 30)


def test_rows_have_the_columns_of_the_template() -> None:
    """In its order and language, missing cells empty, unknown ones gone."""
    claim = Claim(text="", cells=(Cell(column="mood", text="good"), Cell(column="task", text="Send it")), sources=(CONTRACT,))
    verified = checked(brief(MEETING, _ACTIONS, language="zh-Hant"), claim, section_id="actions")
    assert [cell.column for cell in item_of(verified).cells] == ["task", "owner", "due"]
    assert [column.title for column in verified.sections[0].columns] == ["事項", "負責人", "期限"]


def test_only_those_who_play_the_part_are_cited() -> None:
    """Advice comes from the lawyer; where nobody is known to be one, that is the doubt, save for the very words of somebody."""
    about = brief(MEETING, section(roles=("lawyer",)))
    roles = (
        SpeakerRole(speaker_id="spk_A", role="lawyer", title="?", source="llm"),
        SpeakerRole(speaker_id="spk_B", role="client", title="?", source="llm"),
        SpeakerRole(speaker_id="spk_9", role="lawyer", title="?", source="llm"),
        SpeakerRole(speaker_id="spk_C", role="judge", title="?", source="llm"),
    )
    claims = (Claim(text="Revenue grew 25%.", sources=(REVENUE,)), Claim(text="Send the contract.", sources=(CONTRACT,)))
    verified = verify(Draft(mode=ReportMode.LLM, claims={"points": claims}, roles=roles), about)
    assert [item.text for item in verified.sections[0].items] == ["Revenue grew 25%."]
    assert verified.sections[0].unverified[0].doubts == (Doubt.WRONG_ROLE,)
    assert [(role.speaker_id, role.title) for role in verified.roles] == [("spk_A", "Lawyer"), ("spk_B", "Client")]
    assert checked(about, *claims).excluded == {"role_unknown": 2}
    verbatim = Claim(text="Revenue grew twenty-five percent", sources=(REVENUE,))
    assert checked(about, verbatim, mode=ReportMode.EXTRACTIVE).excluded == {}


def test_a_task_with_two_owners_is_doubted() -> None:
    """Code cannot tell which is right."""
    rows = (_row("Send the contract to Miller", owner="spk_B"), _row("Send the contract to Miller", named="John Miller"))
    [part] = checked(brief(MEETING, _ACTIONS), *rows, section_id="actions").sections
    assert [one.doubts for one in part.unverified] == [(Doubt.CONTRADICTION,)] * 2


REVISION = transcript(
    conversation(("A", "The budget of the project is 500 dollars."), ("A", "The budget of the project is 600 dollars."))
)


def test_a_matter_with_two_numbers_is_doubted() -> None:
    """Each was said somewhere, but the report cannot mean both."""
    claims = [
        Claim(
            text=f"The project's budget is {number} dollars.", sources=(cited(REVISION, place, REVISION.segments[place].text),)
        )
        for place, number in enumerate((500, 600))
    ]
    assert checked(brief(REVISION), *claims).excluded == {"contradiction": 2}


def test_what_was_said_twice_differently_stays() -> None:
    """People contradict themselves; their words are not the report's mistake."""
    claims = [Claim(text=one.text, sources=(Source(segment_id=one.id, quote=one.text),)) for one in REVISION.segments]
    assert checked(brief(REVISION), *claims).excluded == {}


_HONEST = Claim(text="Revenue grew 25% in Q3.", sources=(REVENUE,))
_LIE = Claim(text="Revenue grew 26% in Q3.", sources=(REVENUE,))


def _shown(item: Item) -> tuple[str, Evidence, tuple[Doubt, ...]]:
    return item.id, item.evidence, item.doubts


def test_required_evidence_sets_doubtful_statements_apart() -> None:
    """Under ids of their own, and counted by reason."""
    verified = checked(brief(MEETING, section(policy=EvidencePolicy.REQUIRED)), _LIE, _HONEST)
    [part] = verified.sections
    assert [_shown(item) for item in part.items] == [("points-1", Evidence.VERIFIED, ())]
    assert [_shown(item) for item in part.unverified] == [("points-2", Evidence.UNVERIFIED, (Doubt.NUMBER_NOT_SAID,))]
    assert verified.excluded == {"number_not_said": 1}


def test_the_strictest_policy_drops_and_counts_them() -> None:
    """Nothing of the lie is left but its count."""
    verified = checked(brief(MEETING, section(policy=EvidencePolicy.DROP)), _LIE, _HONEST)
    [part] = verified.sections
    assert (len(part.items), part.unverified, part.dropped) == (1, (), 1)
    assert verified.excluded == {"number_not_said": 1}


def test_preferred_evidence_marks_them_where_they_stand() -> None:
    """In their order; nothing is excluded."""
    verified = checked(brief(MEETING, section(policy=EvidencePolicy.PREFERRED)), _LIE, _HONEST)
    assert [item.evidence for item in verified.sections[0].items] == [Evidence.UNVERIFIED, Evidence.VERIFIED]
    assert verified.excluded == {}


def test_without_a_policy_nothing_is_claimed_to_be_checked() -> None:
    """The references that exist are kept all the same."""
    [part] = checked(brief(MEETING, section(policy=EvidencePolicy.NONE)), _LIE).sections
    assert [_shown(item) for item in part.items] == [("points-1", Evidence.NONE, ())]
    assert part.items[0].refs


def test_more_statements_than_allowed_are_left_out_and_mentioned() -> None:
    """The first are kept; the reader is told."""
    verified = checked(brief(MEETING, section(most=1)), _HONEST, Claim(text="The budget is $3.5 million.", sources=(BUDGET,)))
    assert [item.text for item in verified.sections[0].items] == [_HONEST.text]
    assert verified.notes == ("items_left_out",)


def test_an_empty_section_says_so_in_the_reports_language() -> None:
    """With the template's words, or with ours."""
    assert checked(brief()).sections[0].empty == "Not mentioned in the recording."
    assert checked(brief(language="zh-Hant")).sections[0].empty == "逐字稿中未提及。"
    template = msgspec.structs.replace(section(), empty={"en": "No risk was named.", "zh-Hant": "未提及風險。"})
    assert checked(brief(MEETING, template, language="zh-Hant")).sections[0].empty == "未提及風險。"


def test_doubts_can_be_asked_for_before_the_report_is_made() -> None:
    """Whoever writes can correct itself; the answer is that of the check."""
    doubts = Verifier(brief()).doubts({"points": (_LIE, _HONEST)}, {})
    assert doubts == {"points": ((Doubt.NUMBER_NOT_SAID,), ())}


_VOCABULARY = (
    "the budget was not approved because Mallory said twenty five percent of 1,200 dollars on May 3rd "
    "三百 萬元 不 同意 王小明 下週五"
)
_WORDS = st.lists(st.sampled_from(_VOCABULARY.split()), min_size=1, max_size=12)


@given(st.lists(_WORDS, min_size=1, max_size=6), st.data())
def test_words_as_they_were_said_are_always_verified(spoken: list[list[str]], data: st.DataObject) -> None:
    """Whatever they are: a verbatim statement is true by construction."""
    texts = [" ".join(words) for words in spoken]
    source = transcript(conversation(*(("A", text) for text in texts)))
    number = data.draw(st.integers(0, len(texts) - 1))
    words = spoken[number]
    begin = data.draw(st.integers(0, len(words) - 1))
    text = " ".join(words[begin : data.draw(st.integers(begin + 1, len(words)))])
    assert _doubts(text, cited(source, number, text), source=source) == ()


@given(st.integers(2, 10**9), st.integers(2, 10**9), st.sampled_from(["{:,} units", "{} units", "{:,} dollars", "{}%"]))
def test_an_altered_number_is_never_verified(said_number: int, stated: int, form: str) -> None:
    """Whatever the number, and however it is written."""
    source = transcript([said(f"We counted {form.format(said_number)} in the warehouse.")])
    claim = Claim(
        text=f"In the warehouse {form.format(stated)} were counted.", sources=(cited(source, 0, source.segments[0].text),)
    )
    assert (item_of(checked(brief(source), claim)).doubts == ()) is (stated == said_number)


@given(st.data())
def test_an_altered_quotation_or_segment_is_never_verified(data: st.DataObject) -> None:
    """A word that nobody said, or a segment that does not hold it."""
    claim, number = data.draw(st.sampled_from([(SHIPPING, 0), (CONTRACT, 1), (REVENUE, 2), (SUPPLIER, 4)]))
    words = claim.quote.split()
    place = data.draw(st.integers(0, len(words) - 1))
    words[place] = data.draw(st.text("bcdfghjklmnpqrstvwxz", min_size=6, max_size=9))
    assert Doubt.QUOTE_NOT_FOUND in _doubts("The team met.", cited(MEETING, number, " ".join(words)))
    elsewhere = data.draw(st.sampled_from([one for one in range(5) if abs(one - number) > 1]))
    assert Doubt.QUOTE_NOT_FOUND in _doubts("The team met.", cited(MEETING, elsewhere, claim.quote))
    nowhere = data.draw(st.text(min_size=1).filter(lambda id_: id_ not in {one.id for one in MEETING.segments}))
    assert Doubt.UNKNOWN_SEGMENT in _doubts("The team met.", Source(segment_id=nowhere, quote=claim.quote))
