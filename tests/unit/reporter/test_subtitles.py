from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.reporter.characters import clean, columns
from services.reporter.renderers import render
from services.reporter.renderers.subtitles.cues import Cue, make_cues
from services.reporter.renderers.subtitles.profiles import CHINESE, JAPANESE, KOREAN, LATIN, Profile, profile_for
from shared.schemas.jobs import ArtifactFormat
from shared.schemas.transcripts import Segment, Transcript, Word, render_words
from tests.speech import conversation, document, said, transcript

LONG = (
    "Well, I think that we should really begin with the budget, because it is the one thing that nobody has looked at "
    "since the last meeting. After that we can talk about the new office, and who will move there."
)
CHINESE_LONG = (
    "我補充一下，這禮拜我們用兩百四十小時的內部錄音測試，中文的錯誤率從百分之七點八降到百分之五點一，主要的改善來自新的模型。"
)


def _rendered(source: Transcript, file_format: ArtifactFormat) -> str:
    return render(document(source), file_format).data.decode()


def _cue_texts(text: str) -> list[list[str]]:
    return [block.splitlines()[2:] for block in text.removeprefix("WEBVTT\n\n").strip().split("\n\n")]


def test_english_is_broken_after_punctuation_into_two_lines() -> None:
    """At most two lines of 42 columns, ended where a reader may pause, never after an article."""
    cues = make_cues(transcript([said(LONG, seconds=16, words=True)]), LATIN, {})
    assert all(len(cue.lines) <= 2 and all(len(line) <= 42 for line in cue.lines) for cue in cues)
    assert sum(cue.lines[-1][-1] in ".,;" for cue in cues) >= len(cues) - 1
    assert not any(line.split()[-1] in ("a", "an", "the") for cue in cues for line in cue.lines)


def test_chinese_is_broken_into_lines_of_sixteen_characters() -> None:
    """Even when the engine gave one long word; no line begins with punctuation."""
    cues = make_cues(transcript([said(CHINESE_LONG, seconds=16, words=True)], language="zh-Hant"), CHINESE, {})
    assert "".join(line for cue in cues for line in cue.lines) == CHINESE_LONG
    assert all(columns(line) <= 32 for cue in cues for line in cue.lines)
    assert not any(line[0] in "，。、" for cue in cues for line in cue.lines)


@pytest.mark.parametrize(
    ("language", "profile"),
    [
        ("en", LATIN),
        ("de-CH", LATIN),
        ("zh", CHINESE),
        ("zh-Hant-TW", CHINESE),
        ("yue", CHINESE),
        ("ja", JAPANESE),
        ("ko-KR", KOREAN),
    ],
)
def test_the_language_decides_how_much_fits(language: str, profile: Profile) -> None:
    """Chinese, Japanese and Korean have lines and reading speeds of their own."""
    assert profile_for(transcript([said("x")], language=language)) is profile


def test_the_script_decides_where_the_language_is_unknown() -> None:
    """Chinese with English words in it is Chinese."""
    assert profile_for(transcript([said("這個 feature 要不要")], language=None)) is CHINESE
    assert profile_for(transcript([said("the 中文 word")], language=None)) is LATIN


def test_another_speaker_starts_another_cue() -> None:
    """However short what was said before."""
    cues = make_cues(transcript(conversation(("A", "Yes."), ("B", "No."), ("A", "Maybe."))), LATIN, {})
    assert [(cue.speaker_id, cue.lines) for cue in cues] == [("spk_A", ("Yes.",)), ("spk_B", ("No.",)), ("spk_A", ("Maybe.",))]


def test_srt_names_the_speaker_when_another_begins() -> None:
    """Not on every cue, and not where only one person speaks."""
    source = transcript(conversation(("A", LONG), ("B", "Fine.")), names={"A": "Anna"})
    first_lines = [lines[0] for lines in _cue_texts(_rendered(source, ArtifactFormat.SRT))]
    assert first_lines[0].startswith("Anna: Well, I think")
    assert first_lines[-1] == "Speaker B: Fine."
    assert sum(line.startswith("Anna:") for line in first_lines) == 1
    assert "Speaker" not in _rendered(transcript([said("Alone.")]), ArtifactFormat.SRT)


def test_a_name_does_not_push_a_line_over_the_limit() -> None:
    """A long name is cut short, and the words after it make room."""
    names = {"A": "Professor Doctor Maximilian von und zu Sonnenschein"}
    lines = _cue_texts(_rendered(transcript(conversation(("A", LONG), ("B", "x")), names=names), ArtifactFormat.SRT))[0]
    assert lines[0].startswith("Professor Doctor Ma…:")
    assert all(len(line) <= 42 for line in lines)


def test_vtt_carries_the_speaker_in_a_voice_tag() -> None:
    """On every cue, escaped."""
    source = transcript([said("Hello.")], names={"A": "Eve <b> & co"})
    assert "\n<v Eve &lt;b&gt; &amp; co>Hello.\n" in _rendered(source, ArtifactFormat.VTT)


def test_what_was_said_can_neither_end_a_cue_nor_open_a_tag() -> None:
    """An arrow, a tag and an empty line, spoken, are text."""
    source = transcript([said("<i>x</i> --> 00:00:01.000 & \n\n2\n", by=None)])
    assert _rendered(source, ArtifactFormat.VTT).count("-->") == 1
    assert _cue_texts(_rendered(source, ArtifactFormat.VTT)) == [["&lt;i&gt;x&lt;/i&gt; --&gt; 00:00:01.000 &amp; 2"]]
    assert _rendered(source, ArtifactFormat.SRT).count("-->") == 1
    assert _cue_texts(_rendered(source, ArtifactFormat.SRT)) == [["‹i›x‹/i› --› 00:00:01.000 & 2"]]


def test_times_are_written_as_players_read_them() -> None:
    """Comma in SubRip, point in WebVTT, numbered from one."""
    source = transcript([said("Hello there.", by=None, start=3661.5, seconds=2)])
    assert _rendered(source, ArtifactFormat.SRT).startswith("1\n01:01:01,500 --> 01:01:0")
    assert _rendered(source, ArtifactFormat.VTT).startswith("WEBVTT\n\n1\n01:01:01.500 --> 01:01:0")


def test_silence_gives_an_empty_track() -> None:
    """Still a valid file."""
    assert _rendered(transcript([]), ArtifactFormat.SRT) == ""
    assert _rendered(transcript([]), ArtifactFormat.VTT) == "WEBVTT\n\n"


def test_words_without_times_share_the_time_of_their_neighbours() -> None:
    """A gap is filled by width, and a cue begins when its first word does."""
    words = (
        Word(t="One", s=0, e=1000),
        Word(t="two", sep=" "),
        Word(t="three", sep=" "),
        Word(t="four.", sep=" ", s=5000, e=6000),
    )
    segment = Segment(id="s0", start_ms=0, end_ms=6000, text="One two three four.", words=words)
    [cue] = make_cues(transcript([segment]), LATIN, {})
    assert [(unit.text, unit.start, unit.end) for unit in cue.units] == [
        ("One", 0, 1000),
        ("two", 1000, 2500),
        ("three", 2500, 5000),
        ("four.", 5000, 6000),
    ]


def test_punctuation_that_came_as_a_word_stays_with_its_word() -> None:
    """Some engines give 「，」 a time of its own."""
    parts = ["「", "你", "好", "」", "，", "世", "界", "。"]
    words = tuple(Word(t=part, s=number * 500, e=number * 500 + 400) for number, part in enumerate(parts))
    segment = Segment(id="s0", start_ms=0, end_ms=4000, text=render_words(words), words=words)
    [cue] = make_cues(transcript([segment], language="zh-Hant"), CHINESE, {})
    assert [unit.text for unit in cue.units] == ["「你", "好」，", "世", "界。"]


def test_a_long_silence_ends_a_cue() -> None:
    """Nothing stays on the screen through a pause."""
    cues = make_cues(transcript([said("Before", start=0, seconds=1), said("after.", start=9, seconds=1)]), LATIN, {})
    assert [cue.lines for cue in cues] == [("Before",), ("after.",)]
    assert cues[0].end_ms < 2000


SPEAKERS = st.sampled_from(["A", "B", None])
LATIN_WORD = st.text("abcdefghijklm,.'", min_size=1, max_size=14)
WILD_WORD = st.text(st.characters(codec="utf-8"), max_size=12) | st.text("你好世界，。「」、？x1 ", max_size=50) | LATIN_WORD


@st.composite
def segments(draw: st.DrawFn, word: st.SearchStrategy[str] = WILD_WORD) -> list[Segment]:
    """Anything an engine may give: words with or without times, times that run backwards, empty and endless words."""
    made, moment = [], 0
    for number in range(draw(st.integers(0, 6))):
        moment += draw(st.integers(0, 4000))
        texts = draw(st.lists(word, max_size=30))
        end = moment + draw(st.integers(0, 12_000))
        time = st.none() | st.integers(max(0, moment - 500), end + 500)
        words = tuple(
            Word(t=text, s=draw(time), e=draw(time), sep=draw(st.sampled_from(["", " "])) if index else "")
            for index, text in enumerate(texts)
        )
        text = render_words(words)
        by = draw(SPEAKERS)
        kept = words if draw(st.booleans()) else ()
        made.append(Segment(id=f"s{number}", start_ms=moment, end_ms=end, text=text, words=kept, speaker_id=by and f"spk_{by}"))
        moment += draw(st.sampled_from([0, 0, 10, 2000]))
    return made


def _letters(texts: list[str]) -> list[str]:
    return sorted("".join(texts).replace(" ", ""))


def _check_times(cues: list[Cue]) -> None:
    for before, after in pairwise(cues):
        assert before.end_ms <= after.start_ms
    assert all(0 <= cue.start_ms < cue.end_ms for cue in cues)


@pytest.mark.parametrize("profile", [LATIN, CHINESE])
@settings(deadline=None)
@given(made=segments())
def test_whatever_was_said_fits_the_screen(made: list[Segment], profile: Profile) -> None:
    """At most two lines, none too wide unless a single piece is; cues in order, one at a time; every letter once."""
    cues = make_cues(transcript(made), profile, {})
    _check_times(cues)
    for cue in cues:
        assert 1 <= len(cue.lines) <= 2
        widest = max(unit.width for unit in cue.units)
        assert all(columns(line) <= max(profile.line, widest) for line in cue.lines)
    spoken = [clean(word.t) for segment in made for word in segment.words] + [
        clean(segment.text) for segment in made if not segment.words
    ]
    assert _letters([line for cue in cues for line in cue.lines]) == _letters(spoken)


@settings(deadline=None)
@given(texts=st.lists(st.lists(LATIN_WORD, min_size=1, max_size=40).map(" ".join), min_size=1, max_size=4))
def test_well_timed_words_come_in_the_order_they_were_said(texts: list[str]) -> None:
    """The track, read aloud, is the transcript."""
    source = transcript([said(text, start=number * 15.0, seconds=14, words=True) for number, text in enumerate(texts)])
    shown = " ".join(line for cue in make_cues(source, LATIN, {}) for line in cue.lines)
    assert shown.split() == " ".join(texts).split()


@settings(deadline=None)
@given(made=segments())
def test_both_formats_can_be_read_back(made: list[Segment]) -> None:
    """Numbered cues with two times each and an empty line between them; no payload holds an arrow."""
    source = transcript(made)
    srt = _rendered(source, ArtifactFormat.SRT)
    assert re.fullmatch(r"(?:\d+\n\d\d:\d\d:\d\d,\d{3} --> \d\d:\d\d:\d\d,\d{3}\n[^\n]+\n(?:[^\n]+\n)?\n)*", srt)
    vtt = _rendered(source, ArtifactFormat.VTT)
    cue = r"\d+\n\d\d:\d\d:\d\d\.\d{3} --> \d\d:\d\d:\d\d\.\d{3}\n(?:<v [^<>\n]+>)?[^<>\n]+\n(?:[^<>\n]+\n)?\n"
    assert re.fullmatch(rf"WEBVTT\n\n(?:{cue})*", vtt)
