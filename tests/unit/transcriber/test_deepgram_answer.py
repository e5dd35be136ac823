"""What Deepgram answers lands in our terms with its units right, and garbage is told from it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from services.transcriber.engines import Heard, Unreadable
from services.transcriber.engines.deepgram.answer import parse
from shared.errors import JobError
from shared.schemas.transcripts import Entity, Sentiment, Topic, render_words


def word(text: str, start: float, end: float, **more: Any) -> dict[str, Any]:
    """A word as Deepgram gives it."""
    return {"word": text.lower().strip(".,"), "punctuated_word": text, "start": start, "end": end, "confidence": 0.9, **more}


def answer(
    *utterances: list[dict[str, Any]], channels: int = 1, results: dict[str, Any] | None = None, **metadata: Any
) -> bytes:
    """An answer of so many channels, each utterance on the channel its words name."""
    by_channel: list[list[dict[str, Any]]] = [[] for _ in range(channels)]
    spoken = []
    for words in utterances:
        number = words[0].pop("channel", 0)
        by_channel[number] += words
        spoken.append({"channel": number, "words": words, "start": 0.0, "end": 0.0})
    found = {
        "channels": [{"alternatives": [{"transcript": "", "words": words}]} for words in by_channel],
        "utterances": spoken,
        **(results or {}),
    }
    known = {
        "request_id": "r1",
        "sha256": "5a" * 32,
        "duration": 12.3456,
        "channels": channels,
        "model_info": {"m": {"name": "general-nova-3", "version": "2026-10-23.0"}},
        **metadata,
    }
    return msgspec.json.encode({"metadata": known, "results": found})


def texts(heard: Heard) -> list[tuple[str | None, str]]:
    """Who says what."""
    return [(passage.speaker, render_words(passage.words).strip()) for passage in heard.passages]


def test_seconds_become_milliseconds() -> None:
    """Rounded, not cut; nothing is before the beginning of the recording."""
    heard = parse(answer([word("Good", 0.0799, 0.4), word("morning.", 0.48, 1.2996), word("odd", -0.01, 1.5)]))
    assert heard.duration_ms == 12_346
    assert [(one.s, one.e) for one in heard.passages[0].words] == [(80, 400), (480, 1300), (0, 1500)]
    assert [one.c for one in heard.passages[0].words] == [0.9, 0.9, 0.9]
    assert heard.source_sha256 == "5a" * 32
    assert (heard.model, heard.params["version"]) == ("general-nova-3", "2026-10-23.0")


def test_numbers_of_speakers_become_labels() -> None:
    """Also where Deepgram lets two speakers share an utterance."""
    heard = parse(
        answer(
            [word("Hello.", 0, 1, speaker=0), word("Hi.", 1, 2, speaker=1)],
            [word("Well,", 2, 3, speaker=0), word("then.", 3, 4, speaker=0)],
        )
    )
    assert texts(heard) == [("0", "Hello."), ("1", "Hi."), ("0", "Well, then.")]


def test_each_channel_is_a_speaker() -> None:
    """And each is charged for itself."""
    heard = parse(
        answer(
            [word("Hello.", 0, 1, channel=0)],
            [word("Hi.", 1, 2, channel=1)],
            channels=2,
            extra={"items": "nova-3", "language": "en"},
        )
    )
    assert texts(heard) == [("0", "Hello."), ("1", "Hi.")]
    assert heard.channels == 2
    assert heard.usage is not None
    assert heard.usage.billed_ms == 2 * 12_346


def test_words_without_utterances_are_not_lost() -> None:
    """Where Deepgram groups nothing, the channels' own words are taken."""
    heard = parse(answer([word("Hello.", 0, 1)], results={"utterances": None}))
    assert texts(heard) == [(None, "Hello.")]


def test_chinese_is_joined_without_spaces() -> None:
    """Between Chinese and Latin words there is one."""
    heard = parse(
        answer([word("我們", 0, 1), word("用", 1, 2), word("Audio2txt", 2, 3), word("記錄。", 3, 4), word("好", 4, 5)])
    )
    assert texts(heard) == [(None, "我們用 Audio2txt 記錄。好")]


def test_a_detected_language_comes_with_its_confidence() -> None:
    """A told one has none, whatever region it was told with."""
    channel = {"alternatives": [], "detected_language": "zh", "language_confidence": 0.83}
    detected = parse(answer(results={"channels": [channel]}))
    assert (detected.language, detected.language_confidence) == ("zh", 0.83)
    told = parse(answer(extra={"language": "zh-TW", "items": "nova-3"}))
    assert (told.language, told.language_confidence) == ("zh", None)


def test_each_word_of_the_multilingual_model_has_its_language() -> None:
    """The recording's is that of most words."""
    heard = parse(
        answer(
            [word("Hello", 0, 1, language="en"), word("there.", 1, 2, language="en"), word("你好", 2, 3, language="zh")],
            extra={"language": "multi", "items": "nova-3-multilingual"},
        )
    )
    assert [passage.language for passage in heard.passages] == ["en", "zh"]
    assert (heard.language, heard.language_confidence) == ("en", None)


def test_what_was_found_out_is_placed_in_the_recording() -> None:
    """Deepgram counts words: up to before the last for entities, up to the last for sentiments."""
    spoken = [word("Hello", 1.0, 1.5, speaker=1), word("Anna", 1.5, 2.0, speaker=1), word("Smith.", 2.0, 2.5, speaker=1)]
    entity = {"label": "NAME", "value": " Anna Smith", "confidence": 0.9, "start_word": 1, "end_word": 3}
    topics = [{"topic": "Sales", "confidence_score": 0.4}], [{"topic": "Sales", "confidence_score": 0.8}, {"topic": "Tax"}]
    results = {
        "channels": [{"alternatives": [{"words": spoken, "entities": [entity, {**entity, "end_word": 99}]}]}],
        "sentiments": {"segments": [{"start_word": 0, "end_word": 2, "sentiment": "positive", "sentiment_score": 0.5}]},
        "topics": {"segments": [{"topics": list(some)} for some in topics]},
        "summary": {"result": "success", "short": "They greet."},
    }
    insights = parse(answer(spoken, results=results)).insights
    assert insights is not None
    assert insights.entities == (Entity(type="name", text="Anna Smith", start_ms=1500, end_ms=2500),)
    assert insights.sentiments == (Sentiment(sentiment="positive", start_ms=1000, end_ms=2500, speaker_id="1"),)
    assert insights.topics == (Topic(label="Sales", relevance=0.8), Topic(label="Tax"))
    assert insights.summary == "They greet."


def test_not_found_is_told_from_not_looked_for() -> None:
    """Empty was asked for; null was not, or Deepgram warns that it could not."""
    asked = {"items": "nova-3,detect_entities,sentiment"}
    looked = parse(answer([word("Hello.", 0, 1)], extra=asked)).insights
    assert looked is not None
    assert (looked.entities, looked.sentiments, looked.topics) == ((), (), None)
    warning = {"parameter": "sentiment", "type": "unsupported_language", "message": "…"}
    warned = parse(answer([word("Bonjour.", 0, 1)], extra=asked, warnings=[warning]))
    assert warned.insights is None
    assert "engine_warnings" in warned.notes


def test_nobody_guesses_what_is_charged() -> None:
    """Without our notes in the answer, there is no cost."""
    assert parse(answer([word("Hello.", 0, 1)])).usage is None
    usage = parse(answer([word("Hello.", 0, 1)], extra={"items": "nova-3,diarize", "vocabulary": "cut"}))
    assert usage.usage is not None
    assert usage.usage.items == ("nova-3", "diarize")
    assert usage.notes == ("vocabulary_cut",)


def test_silence_has_no_words() -> None:
    """And is no failure of the engine."""
    assert not any(passage.words for passage in parse(answer([word("", 0, 1)])).passages)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<html>Bad Gateway</html>",
        b"\xff\xfe{",
        b"[]",
        answer([word("Hello.", 0, 1)])[:-20],
        b'{"metadata": {"request_id": "r", "duration": "long", "channels": 1}, "results": {"channels": []}}',
        b'{"metadata": {"request_id": "r", "duration": 1.0, "channels": 1}, "results": {"channels": {}}}',
        b'{"request_id": "r"}',
    ],
)
def test_garbage_is_not_taken_for_a_refusal(raw: bytes) -> None:
    """It cannot be read, whatever it is; a `JobError` would have a retry ask, and pay, again."""
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError, Unreadable)):
        parse(raw)


def test_a_failure_says_what_deepgram_says() -> None:
    """As far as it has a reason."""
    with pytest.raises(JobError, match="corrupt or unsupported data"):
        parse(b'{"err_code": "Bad Request", "err_msg": "failed to process audio: corrupt or unsupported data"}')
