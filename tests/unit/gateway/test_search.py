"""How text is read for the search: what finds what, and what a hit looks like."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.search.passages import PASSAGE_LENGTH, Spoken, SpokenText, hits_of, passages_of
from services.gateway.search.terms import question_of, tokens_of
from services.gateway.store.search import Passage

TENANT = UUID("01935b7a-0000-7000-8000-000000000002")
TEXTS = st.text(alphabet=st.sampled_from(" ,。\n\"'aAb1é資资料核准ＡＢｶﾞまย한국𠀀"), max_size=30)


def _finds(question: str, text: str) -> bool:
    asked = question_of(question)
    found = bool(asked.matches(text))
    if found:
        assert set(asked.tokens(TENANT)) <= set(tokens_of(TENANT, text)), "the index would not have offered the text"
    return found


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("資料", "這份资料很重要"),
        ("资料", "這份資料很重要"),
        ("預算核准", "第三季預算，核准了。"),
        ("臺北", "台北的會議"),
        ("料", "資料"),
        ("AI模型", "我們用 ai 模型做摘要"),
        ("ＡＰＩ", "the api is open"),
        ("cafe", "CAFÉ Central"),
        ('"sign on the third"', "We sign on the THIRD of June."),
        ("june sign", "We sign on the third of June."),
        ("한국", "대한국민"),
        ("ก", "กข"),
    ],
)
def test_a_question_finds_what_a_reader_would_find(question: str, text: str) -> None:
    """Script, case, accents, width and marks between characters do not matter; the order of words without quotes neither."""
    assert _finds(question, text)


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("准核", "預算核准了"),
        ("預算准", "預算核准"),
        ('"third the"', "on the third"),
        ("june july", "We sign in June."),
        ("art", "an article"),
        ("資料", "料資"),
    ],
)
def test_order_and_whole_words_count(question: str, text: str) -> None:
    """Characters and phrases must follow one another, words be whole, and all words of the question be there."""
    assert not _finds(question, text)


@pytest.mark.parametrize("question", ["", " ", "!?", '""', "a b c d e f g h i j k"])
def test_a_question_asks_for_something_and_not_for_too_much(question: str) -> None:
    """Marks alone are no question, nor are eleven words."""
    with pytest.raises(ValueError, match="it has"):
        question_of(question)


@given(TEXTS, st.data())
def test_every_stretch_of_a_text_finds_the_text(text: str, data: st.DataObject) -> None:
    """Whatever is copied out of a transcript, whole words of it at least, finds it again by the index and by the text."""
    start = data.draw(st.integers(0, len(text)))
    part = text[start : data.draw(st.integers(start, len(text)))].replace('"', " ").replace("\n", " ")
    cut = any(side.isalnum() for side in (text[max(0, start - 1) : start], text[start + len(part) : start + len(part) + 1]))
    try:
        question = question_of(f'"{part}"')
    except ValueError:
        return
    if not cut:
        assert question.matches(text)
        assert set(question.tokens(TENANT)) <= set(tokens_of(TENANT, text))


def test_tenants_share_no_tokens() -> None:
    """What the index holds of the same word differs from tenant to tenant."""
    other = UUID("01935b7a-0000-7000-8000-000000000003")
    assert not {*tokens_of(TENANT, "預算 budget")} & {*tokens_of(other, "預算 budget")}


def test_a_transcript_is_cut_into_passages_and_hits_name_their_segments() -> None:
    """Passages hold whole segments, in order; a hit is the segment with the most of the question, with its words set apart."""
    texts = [
        "The budget was approved.",
        "預算核准，" + "很長的話" * 100,
        "x" * (PASSAGE_LENGTH - 10),
        "The budget\nis spent and approved.",
    ]
    segments = tuple(Spoken(f"s{n}", n * 1000, n * 1000 + 900, text) for n, text in enumerate(texts))
    passages = list(passages_of(TENANT, SpokenText(segments)))
    assert [[one.id for one in passage.segments] for passage in passages] == [["s0", "s1"], ["s2"], ["s3"]]
    assert [passage.place for passage in passages] == [-1, -2, -3]

    (hit,) = hits_of(passages[2], question_of("approved budget"))
    assert hit.segment is not None
    assert (hit.segment.id, hit.segment.start_ms) == ("s3", 3000)
    assert [(piece.text, piece.match) for piece in hit.pieces] == [
        ("The ", False),
        ("budget", True),
        (" is spent and ", False),
        ("approved", True),
        (".", False),
    ]
    (long,) = hits_of(passages[0], question_of("核准"))
    assert long.segment is not None
    assert long.segment.id == "s1"
    assert (long.pieces[1].text, long.pieces[-1].text) == ("核准", "…")
    assert sum(len(piece.text) for piece in long.pieces) <= 161
    assert hits_of(passages[1], question_of("budget")) == []


@given(TEXTS, TEXTS)
def test_the_pieces_of_a_hit_are_the_line_itself(line: str, asked: str) -> None:
    """A short line is shown whole, whatever stands in it and however matches touch or overlap."""
    line = line.replace("\n", " ")
    try:
        question = question_of(asked)
    except ValueError:
        return
    for hit in hits_of(Passage(place=0, text=line, segments=()), question):
        assert "".join(piece.text for piece in hit.pieces) == line
        assert any(piece.match for piece in hit.pieces)
