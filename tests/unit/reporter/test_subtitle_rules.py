"""No subtitle breaks a rule of its profile, whatever was said: checked by a checker that shares no code with the segmenter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reporter.characters import clean
from services.reporter.renderers import render
from shared.schemas.jobs import ArtifactFormat
from shared.schemas.solutions import CaptionProfile, Captions
from shared.schemas.transcripts import Segment, Transcript, Word, render_words
from tests.captioning import CHINESE, LATIN, YOUTUBE, Measures, Shown, read_vtt, violations
from tests.conversations import conversation
from tests.speech import document, said, transcript

MEASURES = {CaptionProfile.LATIN: LATIN, CaptionProfile.CHINESE: CHINESE}


def _shown(source: Transcript, profile: CaptionProfile = CaptionProfile.AUTO) -> list[Shown]:
    """The cues of the WebVTT file, read back."""
    made = document(source)
    made = msgspec.structs.replace(made, solution=msgspec.structs.replace(made.solution, captions=Captions(profile=profile)))
    names = {voice.name: id_ for id_, voice in made.voices.items()}
    return read_vtt(render(made, ArtifactFormat.VTT).data.decode(), names)


def _broken(source: Transcript, measures: Measures, profile: CaptionProfile = CaptionProfile.AUTO) -> Counter[str]:
    cues = _shown(source, profile)
    assert cues or not any(map(str.isalnum, "".join(segment.text for segment in source.segments)))
    return violations(cues, source.segments, measures)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(("language", "measures"), [("en", LATIN), ("zh-Hant", CHINESE)])
def test_a_conversation_breaks_no_rule(language: str, measures: Measures, seed: int) -> None:
    """Half an hour of real words at the pace of speech, with short answers that fall into others' sentences."""
    assert not _broken(conversation(language, 0.5, seed=seed), measures)


@pytest.mark.parametrize("language", ["en", "zh-Hant"])
def test_youtubes_measure_is_kept_in_every_language(language: str) -> None:
    """Lines for a phone held upright, and no gap between cues; each language keeps its speed."""
    rate = CHINESE.rate if language == "zh-Hant" else LATIN.rate
    measures = Measures(line=YOUTUBE.line, gap=YOUTUBE.gap, rate=rate, full_width_marks=language == "zh-Hant")
    assert not _broken(conversation(language, 0.2), measures, CaptionProfile.YOUTUBE)


@pytest.mark.parametrize("profile", MEASURES)
def test_a_profile_by_name_is_kept_whatever_the_language(profile: CaptionProfile) -> None:
    """The scenario decides, not the transcript."""
    source = transcript([said("這個 feature 要不要 ship 出去 " * 20, seconds=60, words=True)], language="en")
    assert not _broken(source, MEASURES[profile], profile)


def _together(texts: Iterable[str], seconds: float = 1.0) -> list[Segment]:
    """Everybody at the same time."""
    return [said(text, by=f"P{number}", seconds=seconds, words=True) for number, text in enumerate(texts)]


AWKWARD: dict[str, tuple[list[Segment], str]] = {
    "no word times": ([said("It was the best of times, it was the worst of times. " * 30, seconds=90)], "en"),
    "no word times, Chinese": ([said("這是最好的時代，這是最壞的時代。" * 30, seconds=90)], "zh"),
    "overlapping speakers": (_together(["I think that we should go now " * 8, "No, wait a moment, please " * 8], 20), "en"),
    "thirty speakers at once": (_together(["Yes."] * 30), "en"),
    "thirty speakers in turn": ([said("Here.", by=f"P{n}", start=n * 0.4, seconds=0.3, words=True) for n in range(30)], "en"),
    "one endless word": ([said("Donaudampfschiff" * 19, seconds=12, words=True)], "de"),
    "endless Chinese": ([said("嗯" * 300, seconds=60, words=True)], "zh"),
    "numbers": (
        [said("It costs 1,234,567.89 euros, 12.5 % more than 2025-11-28 at 10:45:00. " * 12, seconds=60, words=True)],
        "en",
    ),
    "numbers in Chinese": ([said("營收是 1,234,567.89 元，比2025年11月28日多了12.5%。" * 12, seconds=90, words=True)], "zh"),
    "links": (
        [said("See https://example.com/a/very/long/path?with=query&and=more#and-a-fragment now. " * 6, seconds=60)],
        "en",
    ),
    "emoji": ([said("好 👨‍👩‍👧‍👦 🇹🇼 👍🏽 " * 30, seconds=60, words=True)], "zh"),
    "a wall of emoji": ([said("👨‍👩‍👧‍👦👍🏽🇹🇼" * 40, seconds=30)], "en"),
    "right to left": ([said("שלום לכולם, ברוכים הבאים לפגישה שלנו היום. " * 12, seconds=60, words=True)], "he"),
    "Arabic with its marks": ([said("مَرْحَبًا بِكُمْ فِي الاِجْتِمَاعِ " * 12, seconds=60, words=True)], "ar"),
    "Thai": ([said("สวัสดีครับวันนี้เราจะพูดถึงงบประมาณของปีหน้า" * 6, seconds=30)], "th"),
    "Japanese": ([said("今日は来年の予算について話し合いましょう。それから、新しい事務所も見ます。" * 6, seconds=60)], "ja"),
    "brackets and quotes": (
        [said("他說：「我們（明天）去『臺北』。」……好嗎？！", seconds=9), said("（笑）", start=9.5, seconds=1)],
        "zh",
    ),
    "spaces before marks": ([said("Well , I said ( yes ) . And then ; nothing !", seconds=5, words=True)], "en"),
    "only marks": ([said("。。。", seconds=1), said("好。", start=2, seconds=1), said("……", by="B", start=4, seconds=1)], "zh"),
    "very fast": ([said("So much to say and so little time for it, is there? " * 10, seconds=2, words=True)], "en"),
    "very slow": ([said("One. Two. Three. Four.", seconds=80, words=True)], "en"),
    "interrupted by short answers": (
        [said("So what we have to do is to find out who is responsible for it. " * 6, seconds=28, words=True)]
        + [said("Yeah.", by="B", start=2.5 + 3 * n, seconds=0.3, words=True) for n in range(8)],
        "en",
    ),
}


@pytest.mark.parametrize("case", AWKWARD)
def test_awkward_speech_breaks_no_rule(case: str) -> None:
    """Each in the profile of its language."""
    segments, language = AWKWARD[case]
    measures = {"zh": CHINESE, "ja": Measures(line=26, rate=14, full_width_marks=True)}.get(language, LATIN)
    source = transcript(sorted(segments, key=lambda segment: segment.start_ms), language=language)
    assert not _broken(source, measures)


def test_words_without_length_break_no_rule() -> None:
    """Some engines give every word the time of its sentence."""
    words = tuple(Word(t=f"word{n}", s=1000, e=1000, sep=" " if n else "") for n in range(60))
    segment = Segment(id="s", start_ms=1000, end_ms=1000, text=render_words(words), words=words, speaker_id="spk_A")
    assert not _broken(transcript([segment]), LATIN)


SPEAKERS = st.sampled_from(["A", "B", None])
LATIN_WORD = st.text("abcdefghijklm,.'", min_size=1, max_size=14).filter(lambda word: word.strip(",.'"))
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


ABSOLUTE = {"lines", "blank", "width", "too short", "too long", "gap", "two speakers without dashes"}
"""Rules that hold for any rubbish; the others speak of words and of times that make sense."""


@pytest.mark.parametrize("profile", MEASURES)
@given(made=segments())
def test_whatever_was_said_fits_the_screen(made: list[Segment], profile: CaptionProfile) -> None:
    """At most two lines, none too wide, long enough, one cue at a time; and every letter once."""
    source = transcript(made)
    cues = _shown(source, profile)
    broken = violations(cues, source.segments, MEASURES[profile])
    assert {rule: count for rule, count in broken.items() if rule in ABSOLUTE} == {}
    spoken = [clean(word.t) for segment in made for word in segment.words]
    spoken += [clean(segment.text) for segment in made if not segment.words]
    assert _letters(line for cue in cues for line in cue.lines) == _letters(spoken)


def _letters(texts: Iterable[str]) -> list[str]:
    return sorted(filter(str.isalnum, "".join(texts)))


@given(texts=st.lists(st.lists(LATIN_WORD, min_size=1, max_size=40).map(" ".join), min_size=1, max_size=4))
def test_well_timed_words_break_no_rule_at_all(texts: list[str]) -> None:
    """One speaker, whatever the words."""
    source = transcript([said(text, start=number * 15.0, seconds=14, words=True) for number, text in enumerate(texts)])
    assert not _broken(source, LATIN)
