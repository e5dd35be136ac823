from __future__ import annotations

import pytest

from services.reporter.blocks import Dialogue, FactCards, Notice, TalkTime
from services.reporter.labels import LABELS, labels_for, language_name
from tests.speech import conversation, document, said, transcript


@pytest.mark.parametrize(
    ("language", "wanted"),
    [
        ("zh", "zh-Hant"),
        ("zh-Hant-TW", "zh-Hant"),
        ("ZH-tw", "zh-Hant"),
        ("yue", "zh-Hant"),
        ("en-GB", "en"),
        ("de", "en"),
        (None, "en"),
    ],
)
def test_the_report_speaks_the_transcripts_language(language: str | None, wanted: str) -> None:
    """English stands in for languages that have no labels yet."""
    assert labels_for(language).language == wanted


def test_every_language_says_everything() -> None:
    """Labels of all languages take the same values and explain the same notes."""
    for labels in LABELS:
        assert labels.covers_part.format(start="0:00", through="0:30", duration="1:00").count(":") >= 3
        assert labels.notes.keys() == LABELS[0].notes.keys()
        assert labels.languages.keys() == LABELS[0].languages.keys()


def test_a_language_is_named_by_its_longest_known_part() -> None:
    """An unknown language keeps its code."""
    labels = labels_for("en")
    assert language_name(labels, "zh-Hant-TW") == "Chinese (Traditional)"
    assert language_name(labels, "zh-TW") == "Chinese"
    assert language_name(labels, "tlh") == "tlh"


def test_consecutive_segments_of_a_speaker_are_one_turn() -> None:
    """The name is said once for all of them."""
    [dialogue] = [
        b for b in document(transcript(conversation(("A", "a"), ("A", "b"), ("B", "c")))).blocks if isinstance(b, Dialogue)
    ]
    assert [(t.voice and t.voice.name, [u.text for u in t.utterances]) for t in dialogue.turns] == [
        ("Speaker A", ["a", "b"]),
        ("Speaker B", ["c"]),
    ]


def test_speakers_carry_the_names_people_gave_them() -> None:
    """Else the engine's label; a segment without a speaker among others is said by nobody known."""
    source = transcript(conversation(("A", "a"), ("B", "b"), (None, "c")), names={"A": "Anna"})
    [dialogue] = [block for block in document(source).blocks if isinstance(block, Dialogue)]
    assert [turn.voice and turn.voice.name for turn in dialogue.turns] == ["Anna", "Speaker B", "Unknown speaker"]


def test_without_speakers_nobody_is_named() -> None:
    """No heads, no chart, no card."""
    blocks = document(transcript(conversation((None, "a"), (None, "b")))).blocks
    assert not any(isinstance(block, TalkTime) for block in blocks)
    assert [turn.voice for block in blocks if isinstance(block, Dialogue) for turn in block.turns] == [None]
    assert all(label != "Speakers" for block in blocks if isinstance(block, FactCards) for label, _ in block.facts)


def test_whoever_spoke_most_comes_first() -> None:
    """Shares add up to the whole."""
    source = transcript([said("a", by="A"), said("b", by="B", start=4, seconds=12)])
    [talk] = [block for block in document(source).blocks if isinstance(block, TalkTime)]
    assert [(share.voice.name, share.share) for share in talk.shares] == [("Speaker B", 0.75), ("Speaker A", 0.25)]


def test_what_is_missing_is_said_in_words() -> None:
    """Notes of the transcript become sentences; an unknown code is shown rather than dropped."""
    source = transcript([said("a")], notes=["truncated", "speakers_not_separated", "brand_new"], duration_ms=60_000)
    warnings = [block.text for block in document(source).blocks if isinstance(block, Notice) and block.warning]
    assert warnings == [
        "Based on 0:00–0:04 of 1:00: the rest of the recording is not covered.",
        "The speech engine stopped before the end of the recording.",
        "The speech engine did not tell speakers apart.",
        "Note: brand new.",
    ]


def test_what_is_only_to_be_known_is_no_warning() -> None:
    """A conversion that was asked for, and times of words that are estimated, take nothing away."""
    notices = [
        block
        for block in document(transcript([said("a")], notes=["script_converted", "word_times_approximate"])).blocks
        if isinstance(block, Notice)
    ]
    assert not any(notice.warning for notice in notices)
    assert any(notice.text.startswith("Chinese was converted to another script") for notice in notices)


@pytest.mark.parametrize("title", [None, "", " \u200b\u202e "])
def test_a_recording_without_a_title_says_so(title: str | None) -> None:
    """A title of nothing visible is none."""
    assert document(transcript([said("a")]), title=title).title == "Untitled recording"


def test_a_silent_recording_says_so() -> None:
    """There is a sentence where the words would be."""
    texts = [block.text for block in document(transcript([])).blocks if isinstance(block, Notice)]
    assert "No speech was recognised in this recording." in texts
