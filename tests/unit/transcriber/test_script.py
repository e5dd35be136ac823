"""Chinese is written in the script its readers want: nothing else changes, and everything can be undone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.transcriber.chinese import in_script, wanted_script
from services.transcriber.chinese.dictionaries import KEPT_WORDS
from services.transcriber.composing import Provenance, Writing, compose
from services.transcriber.engines import Heard, Passage
from services.transcriber.recognised import as_recognised
from shared.schemas.jobs import JobOptions, Script
from shared.schemas.transcripts import (
    Chapter,
    Entity,
    Highlight,
    Insights,
    Segment,
    Topic,
    Transcript,
    Word,
    WordSource,
    render_words,
)

THEN = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
PROVENANCE = Provenance(
    job_id=UUID("01936d1e-0000-7000-8000-000000000001"),
    run=1,
    provider="local",
    provider_id=None,
    raw_key="raw/1.json",
    raw_sha256="00ff",
    started_at=THEN,
    heard_at=THEN,
)


def _spoken(*texts: str, language: str | None = "zh", at: int = 0) -> Passage:
    """What was said, one word for each text."""
    words = tuple(
        Word(t=text, s=at + number * 200, e=at + number * 200 + 180, c=0.5 + number % 5 / 10)
        for number, text in enumerate(texts)
    )
    return Passage(words=words, language=language)


def _transcript(*passages: Passage, language: str | None = "zh", insights: Insights | None = None) -> Transcript:
    heard = Heard(model="m", duration_ms=600_000, language=language, passages=passages, insights=insights)
    return compose(heard, PROVENANCE)


def _written(text: str, script: Script = Script.TAIWAN, *, terms: Sequence[str] = (), language: str | None = "zh") -> str:
    """One text, said character by character."""
    source = _transcript(_spoken(*text, language=language), language=language)
    return "".join(segment.text for segment in in_script(source, script, terms).segments)


@pytest.mark.parametrize(
    ("script", "text"),
    [
        (Script.TAIWAN, "這裡的軟體為什麼要用滑鼠，頭髮和發財呢？"),
        (Script.HONG_KONG, "這裏的軟件為什麼要用鼠標，頭髮和發財呢？"),
        (Script.TRADITIONAL, "這裡的軟件為什麼要用鼠標，頭髮和發財呢？"),
        (Script.SIMPLIFIED, "这里的软件为什么要用鼠标，头发和发财呢？"),
        (Script.RECOGNISED, "这里的软件为什么要用鼠标，头发和发财呢？"),
    ],
)
def test_simplified_text_is_written_in_the_script_that_is_wanted(script: Script, text: str) -> None:
    """Characters, their regional forms, and for Taiwan its words; punctuation stays where it was."""
    assert _written("这里的软件为什么要用鼠标，头发和发财呢？", script) == text


def test_traditional_text_becomes_simplified() -> None:
    """The other way works too."""
    assert _written("這裡的頭髮、乾隆和乾淨，後來呢", Script.SIMPLIFIED) == "这里的头发、乾隆和干净，后来呢"


def test_what_is_traditional_already_keeps_its_characters() -> None:
    """An engine that writes Traditional is not corrected as if it had written Simplified: 余 is a name, 台 a unit."""
    text = "余先生只有一台電腦，范小姐在後面的公里裡面著急。"
    assert _written(text) == text
    assert _written("這裏着急的人羣") == "這裡著急的人群"


def test_mixed_scripts_are_told_apart_clause_by_clause() -> None:
    """Some engines change their mind; what one clause leaves open, the others decide."""
    assert _written("我們什么时候去，余先生會來。后来呢？") == "我們什麼時候去，余先生會來。後來呢？"
    assert _written("我们什么时候去，余下的人呢？") == "我們什麼時候去，餘下的人呢？"


def test_speakers_are_not_made_to_say_something_else() -> None:
    """Everyday words are no terms of software, whatever OpenCC's dictionary says."""
    assert (
        _written("这份文件支持他的结婚对象，默认了程序，公司发布声明。")
        == "這份文件支持他的結婚對象，默認了程序，公司發佈聲明。"
    )
    assert _written("文件夹和数据库是面向对象的程序员做的") == "資料夾和資料庫是物件導向的程式設計師做的"


@pytest.mark.parametrize("word", KEPT_WORDS)
def test_a_kept_word_is_written_in_taiwans_characters(word: str) -> None:
    """Whichever script it was recognised in."""
    simplified = _written(word, Script.SIMPLIFIED)
    assert _written(f"我说{simplified}。") == f"我說{word}。"


def test_surnames_before_titles_are_names() -> None:
    """于, 余 and 范 are not mistaken for 於, 餘 and 範; elsewhere they are what they were."""
    assert (
        _written("余先生、范教授和于总经理对于教授的范围，其余的人呢？")
        == "余先生、范教授和于總經理對於教授的範圍，其餘的人呢？"
    )


def test_names_and_terms_are_written_as_they_were_given() -> None:
    """In whichever script they were recognised, and also where OpenCC would write something else."""
    terms = ("余文樂", "干宝", "Qbit 软件", "余")
    assert _written("余文乐和干宝用 Qbit 软件，余下的软件呢？", terms=terms) == "余文樂和干宝用 Qbit 软件，餘下的軟體呢？"
    assert _written("余文樂說了", terms=terms) == "余文樂說了"
    assert _written("Qbit Pro", terms=("Qbit",)) == "Qbit Pro"


def test_speakers_names_are_written_as_they_are_given() -> None:
    """Some engines tell speakers by name; a bare letter is none."""
    source = _transcript(replace(_spoken(*"我是余文乐"), speaker="余文樂"), replace(_spoken(*"余下的A", at=9_000), speaker="A"))
    assert [segment.text for segment in in_script(source, Script.TAIWAN).segments] == ["我是余文樂", "餘下的A"]


def test_latin_words_digits_and_placeholders_are_not_touched() -> None:
    """Nor is anything else that is no Chinese character."""
    assert _written("[PERSON_NAME] 的 U盘 有 3 个 API，#### 元 🙂") == "[PERSON_NAME] 的 U盤 有 3 個 API，#### 元 🙂"


def test_japanese_and_korean_keep_their_characters() -> None:
    """学 is right in Japanese; a Chinese sentence beside it is converted."""
    source = _transcript(
        _spoken("学校の", "国語", language="ja"),
        _spoken("国语", "学校", language="zh", at=5_000),
        _spoken("国", "과", language="ko", at=9_000),
        language="zh",
    )
    assert [segment.text for segment in in_script(source, Script.TAIWAN).segments] == ["学校の国語", "國語學校", "国과"]


def test_a_chinese_name_in_an_english_sentence_is_chinese() -> None:
    """Unless somebody in the recording speaks Japanese."""
    english = _spoken("Ask", "张伟", "again", language="en")
    written = in_script(_transcript(english, language="en"), Script.TAIWAN)
    assert written.segments[0].text == "Ask張偉again"
    assert written.language == "en"
    beside = _transcript(
        english, _spoken("そうですね、はい", language="ja", at=9_000), _spoken("东京へ行く", at=12_000, language=None)
    )
    assert in_script(msgspec.structs.replace(beside, language="en"), Script.TAIWAN).segments[0].text == "Ask张伟again"


def test_a_transcript_without_chinese_is_left_alone() -> None:
    """Not even a step goes on record."""
    source = _transcript(_spoken("Good", "morning"), language="en")
    assert in_script(source, Script.TAIWAN) is source
    assert in_script(_transcript(_spoken("你们好")), Script.RECOGNISED).processing == ()


def test_the_step_goes_on_record() -> None:
    """With tool, configuration and version, the language before and after, and a note for readers."""
    written = in_script(_transcript(_spoken("你们好")), Script.TAIWAN)
    [step] = written.processing
    assert (step.step, step.tool, step.config) == ("script-convert", "opencc", "s2twp")
    assert step.version is not None
    assert step.version.startswith("1.4.")
    assert (step.from_language, step.to_language, written.language) == ("zh", "zh-Hant-TW", "zh-Hant-TW")
    assert "script_converted" in written.quality.notes
    unchanged = in_script(_transcript(_spoken("你好")), Script.TAIWAN)
    assert unchanged.language == "zh-Hant-TW"
    assert "script_converted" not in unchanged.quality.notes


def test_cantonese_stays_cantonese() -> None:
    """The tag names the language, then the script."""
    assert (
        in_script(_transcript(_spoken("佢哋嚟咗", language="yue"), language="yue"), Script.HONG_KONG).language == "yue-Hant-HK"
    )


def test_changed_words_remember_what_they_were() -> None:
    """And keep their times; a word that did not change remembers nothing."""
    [segment] = in_script(_transcript(_spoken("这", "是", "软件")), Script.TAIWAN).segments
    assert [(word.t, word.raw, word.s) for word in segment.words] == [("這", "这", 0), ("是", None, 200), ("軟體", "软件", 400)]


def test_a_phrase_that_grows_is_shared_out_among_its_words() -> None:
    """內存 has two words, 記憶體 three characters."""
    [segment] = in_script(_transcript(_spoken(*"内存不足")), Script.TAIWAN).segments
    assert [word.t for word in segment.words] == ["記憶", "體", "不", "足"]


def test_characters_that_move_inside_a_phrase_move_no_words() -> None:
    """鼠標 becomes 滑鼠: both words are still there."""
    [segment] = in_script(_transcript(_spoken(*"用鼠标点")), Script.TAIWAN).segments
    assert [(word.t, word.raw) for word in segment.words] == [("用", None), ("滑", "鼠"), ("鼠", "标"), ("點", "点")]


def test_a_phrase_that_shrinks_joins_words() -> None:
    """方便面 has three, 泡麵 two: the second and the first are one now, and both are remembered."""
    source = _transcript(_spoken(*"吃方便面"))
    [segment] = in_script(source, Script.TAIWAN).segments
    assert [(word.t, word.raw, word.s, word.e) for word in segment.words] == [
        ("吃", None, 0, 180),
        ("泡", "方便", 200, 580),
        ("麵", "面", 600, 780),
    ]
    assert segment.raw_words == source.segments[0].words


def test_a_segment_without_words_remembers_its_text() -> None:
    """Some engines give none."""
    source = _transcript(_spoken("你好"))
    bare = msgspec.structs.replace(source, segments=(Segment(id="s1", start_ms=0, end_ms=900, text="软件好用"),))
    written = in_script(bare, Script.TAIWAN)
    assert [(one.text, one.raw) for one in written.segments] == [("軟體好用", "软件好用")]
    assert as_recognised(written) == bare


def test_what_the_engine_found_out_is_converted_too() -> None:
    """Entities, topics, key phrases, chapters and the summary; what changed stands beside as it was."""
    insights = Insights(
        entities=(Entity(type="person_name", text="王乐乐", start_ms=0, end_ms=9),),
        topics=(Topic(label="软件>网络"),),
        highlights=(Highlight(text="服务器", count=2),),
        chapters=(Chapter(start_ms=0, end_ms=9, headline="开场", summary=None),),
        summary="他们讨论软件。",
        sentiments=(),
    )
    source = _transcript(_spoken("你们好"), insights=insights)
    written = in_script(source, Script.TAIWAN, ("王乐樂",))
    assert written.insights is not None
    assert written.insights.entities == (Entity(type="person_name", text="王乐樂", start_ms=0, end_ms=9),)
    assert written.insights.topics == (Topic(label="軟體>網路"),)
    assert written.insights.highlights == (Highlight(text="伺服器", count=2),)
    assert written.insights.chapters == (Chapter(start_ms=0, end_ms=9, headline="開場"),)
    assert written.insights.summary == "他們討論軟體。"
    assert written.insights.raw == msgspec.structs.replace(insights, sentiments=None)
    assert as_recognised(written) == source


def test_the_composed_transcript_is_in_the_wanted_script() -> None:
    """A pure function of what was heard: a repeat gives the same bytes, and all invariants hold."""
    heard = Heard(model="m", duration_ms=9_000, language="zh", passages=(_spoken(*"这个软件，方便面。"),))
    writing = Writing(script=Script.TAIWAN, terms=("軟件",))
    transcript = compose(heard, PROVENANCE, writing)
    assert [segment.text for segment in transcript.segments] == ["這個軟件，泡麵。"]
    assert msgspec.json.encode(transcript) == msgspec.json.encode(compose(heard, PROVENANCE, writing))
    assert as_recognised(transcript) == compose(heard, PROVENANCE)
    assert compose(replace(heard, language="ja"), PROVENANCE, writing).language == "ja"


@pytest.mark.parametrize(
    ("options", "spoken", "usual", "wanted"),
    [
        ({}, "zh", Script.TAIWAN, Script.TAIWAN),
        ({}, "zh", Script.SIMPLIFIED, Script.SIMPLIFIED),
        ({"language": "zh"}, "zh", Script.TAIWAN, Script.TAIWAN),
        ({"language": "zh-Hant"}, "zh", Script.SIMPLIFIED, Script.TAIWAN),
        ({"language": "zh-TW"}, "zh", Script.RECOGNISED, Script.TAIWAN),
        ({"language": "zh-HK"}, "zh", Script.TAIWAN, Script.HONG_KONG),
        ({"language": "zh-Hant-HK"}, "zh", Script.TAIWAN, Script.HONG_KONG),
        ({"language": "zh-Hans"}, "zh", Script.TAIWAN, Script.SIMPLIFIED),
        ({"language": "zh-CN"}, "zh", Script.TAIWAN, Script.SIMPLIFIED),
        ({"language": "zh-Hans", "script": Script.TRADITIONAL}, "zh", Script.TAIWAN, Script.TRADITIONAL),
        ({"language": "en-HK"}, "en", Script.TAIWAN, Script.TAIWAN),
        ({"language": "yue"}, "yue", Script.TAIWAN, Script.HONG_KONG),
        ({"language": "yue-Hans"}, "yue", Script.TAIWAN, Script.SIMPLIFIED),
        ({}, "yue", Script.TAIWAN, Script.HONG_KONG),
        ({}, "yue", Script.RECOGNISED, Script.RECOGNISED),
        ({}, None, Script.TAIWAN, Script.TAIWAN),
    ],
)
def test_the_job_decides_then_its_language_then_the_installation(
    options: dict[str, str], spoken: str | None, usual: Script, wanted: Script
) -> None:
    """Cantonese, where nobody says otherwise, takes Hong Kong's characters."""
    assert wanted_script(msgspec.convert(options, JobOptions), spoken, usual) is wanted


LISTED = "内存 软件 方便面 新西兰 知识产权 的士 出租车 端口 程序员 后来 余先生 公交车 這裏 什麼 数据库 高清 主板 打印机 优化"
PHRASES = st.sampled_from(LISTED.split())
CHARACTERS = st.text("这是我们软件内存方便面程序員裡里后後余餘の한Ab 1，。「」🙂䲡\U00020000", max_size=3)
WORDS = st.lists(
    st.tuples(
        PHRASES | CHARACTERS, st.sampled_from(["", "", " "]), st.none() | st.integers(0, 9_000), st.none() | st.floats(0, 1)
    ),
    min_size=1,
    max_size=24,
)


def _cut_anywhere(words: list[tuple[str, str, int | None, float | None]], one_by_one: bool) -> tuple[Word, ...]:
    made: list[Word] = []
    for text, sep, start, confidence in words:
        for part in (text if one_by_one else [text]) or [""]:
            source = WordSource.ASR if start is not None else WordSource.INTERPOLATED
            made.append(Word(t=part, s=start, e=start, c=confidence, sep=sep if made else "", src=source))
    return tuple(made)


@given(
    spoken=st.lists(st.tuples(WORDS, st.booleans(), st.sampled_from(["zh", "en", "ja", None])), max_size=4),
    language=st.sampled_from(["zh", "yue", "en", "ja", None]),
    script=st.sampled_from(Script),
    terms=st.lists(PHRASES | CHARACTERS, max_size=3),
)
def test_whatever_was_said_can_be_restored(
    spoken: list[tuple[list[tuple[str, str, int | None, float | None]], bool, str | None]],
    language: str | None,
    script: Script,
    terms: list[str],
) -> None:
    """To the last character, time and confidence; and the converted text is what its words make up, none of them empty."""
    segments = []
    for number, (words, one_by_one, spoken_in) in enumerate(spoken):
        made = _cut_anywhere(words, one_by_one)
        segments.append(Segment(id=f"s{number}", start_ms=0, end_ms=9, text=render_words(made), words=made, language=spoken_in))
    source = msgspec.structs.replace(_transcript(_spoken("x"), language=language), segments=tuple(segments))
    written = in_script(source, script, terms)
    assert as_recognised(written) == source
    for was, becomes in zip(source.segments, written.segments, strict=True):
        assert becomes.text == render_words(becomes.words)
        assert all(word.t for word in becomes.words) or not all(word.t for word in was.words)
        assert [word.s for word in becomes.words][:1] == [word.s for word in was.words][:1]
