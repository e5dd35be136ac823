from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reporter.analysis.evidence.figures import Figures, count
from services.reporter.analysis.evidence.numerals import read
from shared.schemas.reports import Doubt


def _doubts(statement: str, said: str) -> list[Doubt]:
    return Figures([count(said)]).doubts(count(statement))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1,200", 1200),
        ("１２", 12),
        ("3.5 million", 3_500_000),
        ("5k", 5000),
        ("twenty-five", 25),
        ("one hundred and five thousand", 105_000),
        ("three and a half million", 3_500_000),
        ("twelve hundred", 1200),
        ("three point one four", Fraction(157, 50)),
        ("two thousand and twenty-six", 2026),
        ("twenty twenty-six", 2026),
        ("nineteen ninety", 1990),
        ("twenty-first", 21),
        ("a dozen", 12),
        ("zero nine one two", 912),
        ("三百五十萬", 3_500_000),
        ("三百五", 350),
        ("一百零五", 105),
        ("兩萬五", 25_000),
        ("2萬5", 25_000),
        ("1億2000萬", 120_000_000),
        ("3千五百", 3500),
        ("350 萬", 3_500_000),
        ("3.5萬", 35_000),
        ("三點五億", 350_000_000),
        ("一點五", Fraction(3, 2)),
        ("廿三", 23),
        ("二零二六", 2026),
        ("一一五", 115),
    ],
)
def test_numbers_are_read_by_their_value(text: str, value: int | Fraction) -> None:
    """However they are written, and whichever language they are spoken in."""
    [numeral] = read(text).numerals
    assert numeral.value == value


@pytest.mark.parametrize("text", ["千萬不要", "萬一", "百般", "half an hour", "nobody", "often", "weight"])
def test_words_are_no_numbers(text: str) -> None:
    """Though they hold the signs of some."""
    assert read(text).numerals == ()


@given(st.integers(0, 10**12))
def test_every_number_is_read_as_it_is_written(number: int) -> None:
    """Plainly, and with separators."""
    for text in (f"{number}", f"{number:,}"):
        assert [numeral.value for numeral in read(f"about {text} of them").numerals] == [number]


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("The budget is NT$3.5 million.", "預算是三百五十萬元"),
        ("The budget is US$3.5 million.", "it is three and a half million"),
        ("營收成長 25%。", "twenty-five percent growth"),
        ("營收成長 25%。", "百分之二十五"),
        ("營收成長 25%。", "兩成五"),
        ("A share of 25%.", "四分之一"),
        ("A quarter, that is 25%.", "a quarter of it"),
        ("11 月 30 日前交付。", "by November thirtieth"),
        ("By 30 November.", "十一月三十號以前"),
        ("Due on 2026-11-30.", "民國一百一十五年十一月三十日"),
        ("In 2018.", "18 年底"),
        ("In 2026.", "twenty twenty-six"),
        ("On Friday.", "禮拜五"),
        ("Next week.", "下禮拜"),
        ("In Q3.", "第三季"),
        ("In the third quarter.", "Q3"),
        ("In May.", "on the third of May"),
        ("At 15:00.", "three p.m."),
        ("下午三點。", "at three"),
        ("下午兩點半。", "at 14:30"),
        ("At noon.", "12:00"),
        ("兩位律師。", "two lawyers"),
        ("The two departments meet.", "we meet"),
        ("十分重要，一定要做，萬一失敗。", "very important"),
        ("One of them came first, the other second.", "they came"),
        ("1. Do it.", "do it"),
        ("(2) Do it.", "do it"),
    ],
)
def test_the_same_said_otherwise_is_said(statement: str, said: str) -> None:
    """Figures agree by value; whatever only looks like a number is none."""
    assert _doubts(statement, said) == []


@pytest.mark.parametrize(
    ("statement", "said", "doubt"),
    [
        ("The budget is US$3.5 million.", "預算是三百五十萬新台幣", Doubt.MONEY_NOT_SAID),
        ("The budget is €5.", "five pounds", Doubt.MONEY_NOT_SAID),
        ("It grew 26%.", "twenty-five percent", Doubt.NUMBER_NOT_SAID),
        ("It grew 15%.", "1.5 percent", Doubt.NUMBER_NOT_SAID),
        ("It costs 50 units.", "three hundred fifty units", Doubt.NUMBER_NOT_SAID),
        ("三位律師。", "two lawyers", Doubt.NUMBER_NOT_SAID),
        ("Two offers were made.", "the first offer and the other", Doubt.NUMBER_NOT_SAID),
        ("In 2019.", "18 年底", Doubt.NUMBER_NOT_SAID),
        ("11 月 29 日。", "November thirtieth", Doubt.DATE_NOT_SAID),
        ("Due on 2026-11-30.", "十一月三十號以前", Doubt.DATE_NOT_SAID),
        ("On Thursday.", "禮拜五", Doubt.DATE_NOT_SAID),
        ("明天。", "next week", Doubt.DATE_NOT_SAID),
        ("At 16:00.", "three p.m.", Doubt.DATE_NOT_SAID),
        ("上午九點。", "at 9 pm", Doubt.DATE_NOT_SAID),
        ("In June.", "we may go", Doubt.DATE_NOT_SAID),
        ("In May.", "we may go", Doubt.DATE_NOT_SAID),
    ],
)
def test_another_figure_was_not_said(statement: str, said: str, doubt: Doubt) -> None:
    """Also where its digits stand in another number, and where the day is right but the year was never named."""
    assert set(_doubts(statement, said)) == {doubt}
