"""Edits of a transcript: what was said is mended, and nothing else."""

from __future__ import annotations

import datetime as dt

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.editing import differences, edited, restored
from services.gateway.edits import SegmentEdit, SpeakerEdit, TranscriptEdits
from services.gateway.problems import Problem
from shared.schemas.transcripts import Segment, SegmentFlag, Transcript, Word, WordSource, render_words
from tests.speech import said, transcript

AT = dt.datetime(2026, 11, 28, 9, 30, tzinfo=dt.UTC)
MEETING = transcript(
    [
        said("We sign on the third of June.", by="A", words=True),
        said("I agree.", by="B", start=4, words=True),
        said("明天下午三點開會。", by="A", start=8, words=True),
    ]
)
FIRST, SECOND, THIRD = MEETING.segments


def change(*segments: SegmentEdit, speakers: tuple[SpeakerEdit, ...] = (), of: Transcript = MEETING) -> Transcript:
    """The next revision."""
    return edited(of, TranscriptEdits(segments=segments, speakers=speakers), at=AT)


def rewritten(text: str, of: Segment = FIRST) -> Segment:
    """A segment with another text."""
    after = change(SegmentEdit(id=of.id, text=text))
    return next(segment for segment in after.segments if segment.id == of.id)


def test_an_edit_is_the_next_revision_and_touches_nothing_else() -> None:
    """Who edited sees a new number and when; every other segment is as it was."""
    after = change(SegmentEdit(id=FIRST.id, text="We sign on the first of June."))
    assert (after.revision, after.revised_at, after.version, after.id) == (1, AT, MEETING.version, MEETING.id)
    assert after.segments[0].text == "We sign on the first of June."
    assert after.segments[0].edited == 1
    assert after.segments[1:] == MEETING.segments[1:]
    assert change(SegmentEdit(id=SECOND.id, text="I do not agree."), of=after).segments[0] == after.segments[0]


def test_words_that_stay_keep_their_times() -> None:
    """Captions and links stay where they were; a new word lies between its neighbours."""
    after = rewritten("We sign on the first of June.")
    kept = [word for word in after.words if word.src is not WordSource.EDIT]
    assert kept == [word for word in FIRST.words if word.t != "third"]
    before, new, following = after.words[3:6]
    assert (before.t, new.t, following.t) == ("the", "first", "of")
    assert (new.s, new.e, new.c) == (before.e, following.s, None)


def test_a_new_word_does_not_fill_what_was_struck_out() -> None:
    """Subtitles would show it alone for as long as the words took that are gone."""
    after = rewritten("We sign soon.")
    assert (after.words[2].s, after.words[2].e) == (after.words[1].e, (after.words[1].e or 0) + 1000)
    opening = rewritten("Oh of June.")
    assert (opening.words[0].s, opening.words[0].e) == ((opening.words[1].s or 0) - 400, opening.words[1].s)
    other = rewritten("No.")
    assert (other.words[0].s, other.words[0].e) == (FIRST.start_ms, FIRST.start_ms + 600)


def test_commas_and_capitals_are_no_new_words() -> None:
    """Whoever mends punctuation changes what is written, and no time."""
    after = rewritten("we sign, on the third of June!")
    assert [(word.s, word.e, word.c) for word in after.words] == [(word.s, word.e, word.c) for word in FIRST.words]
    assert render_words(after.words) == after.text == "we sign, on the third of June!"


def test_chinese_keeps_the_engines_words_where_they_are_whole() -> None:
    """An engine's word may be several characters; it stays one as long as all of them stay."""
    pieces = (("明天", 8000, 8500), ("下午", 8500, 9000), ("三點", 9000, 9600), ("開會。", 9600, 10_400))
    words = tuple(Word(t=text, s=start, e=end, c=0.9) for text, start, end in pieces)
    source = transcript([Segment(id="s1", start_ms=8000, end_ms=10_400, text=render_words(words), words=words)])
    after = change(SegmentEdit(id="s1", text="明天下午四點，開會。"), of=source).segments[0]
    assert [word.t for word in after.words] == ["明天", "下午", "四", "點，", "開會。"]
    assert after.words[0] == words[0]
    assert after.words[-1] == words[-1]
    assert (after.words[2].s, after.words[3].e) == (9000, 9600)


def test_what_was_recognised_stays_in_the_segment() -> None:
    """Also over several edits, and where the engine told no words. How sure it was of them is not said of others."""
    doubtful = msgspec.structs.replace(FIRST, confidence=0.4, flags=(SegmentFlag.LOW_CONFIDENCE,))
    once = change(SegmentEdit(id=FIRST.id, text="We sign in July."), of=transcript([doubtful]))
    assert (once.segments[0].confidence, once.segments[0].flags) == (None, ())
    twice = change(SegmentEdit(id=FIRST.id, text="We never sign."), of=once)
    assert twice.segments[0].raw_words == FIRST.words
    bare = transcript([said("We sign.", by="A")])
    once = change(SegmentEdit(id=bare.segments[0].id, text="We sing."), of=bare)
    twice = change(SegmentEdit(id=bare.segments[0].id, text="We sink."), of=once)
    assert (twice.segments[0].raw, twice.segments[0].words) == ("We sign.", ())


def test_spaces_are_tidied() -> None:
    """A line break in a text field is no part of what was said."""
    assert rewritten("  We sign\n on the   first of June. ").text == "We sign on the first of June."
    with pytest.raises(Problem, match="already as you ask"):
        rewritten("  We sign\n on the   third of June. ")


def test_a_passage_is_given_to_whoever_said_it() -> None:
    """One of those there are, somebody new, or nobody known; talk times follow."""
    somebody = SpeakerEdit(id="spk_new", name="Dr. Chen")
    after = change(SegmentEdit(id=SECOND.id, speaker_id="spk_new"), speakers=(somebody,))
    assert after.segments[1].speaker_id == "spk_new"
    assert after.segments[1].words == SECOND.words
    spoken = {speaker.id: speaker.speech_ms for speaker in after.speakers}
    assert spoken["spk_new"] == SECOND.end_ms - SECOND.start_ms
    assert spoken[SECOND.speaker_id or ""] == 0
    nobody = change(SegmentEdit(id=SECOND.id, speaker_id=None))
    assert nobody.segments[1].speaker_id is None


def test_a_speaker_gets_a_name_and_loses_it() -> None:
    """What the engine called them stays."""
    one = MEETING.speakers[0]
    named = change(speakers=(SpeakerEdit(id=one.id, name="  王小明\n"),))
    assert (named.speakers[0].name, named.speakers[0].label) == ("王小明", one.label)
    assert named.segments == MEETING.segments
    assert change(speakers=(SpeakerEdit(id=one.id, name=None),), of=named).speakers[0].name is None


@pytest.mark.parametrize(
    ("edits", "pointer"),
    [
        (TranscriptEdits(segments=(SegmentEdit(id="s99", text="Hello."),)), "/segments/0/id"),
        (TranscriptEdits(segments=(SegmentEdit(id=FIRST.id, text=" "),)), "/segments/0/text"),
        (TranscriptEdits(segments=(SegmentEdit(id=FIRST.id, text="\u200b\x07"),)), "/segments/0/text"),
        (TranscriptEdits(segments=(SegmentEdit(id=FIRST.id, speaker_id="spk_99"),)), "/segments/0/speaker_id"),
        (
            TranscriptEdits(segments=(SegmentEdit(id=FIRST.id, text="A."), SegmentEdit(id=FIRST.id, text="B."))),
            "/segments/1/id",
        ),
        (TranscriptEdits(speakers=(SpeakerEdit(id="x", name="A"), SpeakerEdit(id="x", name="B"))), "/speakers/1/id"),
        (TranscriptEdits(speakers=(SpeakerEdit(id="x", name="A"), SpeakerEdit(id="y", name=" \n"))), "/speakers/1/name"),
    ],
)
def test_an_edit_that_makes_no_sense_changes_nothing(edits: TranscriptEdits, pointer: str) -> None:
    """It is refused as a whole, with the place of what is wrong."""
    with pytest.raises(Problem) as refused:
        edited(MEETING, edits, at=AT)
    assert (refused.value.status, refused.value.code) == (422, "edit_impossible")
    assert refused.value.errors[0].pointer == pointer


def test_an_edit_of_nothing_is_said_to_be_one() -> None:
    """No revision is made that says what the one before said."""
    with pytest.raises(Problem, match="already as you ask"):
        change(SegmentEdit(id=FIRST.id, text=FIRST.text))


def test_going_back_is_a_step_forward() -> None:
    """The earlier words, under a new number; but only where they are others."""
    after = change(SegmentEdit(id=FIRST.id, text="We never sign."))
    back = restored(after, MEETING, at=AT)
    assert (back.revision, back.segments, back.speakers) == (2, MEETING.segments, MEETING.speakers)
    with pytest.raises(Problem, match="already as you ask"):
        restored(back, MEETING, at=AT)


def test_what_an_edit_changed_is_counted() -> None:
    """Not what it asked for: the text of the second segment is what it was, and one speaker has the name already."""
    named = change(speakers=(SpeakerEdit(id=MEETING.speakers[0].id, name="Anna"),))
    after = change(
        SegmentEdit(id=FIRST.id, text="We never sign.", speaker_id="spk_new"),
        SegmentEdit(id=SECOND.id, text=SECOND.text),
        speakers=(SpeakerEdit(id=MEETING.speakers[0].id, name="Anna"), SpeakerEdit(id="spk_new", name="Dr. Chen")),
        of=named,
    )
    assert differences(MEETING, named) == (0, 1)
    assert differences(named, after) == (1, 1)


def test_a_passage_too_long_to_compare_keeps_its_beginning_and_end() -> None:
    """Work on an edit stays in proportion to its length: whoever sends the hardest texts keeps nobody waiting."""
    source = transcript([said("Listen. " + "ab " * 3000 + "Good bye.", by="A", words=True)])
    before = source.segments[0]
    after = change(SegmentEdit(id=before.id, text="Listen. " + "ba " * 3000 + "Good bye."), of=source).segments[0]
    kept = [word for word in after.words if word.src is not WordSource.EDIT]
    assert [kept[0], *kept[-2:]] == [before.words[0], *before.words[-2:]]
    assert {word.t for word in kept} <= {"Listen.", "ab", "Good", "bye."}
    assert len(after.words) == len(before.words)


_TEXTS = st.text(alphabet="ab cd, 你好嗎。！'-\n", max_size=40)


@given(before=_TEXTS.filter(lambda text: any(letter.isalnum() for letter in text)), after=_TEXTS.filter(str.strip))
def test_any_text_is_written_as_it_was_sent_and_in_order(before: str, after: str) -> None:
    """Words make up the text again, and their times never run backwards nor leave the segment."""
    segment = said(" ".join(before.split()), by="A", words=True)
    source = transcript([segment])
    wanted = " ".join(after.split())
    if wanted == segment.text:
        return
    made = change(SegmentEdit(id=segment.id, text=after), of=source).segments[0]
    assert made.text == render_words(made.words) == wanted
    times = [time for word in made.words for time in (word.s, word.e)]
    assert all(time is not None for time in times)
    known = [time for time in times if time is not None]
    assert known == sorted(known)
    assert segment.start_ms <= known[0] <= known[-1] <= segment.end_ms
