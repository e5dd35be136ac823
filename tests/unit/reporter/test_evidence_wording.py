from __future__ import annotations

import pytest

from services.reporter.analysis.evidence.names import Names
from services.reporter.analysis.evidence.negation import contradicts
from services.reporter.analysis.evidence.overlap import little_in_common
from tests.evidencing import CHINESE_MEETING, MEETING, brief
from tests.speech import conversation, transcript


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("The team will ship on Friday.", "We will not ship on Friday."),
        ("The team will not ship on Friday.", "We will ship on Friday."),
        ("The offer was accepted.", "They never accepted the offer."),
        ("與會者同意這個方案。", "我們不同意這個方案"),
        ("與會者不同意這個方案。", "我們同意這個方案"),
        ("客戶已簽約。", "我們還沒有簽約"),
        ("團隊會上線。", "We won't ship on Friday."),
        ("團隊不會上線。", "We will ship on Friday."),
        ("The supplier accepted.", "供應商沒有接受"),
    ],
)
def test_the_opposite_is_a_contradiction(statement: str, said: str) -> None:
    """Either way round, in either language, and across."""
    assert contradicts(statement, said)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("The team will not ship on Friday.", "We won't ship on Friday."),
        ("Go ahead at once.", "I don't think we should wait, let's go ahead"),
        ("They agreed not to sue.", "I agreed, we won't sue them"),
        ("Approval is not needed, the budget is.", "We don't need approval but need a budget"),
        ("Delivery is required.", "Delivery is required, isn't it?"),
        ("Buttons should not be too many.", "there are not too many buttons"),
        ("The review found no evidence that it is not working.", "there's no evidence that it's not working"),
        ("客戶未簽約。", "我們還沒有簽約"),
        ("市場上沒有可併購的標的。", "並購在 18 年其實整個市場上是沒有標的的"),
        ("並非每位都需要面對產業化。", "我覺得不是每一個都需要面對產業化"),
        ("價格不錯。", "價格很好"),
        ("The supplier refused.", "供應商沒有接受"),
        ("預算不夠。", "The budget is short."),
        ("團隊如期上線。", "We will ship as planned."),
    ],
)
def test_other_words_for_the_same_are_none(statement: str, said: str) -> None:
    """Negations that agree, that stand elsewhere, or that negate nothing."""
    assert not contradicts(statement, said)


@pytest.mark.parametrize(
    "text",
    [
        "{spk_A} opened the meeting.",
        "Alice Wong opened the meeting with Ben.",
        "John Miller gets the contract on Monday in November.",
        "Mr. Miller gets it.",
        "The supplier is in Taichung.",
        "Everybody agreed. Revenue was discussed.",
        "Next Steps and Open Points",
        "Matter Weekly is the title; the Client and the Lawyer agreed.",
    ],
)
def test_whoever_speaks_or_was_mentioned_may_be_named(text: str) -> None:
    """So may titles, roles, days and months; words that begin sentences and headlines are no names."""
    assert not Names(brief()).strange(text)


@pytest.mark.parametrize(
    "text",
    [
        "{spk_7} opened the meeting.",
        "Mallory opened the meeting.",
        "It was opened by Zaphod.",
        "Zaphod Beeblebrox opened it.",
        "Dr. Zaphod opened it.",
        "Meeting Opened by Mallory Jones",
        "與 Mallory 討論預算。",
        "趙子龍主持會議。",
    ],
)
def test_strangers_are_found(text: str) -> None:
    """Wherever they stand; in a report in another language too, which gives names as they were said."""
    assert Names(brief()).strange(text)


@pytest.mark.parametrize(
    ("text", "strange"),
    [
        ("陳怡君與李大同討論合約。", False),
        ("王小明將收到合約。", False),
        ("陳律師表示不同意。", False),
        ("對方律師與顧客都不同意，上週總經理說過。", False),
        ("林志玲將收到合約。", True),
        ("張經理表示同意。", True),
        ("王大明小姐會處理。", True),
    ],
)
def test_chinese_strangers_are_found(text: str, strange: bool) -> None:
    """A surname with a title may be a speaker's; somebody's lawyer is nobody's name."""
    assert Names(brief(CHINESE_MEETING)).strange(text) is strange


def test_a_name_may_have_been_said_anywhere() -> None:
    """People are introduced once and spoken of later."""
    source = transcript(conversation(("A", "This is Zaphod."), ("B", "Hello."), ("A", "He pays.")))
    assert not Names(brief(source)).strange("It is paid by Zaphod.")


def test_a_statement_shares_words_with_what_it_quotes_or_with_what_is_near() -> None:
    """Very short ones cannot be compared."""
    quoted, near = MEETING.segments[4].text, MEETING.segments[3].text
    assert not little_in_common("The supplier demands prepayment.", quoted, near)
    assert little_in_common("Cats like warm milk every day.", quoted, near)
    assert not little_in_common("Cats.", quoted, near)
