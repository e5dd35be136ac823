from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reporter.characters import clean
from services.reporter.renderers.pdf.fonts import cjk, latin, region_of
from services.reporter.renderers.pdf.styles import GAP, NARROW, NOTE, UNSEEN, Style
from services.reporter.renderers.pdf.typeset import Line, break_lines

SIZE = 10.0
TO_NARROW = str.maketrans({**NARROW, GAP: ""})
GAP_WIDTH = UNSEEN[GAP]


def _style() -> Style:
    return Style("text", [latin(400, 14), cjk(region_of("zh-Hant"), 400)])


def _broken(text: str, width: float) -> list[Line]:
    style = _style()
    return break_lines(style, style.prepare(clean(text)), SIZE, width)


def _texts(text: str, width: float) -> list[str]:
    return [line.text.translate(TO_NARROW) for line in _broken(text, width)]


def test_english_breaks_between_words() -> None:
    """As many on a line as fit."""
    assert _texts("The quick brown fox jumps over the lazy dog", 100) == ["The quick brown fox", "jumps over the lazy", "dog"]


def test_a_compound_may_break_after_its_hyphen() -> None:
    """But not before it, nor inside numbers and flags."""
    assert _texts("a state-of-the-art idea", 62) == ["a state-of-", "the-art idea"]
    assert _texts("on 2026-11-22 or -5 now", 62) == ["on", "2026-11-22", "or -5 now"]


def test_chinese_breaks_between_characters() -> None:
    """Ten characters of ten points fit a hundred."""
    assert _texts("天地玄黃宇宙洪荒日月盈昃辰宿列張", 100) == ["天地玄黃宇宙洪荒日月", "盈昃辰宿列張"]


@pytest.mark.parametrize("width", range(75, 160, 5))
def test_no_line_begins_with_a_closing_mark_or_ends_with_an_opening_one(width: int) -> None:
    """Kinsoku, at every width that holds a word."""
    text = "他說：「這個 feature 要不要 rollback？」我覺得（也許）應該再觀察一下……《書名》、『引文』！？真的——是的。" * 3
    lines = _texts(text, width)
    assert not any(line[0] in "。，、：；！？）」』》…—" for line in lines)
    assert not any(line[-1] in "（「『《" for line in lines)


def test_a_word_too_long_for_a_line_is_cut() -> None:
    """Wherever the line is full, so that nothing runs off the page."""
    lines = _broken("see https://example.com/" + "a" * 100 + " end", 100)
    assert len(lines) > 4
    assert all(line.width <= 100 for line in lines)


def test_chinese_and_latin_stand_a_little_apart() -> None:
    """Without a space that would be copied along."""
    source = _style().prepare("用GPU跑，約31%。")
    assert source.count(GAP) == 3
    assert _style().width(source, SIZE) == pytest.approx(
        _style().width("用GPU跑，約31%。", SIZE) + 3 * GAP_WIDTH * SIZE / 1000, abs=0.01
    )


def test_quotation_marks_are_wide_only_beside_chinese() -> None:
    """The same character, two widths."""
    one = _style()
    assert one.width(one.prepare("“好”"), SIZE) == pytest.approx(30)
    assert one.width(one.prepare("“ok” é"), SIZE) < 35


@pytest.mark.parametrize(
    ("language", "region"),
    [("ja", 0), ("ko", 1), ("zh-Hans", 2), ("zh-CN", 2), ("zh-Hant-TW", 3), ("zh", 3), ("zh-HK", 4), ("en", 3), (None, 3)],
)
def test_characters_take_the_shapes_of_their_region(language: str | None, region: int) -> None:
    """Traditional Chinese where the language does not say."""
    assert region_of(language) == region


MIXED = st.text(st.sampled_from("ab cd-e fghijklmnop .,!? 天地玄黃「」（），。！…—“”’ "), max_size=120)


@given(text=MIXED, width=st.floats(12, 300))
def test_lines_hold_every_character_in_order_and_fit(text: str, width: float) -> None:
    """Only spaces at line ends are dropped; offsets point into the prepared text."""
    style = _style()
    source = style.prepare(clean(text))
    lines = break_lines(style, source, SIZE, width)
    assert "".join(line.text for line in lines).replace(" ", "").replace(GAP, "") == source.replace(" ", "").replace(GAP, "")
    for line in lines:
        assert source[line.offset : line.offset + len(line.text)] == line.text
        assert line.width == pytest.approx(_style().width(line.text, SIZE))
        assert line.width <= width + 0.001 or len(line.text) == 1


def test_no_mark_stands_wrong_in_a_hundred_thousand_characters() -> None:
    """Kinsoku both ways, over the length of a whole meeting; every line but the last is full."""
    talk = random.Random(7)
    pieces = [
        "天地玄黃",
        "宇宙洪荒",
        "這個 feature 要不要 rollback？",
        "（也許）",
        "「引文」",
        "《書名》",
        "，",
        "。",
        "；",
        "GPU 31%",
        "——",
        "……",
        "“好”",
        "3.5 km",
    ]
    text = "".join(talk.choice(pieces) + talk.choice("日月盈昃辰宿列張寒來暑往") for _ in range(24_000))
    lines = _texts(text, 440)
    assert len(text) > 100_000
    assert not [line for line in lines if line[0] in "。，、：；！？）」』》…—”’％"]
    assert not [line for line in lines if line[-1] in "（「『《“‘"]
    assert min(line.width for line in _broken(text, 440)[:-1]) > 300


def test_no_single_character_is_left_for_the_last_line() -> None:
    """The line before gives one of its own."""
    assert _texts("天地玄黃宇宙洪荒日月盈", 100) == ["天地玄黃宇宙洪荒日", "月盈"]


def test_a_note_stays_with_its_sentence() -> None:
    """The room for its number never begins a line."""
    for width in range(60, 140, 7):
        lines = break_lines(_style(), f"天地玄黃宇宙洪荒。{NOTE}{NOTE}日月盈昃，{NOTE}辰宿列張", SIZE, width)
        assert not any(line.text.startswith(NOTE) for line in lines)


def test_thai_breaks_between_syllables() -> None:
    """Only where a vowel that is written first begins a syllable for certain; letters keep their marks."""
    style = _style()
    lines = break_lines(style, style.prepare("เราจะส่งรายงานภาษาไทยในสัปดาห์หน้าเราไปเที่ยวกันเถอะ"), SIZE, 130)
    assert len(lines) == 2
    assert all(style.plain(line.text)[0] in "เแโใไ" for line in lines[1:])
