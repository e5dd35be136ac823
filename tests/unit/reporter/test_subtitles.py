"""What subtitles look like: where they break, who is named, what the files hold."""

from __future__ import annotations

import msgspec
import pytest

from services.reporter.renderers import render
from services.reporter.renderers.subtitles.cues import Cue, lines_of, make_cues
from services.reporter.renderers.subtitles.profiles import CHINESE, JAPANESE, KOREAN, LATIN, Profile, profile_for
from services.reporter.renderers.subtitles.units import joined
from shared.schemas.jobs import ArtifactFormat
from shared.schemas.solutions import CaptionProfile, Captions
from shared.schemas.transcripts import Segment, Transcript, Word, render_words
from tests.speech import conversation, document, said, transcript

LONG = (
    "Well, I think that we should really begin with the budget, because it is the one thing that nobody has looked at "
    "since the last meeting. After that we can talk about the new office, and who will move there."
)
CHINESE_LONG = (
    "我補充一下，這禮拜我們用兩百四十小時的內部錄音測試，中文的錯誤率從百分之七點八降到百分之五點一，主要的改善來自新的模型。"
)


def _rendered(source: Transcript, file_format: ArtifactFormat, captions: Captions | None = None) -> str:
    made = document(source)
    solution = msgspec.structs.replace(made.solution, captions=captions or Captions())
    return render(msgspec.structs.replace(made, solution=solution), file_format).data.decode()


def _cue_texts(text: str) -> list[list[str]]:
    """The lines of each cue."""
    blocks = text.strip().split("\n\n")
    return [block.splitlines()[2:] for block in blocks if "-->" in block]


def _lines(cue: Cue, profile: Profile) -> list[str]:
    return [line for _, lines in lines_of(cue, profile, with_names=False) for line in lines]


def _cues(source: Transcript, profile: Profile) -> list[list[str]]:
    return [_lines(cue, profile) for cue in make_cues(source, profile, {})]


def test_english_is_broken_after_punctuation_into_two_lines() -> None:
    """At most two lines of 42 columns, ended where a reader may pause, never after an article."""
    cues = _cues(transcript([said(LONG, seconds=16, words=True)]), LATIN)
    assert all(len(lines) <= 2 and all(len(line) <= 42 for line in lines) for lines in cues)
    assert sum(lines[-1][-1] in ".,;" for lines in cues) >= len(cues) - 1
    assert not any(line.split()[-1] in ("a", "an", "the") for lines in cues for line in lines)


def test_chinese_is_broken_into_lines_of_sixteen_characters() -> None:
    """Between words, even when the engine gave none."""
    cues = _cues(transcript([said(CHINESE_LONG, seconds=16, words=True)], language="zh-Hant"), CHINESE)
    lines = [line for lines in cues for line in lines]
    assert all(len(line) <= 16 for line in lines)
    for word in ("補充", "這禮拜", "我們", "小時", "內部", "錄音", "測試", "錯誤率", "改善", "模型"):
        assert any(word in line for line in lines), word
    assert not any(line[0] in "的了" for line in lines)


def test_chinese_stops_are_left_out_at_the_end_of_lines() -> None:
    """As is usual in subtitles; inside a line, and everything else, stays."""
    cues = _cues(transcript([said("好，我們走吧。", seconds=2)], language="zh"), CHINESE)
    assert cues == [["好，我們走吧"]]
    assert _cues(transcript([said("真的嗎？", seconds=2)], language="zh"), CHINESE) == [["真的嗎？"]]
    source = transcript([said("好，我們走吧。", seconds=2)], language="zh")
    youtube = _rendered(source, ArtifactFormat.SRT, Captions(profile=CaptionProfile.YOUTUBE))
    assert _cue_texts(youtube) == [["好，我們走吧。"]]


@pytest.mark.parametrize(
    ("language", "profile"),
    [
        ("en", LATIN),
        ("de-CH", LATIN),
        ("zh", CHINESE),
        ("zh-Hant-TW", CHINESE),
        ("yue-Hant-HK", CHINESE),
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


def test_the_scenario_decides_before_the_language() -> None:
    """By the name of a profile; YouTube's player has narrower lines, and no gap between cues."""
    english = transcript([said("x")], language="en")
    assert profile_for(english, CaptionProfile.CHINESE) is CHINESE
    assert profile_for(english, CaptionProfile.AUTO) is LATIN
    youtube = profile_for(english, CaptionProfile.YOUTUBE)
    assert (youtube.line, youtube.rate, youtube.gap) == (32, 20, 0)


def test_another_speaker_starts_another_cue() -> None:
    """However short what was said before."""
    cues = make_cues(transcript(conversation(("A", "Yes."), ("B", "No."), ("A", "Maybe."))), LATIN, {})
    assert [(cue.parts[0].speaker_id, _lines(cue, LATIN)) for cue in cues] == [
        ("spk_A", ["Yes."]),
        ("spk_B", ["No."]),
        ("spk_A", ["Maybe."]),
    ]


def _interrupted() -> Transcript:
    return transcript(
        [
            said("Do you also do marketing?", by="A", seconds=1.5, words=True),
            said("No.", by="B", start=1.5, seconds=0.3, words=True),
            said("So only accounting, then, and nothing else.", by="A", start=1.9, seconds=3, words=True),
        ],
        names={"A": "Anna", "B": "Ben"},
    )


def test_an_answer_too_short_to_be_read_shares_a_cue() -> None:
    """Each speaker has a line, with a dash before it, and the name where the speaker changes."""
    assert _cue_texts(_rendered(_interrupted(), ArtifactFormat.SRT)) == [
        ["- Anna: Do you also do marketing?", "- Ben: No."],
        ["Anna: So only accounting,", "then, and nothing else."],
    ]
    assert _cue_texts(_rendered(_interrupted(), ArtifactFormat.VTT)) == [
        ["<v Anna>- Do you also do marketing?</v>", "<v Ben>- No."],
        ["<v Anna>So only accounting,", "then, and nothing else."],
    ]


def test_nobody_is_named_where_the_scenario_does_not_want_it() -> None:
    """The dashes stay: they say that two people speak."""
    without = Captions(speakers=False)
    both = ["- Do you also do marketing?", "- No."]
    assert _cue_texts(_rendered(_interrupted(), ArtifactFormat.SRT, without))[0] == both
    assert _cue_texts(_rendered(_interrupted(), ArtifactFormat.VTT, without))[0] == both


def test_speakers_at_the_same_time_take_turns() -> None:
    """Phrase by phrase, so that nobody's words come long after they were said."""
    source = transcript(
        [
            said("We should go now because the train will not wait for us.", by="A", seconds=8, words=True),
            said("Wait a moment please, I have lost my ticket and my phone.", by="B", start=0.5, seconds=8, words=True),
        ]
    )
    cues = make_cues(source, LATIN, {})
    speakers = [part.speaker_id for cue in cues for part in cue.parts]
    assert speakers == ["spk_A", "spk_B", "spk_A", "spk_B"]
    assert all(cue.start_ms - cue.parts[0].units[0].start < 1000 for cue in cues)


def test_srt_names_the_speaker_when_another_begins() -> None:
    """Not on every cue, and not where only one person speaks."""
    source = transcript(conversation(("A", LONG), ("B", "Fine.")), names={"A": "Anna"})
    first_lines = [lines[0] for lines in _cue_texts(_rendered(source, ArtifactFormat.SRT))]
    assert first_lines[0].startswith("Anna: Well, I think")
    assert first_lines[-1] == "Speaker B: Fine."
    assert sum(line.startswith("Anna:") for line in first_lines) == 1
    assert "Speaker" not in _rendered(transcript([said("Alone.")]), ArtifactFormat.SRT)


def test_a_chinese_name_has_a_chinese_colon() -> None:
    """And no space after it."""
    source = transcript(conversation(("A", "你好。"), ("B", "好。")), language="zh-Hant", names={"A": "王小明"})
    assert [lines[0] for lines in _cue_texts(_rendered(source, ArtifactFormat.SRT))] == ["王小明：你好", "發言者 B：好"]


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
    assert "\n\n1\n01:01:01.500 --> 01:01:0" in _rendered(source, ArtifactFormat.VTT)


@pytest.mark.parametrize(("language", "note"), [("zh-Hant-TW", "NOTE Language: zh-Hant-TW\n\n"), (None, ""), ("a --> b", "")])
def test_vtt_notes_its_language(language: str | None, note: str) -> None:
    """In a comment, the one place that the standard leaves for it; what is no language tag stays out."""
    assert _rendered(transcript([], language=language), ArtifactFormat.VTT) == f"WEBVTT\n\n{note}"


def test_silence_gives_an_empty_track() -> None:
    """Still a valid file."""
    assert _rendered(transcript([]), ArtifactFormat.SRT) == ""


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
    assert [(unit.text, unit.start, unit.end) for unit in cue.parts[0].units] == [
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
    assert [(unit.text, unit.start) for unit in cue.parts[0].units] == [("「你好」，", 500), ("世界。", 2500)]


def test_only_what_is_wider_than_a_line_is_cut() -> None:
    """A link at its joints, an endless word anywhere, but no emoji in two."""
    link = "https://example.com/minutes/2026/november/the-meeting-about-the-budget?page=2"
    lines = [line for lines in _cues(transcript([said(f"See {link} now.", seconds=6)]), LATIN) for line in lines]
    assert lines == ["See", "https://example.com/minutes/2026/november/", "the-meeting-about-the-budget?page=2 now."]
    family = "👨‍👩‍👧‍👦"
    shown = "".join(line for lines in _cues(transcript([said(family * 20, seconds=9)]), LATIN) for line in lines)
    assert shown == family * 20
    assert all(len(line) % len(family) == 0 for lines in _cues(transcript([said(family * 20)]), LATIN) for line in lines)


def test_a_long_silence_ends_a_cue() -> None:
    """Nothing stays on the screen through a pause."""
    cues = make_cues(transcript([said("Before", start=0, seconds=1), said("after.", start=9, seconds=1)]), LATIN, {})
    assert [joined(cue.parts[0].units) for cue in cues] == ["Before", "after."]
    assert cues[0].end_ms < 2000


def test_the_same_transcript_gives_the_same_files() -> None:
    """To the byte."""
    source = transcript(conversation(("A", LONG), ("B", CHINESE_LONG)))
    for file_format in (ArtifactFormat.SRT, ArtifactFormat.VTT):
        assert _rendered(source, file_format) == _rendered(source, file_format)
