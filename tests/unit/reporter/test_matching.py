from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reporter.analysis.claims import Source
from services.reporter.analysis.matching import Passages, letters, long_enough
from shared.schemas.reports import Reference
from shared.schemas.transcripts import Transcript
from tests.speech import conversation, said, transcript


def _find(source: Transcript, quote: str, segment: int = 0) -> Reference | None:
    return Passages(source).find(Source(segment_id=source.segments[segment].id, quote=quote))


@pytest.mark.parametrize(
    ("spoken", "quoted", "found"),
    [
        ("We agreed to ship.", "we agreed to ship", "We agreed to ship."),
        ("We agreed, finally, to ship.", "WE AGREED — FINALLY — TO SHIP", "We agreed, finally, to ship."),
        ("It's, um, the naïve plan.", "it’s the naïve plan", "It's, um, the naïve plan."),
        ("It's the nai\u0308ve plan.", "naïve plan", "nai\u0308ve plan."),
        ("預算是三百五十萬元。", "预算是三百五十万元", "預算是三百五十萬元。"),
        ("预算是 350 万元，对吧？", "預算是350萬元", "预算是 350 万元"),
        ("這個，嗯，方案我們不同意。", "這個方案我們不同意", "這個，嗯，方案我們不同意。"),
        ("The ＡＰＩ is ready.", "the API is ready", "The ＡＰＩ is ready."),
        ("We will, if it rains, not ship on Friday.", "We will … ship on Friday", "We will, if it rains, not ship on Friday."),
        ("He said “fine” to it.", "fine to it", "“fine” to it."),
        ("It costs $1,200 a month.", "1200 a month", "$1,200 a month."),
        ("三百五十萬元的預算。", "十萬元的預算", "三百五十萬元的預算。"),
    ],
)
def test_a_quotation_is_given_back_as_it_was_said(spoken: str, quoted: str, found: str) -> None:
    """Spaces, punctuation, case, script, widths and hesitations differ; numbers are never cut, omissions are filled in."""
    reference = _find(transcript([said(spoken)]), quoted)
    assert reference is not None
    assert reference.quote == found


@pytest.mark.parametrize(
    ("spoken", "quoted"),
    [
        ("We agreed to ship on Friday.", "we agreed to sell"),
        ("That is the start of the dealer's day.", "art of the deal"),
        ("It costs 1,200 dollars a month.", "200 dollars a month"),
        ("It grew 2.5 percent this year.", "5 percent this year"),
        ("我們同意這個方案。", "我們不同意這個方案"),
        ("We agreed to ship.", ""),
        ("We agreed to ship.", "…"),
        ("We ship on Friday. We will see.", "We will … ship on Friday"),
    ],
)
def test_what_was_not_said_is_not_found(spoken: str, quoted: str) -> None:
    """Not even where the letters stand there, inside other words and numbers, or in another order."""
    assert _find(transcript([said(spoken)]), quoted) is None


def test_a_quotation_is_found_beside_the_segment_it_names() -> None:
    """Whoever quotes may be out by one; the reference leads to where it was really said, and by whom."""
    source = transcript(conversation(("A", "Let us begin."), ("B", "I will send the contract."), ("A", "Good."), ("A", "Bye.")))
    for segment in (0, 1, 2):
        reference = _find(source, "I will send the contract", segment)
        assert reference is not None
        assert (reference.segment_id, reference.speaker_id) == (source.segments[1].id, "spk_B")
    assert _find(source, "I will send the contract", 3) is None


def test_a_speakers_sentence_may_cross_a_border() -> None:
    """It begins in one segment and ends in the next; words of two speakers are no sentence."""
    source = transcript(conversation(("A", "I will send"), ("A", "the contract on Monday."), ("B", "the invoice too.")))
    reference = _find(source, "I will send the contract on Monday")
    assert reference is not None
    assert (reference.quote, reference.start_ms, reference.end_ms) == ("I will send the contract on Monday.", 0, 8000)
    assert _find(source, "on Monday the invoice too", 1) is None


def test_a_quotation_carries_the_times_of_its_own_words() -> None:
    """Not those of the whole segment; without word times those must do."""
    timed = transcript([said("one two three four", words=True, seconds=4)])
    reference = _find(timed, "two three")
    assert reference is not None
    assert (reference.start_ms, reference.end_ms) == (1000, 2800)
    untimed = _find(transcript([said("one two three four", seconds=4)]), "two three")
    assert untimed is not None
    assert (untimed.start_ms, untimed.end_ms) == (0, 4000)


@pytest.mark.parametrize(
    ("quote", "enough"),
    [
        ("agreed to ship", True),
        ("agreed", False),
        ("we agreed", False),
        ("我們同意這個", True),
        ("我們同意", False),
        ("用 rollback 來處理", True),
        ("we … agreed … to … ship", False),
        ("", False),
    ],
)
def test_a_few_words_prove_nothing(quote: str, enough: bool) -> None:
    """Three words or six Chinese characters in a row do not stand together by chance."""
    assert long_enough(quote) is enough


_SPOKEN = st.lists(
    st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Z", "S", "M"]), min_size=1, max_size=12), max_size=20
)


@given(_SPOKEN, st.data())
def test_whole_words_that_were_said_are_always_found(words: list[str], data: st.DataObject) -> None:
    """In every script, wherever they stand; and what is given back stands in the segment, letter by letter."""
    text = " ".join(words)
    source = transcript([msgspec.structs.replace(said("x"), text=text)])
    begin = data.draw(st.integers(0, len(words)))
    quote = " ".join(words[begin : data.draw(st.integers(begin, len(words)))])
    reference = _find(source, quote)
    if letters(quote):
        assert reference is not None
        assert reference.quote is not None
        assert reference.quote in text
        assert letters(quote) in letters(reference.quote)
    else:
        assert reference is None
