"""Words that vocabularies want written in another way: found, written, timed, recorded and undone."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.transcriber.chinese import in_script
from services.transcriber.recognised import as_recognised
from services.transcriber.replacing import with_replacements
from shared.schemas.jobs import Script
from shared.schemas.transcripts import (
    EngineRun,
    Insights,
    Media,
    Replaced,
    Segment,
    Topic,
    Transcript,
    Word,
    WordSource,
    render_words,
)
from shared.schemas.vocabularies import Case, Replacement, Vocabulary, VocabularyTerm
from shared.words import separated_words

ID = UUID(int=1)


def vocabulary(*rules: tuple[str, str] | tuple[str, str, Case], terms: tuple[VocabularyTerm, ...] = ()) -> Vocabulary:
    """A set of replacements."""
    replacements = tuple(Replacement(from_=one[0], to=one[1], case=one[2] if len(one) > 2 else Case.IGNORE) for one in rules)
    return Vocabulary(id=ID, name="Board", version=3, terms=terms, replacements=replacements)


def transcript(*texts: str, language: str = "en", insights: Insights | None = None) -> Transcript:
    """Segments whose words take 100 ms each."""
    segments = []
    for number, text in enumerate(texts):
        start = number * 10_000
        words = tuple(
            Word(t=word, sep=sep, s=start + 100 * place, e=start + 100 * place + 100, c=0.9)
            for place, (sep, word) in enumerate(separated_words(text))
        )
        segments.append(Segment(id=f"s{number:06}", start_ms=start, end_ms=start + 9000, text=text, words=words))
    return Transcript(
        id=ID,
        job_id=ID,
        version=1,
        created_at=dt.datetime(2026, 11, 29, tzinfo=dt.UTC),
        media=Media(duration_ms=60_000),
        language=language,
        engine=EngineRun(provider="scripted", model="s1", raw_key="k", raw_sha256="0"),
        segments=tuple(segments),
        insights=insights,
    )


@pytest.mark.parametrize(
    ("text", "rules", "becomes"),
    [
        ("We use audio to text daily.", [("audio to text", "Audio2txt")], "We use Audio2txt daily."),
        ("Category: cat, CAT; cats.", [("cat", "dog")], "Category: dog, dog; cats."),
        ("The US told us.", [("US", "United States", Case.EXACT)], "The United States told us."),
        ("Colour, colour, COLOUR!", [("colour", "color", Case.FOLLOW)], "Color, color, COLOR!"),
        ("It was IT WAS it was", [("it was", "'twas", Case.FOLLOW)], "'Twas 'TWAS 'twas"),
        ("我們用微信小程序付款。", [("小程序", "小程式")], "我們用微信小程式付款。"),
        ("請看視頻網站", [("視頻", "影片"), ("視頻網站", "影音平台")], "請看影音平台"),
        ("a b c", [("a b", "b"), ("b", "c"), ("c", "a")], "b a"),
        ("iPhone和iphone手機", [("iphone", "iPhone")], "iPhone和iPhone手機"),
        ("日本のnaïve cafe", [("cafe", "café"), ("naïve", "naive")], "日本のnaive café"),
        ("cafés are not a cafe\u0301", [("cafe", "x")], "cafés are not a cafe\u0301"),
        ("nothing here", [("something", "else")], "nothing here"),
    ],
)
def test_whole_words_and_chinese_inside_of_others_are_replaced(text: str, rules: list[tuple[str, str]], becomes: str) -> None:
    """The longest match wins, then the first rule; what was written is not replaced again; words keep their punctuation."""
    written = with_replacements(transcript(text), [vocabulary(*rules)])
    assert written.segments[0].text == becomes == render_words(written.segments[0].words)


def test_terms_take_the_place_of_what_they_are_misheard_as() -> None:
    """Also where they are in another case, and after the replacements of all sets."""
    term = VocabularyTerm(text="Kowloon", sounds_like=("cow loon", "cologne"))
    sets = [vocabulary(terms=(term,)), vocabulary(("cologne", "Köln"))]
    written = with_replacements(transcript("From Cow loon to Cologne."), sets)
    assert written.segments[0].text == "From Kowloon to Köln."


def test_times_stay_and_the_original_stays_beside_what_changed() -> None:
    """As many words keep their times one by one; more or fewer share the time of those they replace."""
    rules = [("jon do", "John Doe"), ("four", "forty-four"), ("new york", "NYC"), ("etc", "and so on")]
    before = transcript("Jon Do saw four new york cabs etc.")
    words = with_replacements(before, [vocabulary(*rules)]).segments[0].words
    assert [(word.t, word.s, word.e) for word in words[:6]] == [
        ("John", 0, 100),
        ("Doe", 100, 200),
        ("saw", 200, 300),
        ("forty-four", 300, 400),
        ("NYC", 400, 600),
        ("cabs", 600, 700),
    ]
    assert [word.raw for word in words[:6]] == ["Jon", "Do", None, "four", "new york", None]
    assert [(word.t, word.src) for word in words[6:]] == [(text, WordSource.INTERPOLATED) for text in ("and", "so", "on.")]
    assert (words[6].s, words[-1].e) == (700, 800)


def test_the_transcript_says_which_rule_changed_how_much() -> None:
    """A step with the sets and their versions, a note for readers, and findings that are written alike."""
    insights = Insights(topics=(Topic(label="colour of cabs"),))
    rules = vocabulary(("colour", "color"), ("never", "said"))
    written = with_replacements(transcript("Colour.", "No colour, colour!", insights=insights), [rules])
    step = written.processing[-1]
    assert (step.step, step.config) == ("vocabulary-replace", "Board@3")
    assert step.replaced == (Replaced(vocabulary="Board", from_="colour", to="color", count=3),)
    assert "vocabulary_replaced" in written.quality.notes
    assert written.insights is not None
    assert written.insights.topics == (Topic(label="color of cabs"),)
    unchanged = with_replacements(transcript("Nothing."), [rules])
    assert (unchanged.processing[-1].replaced, unchanged.quality.notes) == ((), ())


def test_script_and_vocabulary_are_undone_together() -> None:
    """After the conversion to another script, too, what was recognised is there to the last character."""
    insights = Insights(summary="软件和视频")
    before = transcript("我们的软件和方便面视频。", "没有单词", language="zh-Hans", insights=insights)
    wordless = msgspec.structs.replace(before.segments[1], words=())
    before = msgspec.structs.replace(before, segments=(before.segments[0], wordless))
    converted = in_script(before, Script.TAIWAN)
    written = with_replacements(converted, [vocabulary(("軟體", "系統軟體"), ("單詞", "字"), ("影片", "短片"))])
    assert written.segments[0].text != converted.segments[0].text
    assert written.segments[1].text != converted.segments[1].text
    assert as_recognised(written) == before


_LETTERS = st.text(st.sampled_from("abA 視頻軟體,."), min_size=1, max_size=12)
_PHRASES = _LETTERS.map(lambda text: " ".join(text.split())).filter(bool)


@given(st.lists(_PHRASES, min_size=1, max_size=3), st.lists(st.tuples(_PHRASES, _PHRASES), min_size=1, max_size=4))
def test_whatever_is_replaced_text_words_and_times_agree(texts: list[str], rules: list[tuple[str, str]]) -> None:
    """The words make up the text, their times rise inside the segment, and all of it can be undone."""
    before = transcript(*texts)
    written = with_replacements(before, [vocabulary(*rules)])
    for segment, was in zip(written.segments, before.segments, strict=True):
        assert segment.text == render_words(segment.words)
        times = [time for word in segment.words for time in (word.s, word.e)]
        assert all(one is not None and other is not None and one <= other for one, other in pairwise(times))
        assert (times[0], times[-1]) == (was.words[0].s, was.words[-1].e)
    assert as_recognised(written) == before
