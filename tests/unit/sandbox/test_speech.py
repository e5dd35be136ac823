"""Words become text, sentences, paragraphs and captions."""

from __future__ import annotations

from services.sandbox.assemblyai.captions import captions, srt, vtt
from services.sandbox.assemblyai.ears import canned_speech
from services.sandbox.assemblyai.routes.exports import match
from services.sandbox.assemblyai.sentences import paragraphs, sentences
from services.sandbox.assemblyai.speech import Word, joined, speaker_name


def said(text: str, speaker: str = "A", start: int = 0) -> list[Word]:
    """A word every half second."""
    return [
        Word(text=part, start=start + number * 500, end=start + number * 500 + 400, speaker=speaker)
        for number, part in enumerate(text.split())
    ]


def test_words_are_joined_as_their_script_wants() -> None:
    """Spaces stand between English words and not between Chinese ones."""
    assert joined(["Good", "morning,", "我們", "先看", "數字，", "再", "decide."]) == "Good morning, 我們先看數字，再 decide."


def test_sentences_end_where_the_speaker_ends_one() -> None:
    """Punctuation and speakers part sentences, and no word is lost."""
    words = [*said("How are you? I am"), *said("fine.", "B", 9000)]
    assert [(one.text, one.speaker) for one in sentences(words)] == [
        ("How are you?", "A"), ("I am", "A"), ("fine.", "B"),
    ]  # fmt: skip


def test_every_word_is_in_one_paragraph() -> None:
    """Paragraphs are made of whole sentences of one speaker."""
    words = canned_speech(120).words
    found = paragraphs(words)
    assert [word for paragraph in found for word in paragraph.words] == list(words)
    assert all(len({word.speaker for word in paragraph.words}) == 1 for paragraph in found)


def test_captions_fit() -> None:
    """No caption is longer than asked for, and together they say everything."""
    words = list(canned_speech(60).words)
    shown = captions(words, 32)
    assert max(len(caption.text) for caption in shown) <= 32
    assert joined(caption.text for caption in shown) == joined(word.text for word in words)


def test_captions_are_written_as_the_vendor_writes_them() -> None:
    """SubRip has hours and commas; WebVTT has neither."""
    shown = captions(said("Hello there.", start=13_160))
    assert srt(shown) == "1\n00:00:13,160 --> 00:00:14,060\nHello there.\n"
    assert vtt(shown) == "WEBVTT\n\n00:13.160 --> 00:14.060\nHello there.\n"


def test_a_word_is_found_whatever_its_case() -> None:
    """Places count from the first word; phrases are found too."""
    words = said("Smoke rises. The smoke, the smoke is thick.")
    assert match("smoke", words).indexes == [0, 3, 5]
    assert match("The smoke", words).timestamps == [(1000, 1900), (2000, 2900)]
    assert match("fire", words).count == 0


def test_speakers_never_run_out_of_letters() -> None:
    """After Z comes AA."""
    assert [speaker_name(number) for number in (0, 25, 26, 52)] == ["A", "Z", "AA", "BA"]


def test_the_canned_conversation_is_as_long_as_asked() -> None:
    """No word lies beyond the recording's end."""
    speech = canned_speech(7.5)
    assert speech.duration_ms == 7500
    assert speech.words[-1].end <= 7500
