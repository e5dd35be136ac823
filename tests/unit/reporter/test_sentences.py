from __future__ import annotations

import msgspec
import pytest

from services.reporter.analysis.sentences import LONGEST, Sentence, split
from services.reporter.analysis.words import length
from shared.schemas.transcripts import Segment, SegmentFlag, Word
from tests.speech import conversation, said


def _texts(*lines: tuple[str | None, str]) -> list[str]:
    return [sentence.text for sentence in split(conversation(*lines))]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("We met. We talked! Did we agree? Yes.", ["We met.", "We talked!", "Did we agree?", "Yes."]),
        ("It costs 3.5 million. That's 2.75 more.", ["It costs 3.5 million.", "That's 2.75 more."]),
        ("Dr. Smith met Mrs. Jones at St. Mary's. They left.", ["Dr. Smith met Mrs. Jones at St. Mary's.", "They left."]),
        ("J. R. Tolkien wrote it. I know.", ["J. R. Tolkien wrote it.", "I know."]),
        ("It was I. He said so.", ["It was I.", "He said so."]),
        (
            "Come at 3 p.m. sharp. Bring pens, paper, etc. Thanks.",
            ["Come at 3 p.m. sharp.", "Bring pens, paper, etc.", "Thanks."],
        ),
        ("See example.com/a.html for more. Then call.", ["See example.com/a.html for more.", "Then call."]),
        ("Well... maybe not. Wait… what?", ["Well... maybe not.", "Wait… what?"]),
        ("He said “stop.” Then he left.", ["He said “stop.”", "Then he left."]),
        ("今天先到這裡。謝謝大家！還有問題嗎？", ["今天先到這裡。", "謝謝大家！", "還有問題嗎？"]),
        ("他說：「好。」然後走了。", ["他說：「好。」", "然後走了。"]),
        ("版本是 2.0.1，下週上線。OK? 好。", ["版本是 2.0.1，下週上線。", "OK?", "好。"]),
        ("הפגישה נדחתה. ניפגש מחר.", ["הפגישה נדחתה.", "ניפגש מחר."]),
        ("Great work 🎉! Ship it 🚀.", ["Great work 🎉!", "Ship it 🚀."]),
    ],
)
def test_sentences_end_where_readers_think_they_do(text: str, sentences: list[str]) -> None:
    """Not at abbreviations, initials, decimals or addresses; at Chinese marks without a space too."""
    assert _texts(("A", text)) == sentences


def test_a_sentence_runs_on_into_the_next_segment_of_its_speaker() -> None:
    """It rests on both segments, each with its own words."""
    (sentence,) = split(conversation(("A", "We will send the offer"), ("A", "to the customer on Friday.")))
    assert sentence.text == "We will send the offer to the customer on Friday."
    assert [(one.segment_id, one.quote) for one in sentence.sources] == [
        ("s000000", "We will send the offer"),
        ("s004000", "to the customer on Friday."),
    ]


def test_somebody_who_only_listens_does_not_interrupt() -> None:
    """ "Mm-hmm" between the halves of a sentence leaves it whole."""
    lines = (
        ("A", "Something visual that will draw people in,"),
        ("B", "Mm-hmm."),
        ("A", "because everybody has one."),
        ("B", "No, wait."),
    )
    assert _texts(*lines) == [
        "Something visual that will draw people in, because everybody has one.",
        "Mm-hmm.",
        "No, wait.",
    ]


def test_another_speaker_or_a_long_silence_ends_a_sentence() -> None:
    """What two people say is never one sentence."""
    assert _texts(("A", "I would say that"), ("B", "it is too late. Sorry.")) == [
        "I would say that",
        "it is too late.",
        "Sorry.",
    ]
    late = [said("We could also.", start=0), said("and then", start=5), said("the other thing.", start=60)]
    assert [one.text for one in split(late)] == ["We could also.", "and then", "the other thing."]


def test_chinese_is_joined_without_spaces_and_latin_with_one() -> None:
    """As it would have been written in one."""
    assert _texts(("A", "我們下週"), ("A", "再討論預算。")) == ["我們下週再討論預算。"]
    assert _texts(("A", "The budget is"), ("A", "too small.")) == ["The budget is too small."]


def test_every_quote_stands_in_its_segment() -> None:
    """Whatever the text, words are never changed, not even their spaces."""
    texts = [
        "  Odd   spaces. And\nlines… ok ",
        "她說：「3.5 萬」。對嗎?那就好",
        "a.b.c... !!! ???",
        "……",
        "👩‍💻 codes. naïve café?",
    ]
    segments = conversation(*(("A", text) for text in texts))
    by_id = {segment.id: segment.text for segment in segments}
    for sentence in split(segments):
        assert sentence.sources
        assert all(source.quote in by_id[source.segment_id] for source in sentence.sources)


def _spoken(text: str, pause_after: int) -> Segment:
    """One segment of words, 300 ms each, with a pause of a second behind one of them."""
    words, now = [], 0
    for number, word in enumerate(text.split()):
        words.append(Word(t=word, s=now, e=now + 300, sep=" " if number else ""))
        now += 300 + (1000 if number == pause_after else 20)
    return Segment(id="s0", start_ms=0, end_ms=now, text=text, speaker_id="spk_A", words=tuple(words))


def test_speech_without_punctuation_is_cut_at_pauses() -> None:
    """A recogniser without punctuation still gives statements of bearable length."""
    text = " ".join(f"word{number}" for number in range(60))
    sentences = split([_spoken(text, pause_after=29)])
    assert [one.text for one in sentences] == [" ".join(text.split()[:30]), " ".join(text.split()[30:])]


@pytest.mark.parametrize("text", ["word " * 400, "我們" * 600, "我們今天要討論的是預算，" * 60, "x" * 5000])
def test_no_sentence_is_longer_than_readers_bear(text: str) -> None:
    """Endless speech is cut between clauses, else between words, else somewhere."""
    sentences = split([said(text)])
    assert len(sentences) > 1 or length(text) <= LONGEST
    assert all(length(one.text) <= LONGEST + 1 for one in sentences)
    assert "".join(one.text for one in sentences).replace(" ", "") == text.replace(" ", "")


def test_what_the_engine_doubts_is_marked() -> None:
    """Flags and a low confidence make a sentence doubtful."""
    sure, unsure, unsaid = said("This was clear."), said("This was not.", start=10), said("Thanks for watching!", start=20)
    unsure = msgspec.structs.replace(unsure, confidence=0.2)
    unsaid = msgspec.structs.replace(unsaid, flags=(SegmentFlag.POSSIBLE_HALLUCINATION,))
    assert [one.doubtful for one in split([sure, unsure, unsaid])] == [False, True, True]


def test_words_that_break_off_make_no_whole_sentence() -> None:
    """ "I think we—" says nothing on its own."""
    sentences = split(conversation(("A", "I think we should—. The price is fixed."), ("B", "It fits in—")))
    assert [(one.text, one.whole) for one in sentences] == [
        ("I think we should—.", False),
        ("The price is fixed.", True),
        ("It fits in—", False),
    ]


def test_silence_has_no_sentences() -> None:
    """Nor has punctuation."""
    assert split([]) == []
    assert split(conversation(("A", ""), ("A", " ... "), ("B", "?!"))) == []


def test_sentences_come_in_the_order_in_which_they_begin() -> None:
    """Each a little later in its segment."""
    sentences: list[Sentence] = split([said("First things first. Then the second. And the third.", start=10, seconds=9)])
    starts = [one.start_ms for one in sentences]
    assert starts == sorted(starts)
    assert starts[0] == 10_000
    assert starts[-1] > 14_000
