"""Words become segments of one to three sentences that lose and change no word."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.transcriber.engines import Passage
from services.transcriber.segments import LONGEST_SEGMENT_MS, SHORTEST_WORD_MS, build_segments, mend_times
from shared.schemas.transcripts import Segment, SegmentFlag, Word, render_words
from tests.transcribing import passage


def _texts(*passages: Passage) -> list[str]:
    return [segment.text for segment in _segments(*passages)]


def _segments(*passages: Passage) -> tuple[Segment, ...]:
    return build_segments(passages, {"A": "spk_1", "B": "spk_2"})


def test_sentences_stay_together_up_to_three() -> None:
    """Short sentences that follow each other closely share a segment, three at most."""
    assert _texts(passage("One. Two. Three. Four.")) == ["One. Two. Three.", "Four."]


def test_a_pause_starts_a_new_segment() -> None:
    """After a breath, the next sentence stands by itself."""
    assert _texts(passage("It is done. | Let us go.")) == ["It is done.", "Let us go."]


def test_a_pause_inside_a_sentence_does_not_cut_it() -> None:
    """Whoever thinks for a second goes on in the same sentence."""
    assert _texts(passage("It is | done.")) == ["It is done."]


def test_a_long_pause_ends_a_sentence_without_a_full_stop() -> None:
    """Engines that set no punctuation still give segments one can read."""
    assert _texts(passage("so we went home | | then it rained")) == ["so we went home", "then it rained"]


def test_speakers_and_languages_never_share_a_segment() -> None:
    """A segment has one speaker and one language."""
    segments = _segments(
        passage("Yes.", speaker="A"),
        passage("No.", speaker="B", start_ms=300),
        passage("好。", speaker="B", start_ms=600, language="zh"),
    )
    assert [(segment.speaker_id, segment.language) for segment in segments] == [
        ("spk_1", "en"),
        ("spk_2", "en"),
        ("spk_2", "zh"),
    ]


def test_what_the_engine_split_for_no_reason_is_joined() -> None:
    """Passages that differ in nothing are one stretch of speech."""
    assert _texts(passage("We were all"), passage("going home.", start_ms=900)) == ["We were all going home."]


def test_an_endless_sentence_is_cut_at_its_clauses() -> None:
    """Thirty seconds is the most, and a comma the best place."""
    segments = _segments(passage(" ".join(["and so on,"] * 60), word_ms=400))
    assert len(segments) > 1
    assert all(segment.end_ms - segment.start_ms <= LONGEST_SEGMENT_MS for segment in segments)
    assert all(segment.text.endswith(",") for segment in segments)


def test_an_endless_sentence_without_clauses_is_cut_at_its_longest_pause() -> None:
    """Where there is no comma, a breath does."""
    segments = _segments(passage("word " * 60 + "| " + "word " * 60, word_ms=300))
    assert len(segments[0].words) == 60


def test_titles_and_initials_do_not_end_sentences() -> None:
    """ "Dr." is followed by a name, not by a new sentence."""
    assert _texts(passage("One. Two. I saw Dr. Manette. Four.")) == ["One. Two. I saw Dr. Manette.", "Four."]


def test_chinese_needs_no_spaces() -> None:
    """The text is put together with each word's own separator."""
    chinese = Passage(
        words=tuple(
            Word(t=text, s=index * 300, e=index * 300 + 300) for index, text in enumerate(["我們", "明天", "見。", "好！"])
        ),
        language="zh",
    )
    assert _texts(chinese) == ["我們明天見。好！"]


def test_an_engine_going_in_circles_is_marked() -> None:
    """The same sentence again and again is what engines say over noise."""
    segments = _segments(passage("I am sorry. " * 6 + "Good night everybody."))
    marked = [segment.text for segment in segments if SegmentFlag.REPEATED in segment.flags]
    assert len(marked) == 2
    assert not segments[-1].flags


def test_people_may_say_a_thing_twice() -> None:
    """Twice is emphasis, and a short word may come as often as it likes."""
    assert not any(segment.flags for segment in _segments(passage("I am sorry. I am sorry. | No. No. No. No.")))


def test_words_the_engine_is_unsure_of_are_marked() -> None:
    """Low confidence is shown; unknown confidence is not low."""
    assert _segments(passage("mumble mumble", confidence=0.2))[0].flags == (SegmentFlag.LOW_CONFIDENCE,)
    unknown = _segments(passage("mumble mumble", confidence=None))[0]
    assert unknown.flags == ()
    assert unknown.confidence is None


def test_the_engines_own_doubts_are_kept() -> None:
    """A flag of the engine is a flag of the segment."""
    doubts = frozenset({SegmentFlag.POSSIBLE_HALLUCINATION})
    assert _segments(passage("Thank you for watching.", flags=doubts))[0].flags == (SegmentFlag.POSSIBLE_HALLUCINATION,)


def test_every_word_gets_a_time_of_its_own() -> None:
    """Words without length get forty milliseconds, in order, up to the end of the recording."""
    flat = [Word(t=text, s=100, e=100) for text in "abc"] + [Word(t="d", s=990, e=990)]
    mended = mend_times(flat, 1_000)
    assert [(word.s, word.e) for word in mended] == [(100, 140), (140, 180), (180, 220), (990, 1_000)]


_times = st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 3_000)), min_size=1, max_size=60)
_tokens = st.sampled_from(["so", "we", "go.", "Stop!", "好。", "well,", "Mr.", "why?"])


@given(
    times=_times,
    tokens=st.lists(_tokens, min_size=60, max_size=60),
    seps=st.lists(st.sampled_from(["", " "]), min_size=60, max_size=60),
)
def test_no_word_is_lost_moved_or_changed(times: list[tuple[int, int]], tokens: list[str], seps: list[str]) -> None:
    """Whatever the times, the segments hold the same words in the same order, and their text is rendered from them."""
    at, made = 0, []
    for (gap, length), token, sep in zip(times, tokens, seps, strict=False):
        made.append(Word(t=token, s=at + gap, e=at + gap + length, sep=sep))
        at += gap + length
    mended = mend_times(made, at)
    segments = build_segments([Passage(words=tuple(mended))], {})
    assert [word.t for segment in segments for word in segment.words] == [word.t for word in made]
    assert all(segment.text == render_words(segment.words) for segment in segments)
    assert [segment.start_ms for segment in segments] == sorted(segment.start_ms for segment in segments)
    assert all(segment.start_ms <= segment.end_ms <= at for segment in segments)


@given(times=_times)
def test_mended_times_are_in_order_and_inside_the_recording(times: list[tuple[int, int]]) -> None:
    """No word starts before the one before it, or ends after the recording; none is shorter than it must be."""
    made = [Word(t="x", s=start, e=start + length) for start, length in times]
    mended = mend_times(made, 10_000)
    starts = [word.s or 0 for word in mended]
    assert starts == sorted(starts)
    for word in mended:
        assert word.s is not None
        assert word.e is not None
        assert word.e - word.s >= SHORTEST_WORD_MS or word.e == 10_000
