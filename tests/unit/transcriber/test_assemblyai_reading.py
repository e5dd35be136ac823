"""Transcripts of AssemblyAI become ours, whatever else they carry."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.transcriber.engines import Heard, Usage
from services.transcriber.engines.assemblyai.reading import read
from shared.schemas.transcripts import Chapter, ContentWarning, Entity, Highlight, Moment, Sentiment, Topic, Word, WordSource


def said(text: str, *, start: float = 0, ms: float = 400, **more: Any) -> list[dict[str, Any]]:
    """Words as AssemblyAI writes them, one after the other."""
    return [
        {"text": word, "start": start + at * ms, "end": start + (at + 1) * ms, "confidence": 0.9, **more}
        for at, word in enumerate(text.split())
    ]


def utterance(text: str, *, start: float = 0, speaker: str | None = "A", **more: Any) -> dict[str, Any]:
    """What one speaker says."""
    words = said(text, start=start, speaker=speaker, **more)
    return {"text": text, "start": start, "end": words[-1]["end"], "speaker": speaker, "words": words, **more}


def answer(**changes: Any) -> bytes:
    """A finished transcript of a minute."""
    fields = {
        "id": "t1",
        "status": "completed",
        "audio_duration": 60,
        "language_code": "en_us",
        "language_confidence": 0.98,
        "language_detection": True,
        "speech_models": ["universal-3-5-pro", "universal-2"],
        "speech_model_used": "universal-3-5-pro",
        "text": "Hello there.",
        "words": said("Hello there."),
        "utterances": None,
    }
    return msgspec.json.encode({**fields, **changes})


def words(heard: Heard) -> list[Word]:
    """All words."""
    return [word for passage in heard.passages for word in passage.words]


def test_speakers_words_and_times() -> None:
    """Utterances become passages: labels stay, times are whole milliseconds, and a space stands before each English word."""
    heard = read(answer(utterances=[utterance("Hello there."), utterance("Hi!", start=1000.7, speaker="B")]))
    first, second = heard.passages
    assert (first.speaker, first.language, second.speaker) == ("A", "en", "B")
    assert first.words == (Word(t="Hello", s=0, e=400, c=0.9, sep=" "), Word(t="there.", s=400, e=800, c=0.9, sep=" "))
    assert second.words == (Word(t="Hi!", s=1000, e=1400, c=0.9, sep=" "),)
    assert heard.duration_ms == 60_000
    assert heard.notes == ()


def test_model_and_language_are_on_record() -> None:
    """What was asked for and what was used are told apart; a told language has no confidence."""
    detected = read(answer())
    assert detected.model == "universal-3-5-pro"
    assert (detected.language, detected.language_confidence) == ("en", 0.98)
    assert detected.params["language"] == "auto"
    assert detected.params["speech_models"] == "universal-3-5-pro,universal-2"
    told = read(answer(language_detection=False, language_code="jw", language_confidence=None, speech_model_used="universal-2"))
    assert told.model == "universal-2"
    assert (told.language, told.language_confidence, told.params["language"]) == ("jv", None, "jw")


def test_chinese_has_no_spaces_but_around_latin_words() -> None:
    """Chinese words stand close together, and a name in Latin letters stands apart."""
    heard = read(answer(language_code="zh", utterances=[utterance("我們 用 Kubernetes 部署。")]))
    assert "".join(word.sep + word.t for word in words(heard)) == "我們用 Kubernetes 部署。"


def test_words_without_utterances_are_grouped_by_speaker() -> None:
    """Where speakers are not told apart there is one passage; where words name them, one for each turn."""
    assert [passage.speaker for passage in read(answer()).passages] == [None]
    turns = [*said("One two", speaker="A"), *said("three", start=900, speaker="B"), *said("four", start=1400, speaker="A")]
    assert [passage.speaker for passage in read(answer(words=turns)).passages] == ["A", "B", "A"]


@pytest.mark.parametrize("more", [{"speaker": "1", "channel": "1"}, {"speaker": None, "channel": 1}])
def test_channels_are_speakers(more: dict[str, Any]) -> None:
    """In a multichannel recording each channel speaks for itself, and each is charged."""
    heard = read(answer(multichannel=True, audio_channels=2, utterances=[utterance("Hello", **more)]))
    assert heard.passages[0].speaker == "1"
    assert heard.channels == 2
    assert heard.usage == Usage(billed_ms=120_000, items=("universal-3-5-pro",))


def test_text_alone_gets_estimated_times() -> None:
    """Where there are no words, those of the text are spread over the recording, and marked."""
    heard = read(answer(words=None, text="Hello dear world"))
    assert [(word.t, word.s, word.e, word.src) for word in words(heard)] == [
        ("Hello", 0, 21_428, WordSource.INTERPOLATED),
        ("dear", 21_428, 38_571, WordSource.INTERPOLATED),
        ("world", 38_571, 60_000, WordSource.INTERPOLATED),
    ]
    assert heard.notes == ("no_word_times",)


def test_times_that_cannot_be_are_estimated_from_the_neighbours() -> None:
    """A word after the end of the recording, or without times, is put between those around it, and the reader is told."""
    three = said("one two three")
    three[1] |= {"start": 61_000_000, "end": 61_000_400}
    for broken in (three[1], {"text": "two", "start": None}, {"text": "two", "start": -5, "end": 1}):
        heard = read(answer(words=[three[0], broken, three[2]]))
        assert [(word.t, word.s, word.e) for word in words(heard)] == [("one", 0, 400), ("two", 400, 800), ("three", 800, 1200)]
        assert [word.src for word in words(heard)] == [WordSource.ASR, WordSource.INTERPOLATED, WordSource.ASR]
        assert heard.notes == ("times_mended",)


def test_the_last_word_may_end_after_the_stated_seconds() -> None:
    """A duration is stated in whole seconds, so the recording is as long as what is said in it."""
    assert read(answer(words=said("late", start=60_100))).duration_ms == 60_500


def test_silence_has_no_words() -> None:
    """A recording in which nobody speaks has no passages, and that is no error."""
    for nothing in ({"text": "", "words": [], "utterances": []}, {"text": None, "words": None}):
        assert read(answer(**nothing)).passages == ()


def test_findings_of_every_analysis() -> None:
    """What AssemblyAI found out beside the words is kept, with unknown kinds in its own words."""
    heard = read(
        answer(
            entities=[{"entity_type": "brand_new", "text": "Taipei", "start": 0, "end": 400}],
            sentiment_analysis_results=[
                {"text": "Hello.", "start": 0, "end": 400, "sentiment": "POSITIVE", "confidence": 0.7, "speaker": "A"}
            ],
            iab_categories_result={"status": "success", "results": [], "summary": {"Tiny": 0.001, "B": 0.5, "A>B": 1.0}},
            auto_highlights_result={
                "status": "success",
                "results": [{"count": 2, "rank": 0.1, "text": "hello", "timestamps": [{"start": 0, "end": 400}]}],
            },
            content_safety_labels={
                "status": "success",
                "results": [
                    {
                        "text": "Hello.",
                        "labels": [{"label": "gambling", "confidence": 0.8, "severity": None}],
                        "timestamp": {"start": 0, "end": 400},
                    }
                ],
            },
            speech_understanding={
                "request": {"summarization": {"summary_type": "paragraph"}},
                "response": {
                    "summarization": {
                        "status": "success",
                        "summary": [{"start": 0, "end": 400, "headline": "Greetings", "text": "They greet."}],
                    }
                },
            },
        )
    )
    found = heard.insights
    assert found is not None
    assert found.entities == (Entity(type="brand_new", text="Taipei", start_ms=0, end_ms=400),)
    assert found.sentiments == (Sentiment(sentiment="positive", start_ms=0, end_ms=400, confidence=0.7, speaker_id="A"),)
    assert found.topics == (Topic(label="A>B", relevance=1.0), Topic(label="B", relevance=0.5))
    assert found.highlights == (Highlight(text="hello", count=2, rank=0.1, moments=(Moment(start_ms=0, end_ms=400),)),)
    assert found.content_warnings == (ContentWarning(label="gambling", start_ms=0, end_ms=400, confidence=0.8),)
    assert found.chapters == (Chapter(start_ms=0, end_ms=400, headline="Greetings", summary="They greet."),)
    assert found.summary == "They greet."


def test_an_analysis_is_empty_when_it_found_nothing_and_null_when_there_was_none() -> None:
    """Nothing found is a finding; an analysis that was left out silently is not."""
    found = read(answer(entity_detection=True, entities=[], iab_categories_result={"status": "unavailable"})).insights
    assert found is not None
    assert (found.entities, found.topics, found.sentiments) == ((), None, None)
    assert read(answer()).insights is None


def test_what_is_charged() -> None:
    """The bill names the model that was used, then each extra."""
    heard = read(
        answer(
            speaker_labels=True,
            redact_pii=True,
            redact_pii_audio=True,
            sentiment_analysis=False,
            keyterms_prompt=["Audio2txt"],
            speech_understanding={"request": {}},
        )
    )
    assert heard.usage == Usage(
        billed_ms=60_000,
        items=("universal-3-5-pro", "speaker_labels", "redact_pii", "redact_pii_audio", "keyterms_prompt", "summarization"),
    )


def test_a_model_that_is_not_told_is_not_guessed() -> None:
    """Of two models nobody knows which it was; of one, everybody does."""
    assert read(answer(speech_model_used=None)).model == "unknown"
    assert read(answer(speech_model_used=None, speech_models=["universal-2"])).model == "universal-2"


def test_a_field_that_has_changed_costs_itself_alone() -> None:
    """Utterances in a new shape leave the words, analyses in a new shape leave everything else; both are noted or mended."""
    heard = read(answer(utterances={"pages": []}, entities="many", metadata={"warnings": [{"message": "Slow."}]}))
    assert [word.t for word in words(heard)] == ["Hello", "there."]
    assert heard.insights is None
    assert heard.notes == ("insights_unreadable", "engine_warnings")
    heard = read(answer(utterances=[utterance("Hello there."), 7], words=[{"text": 5}], text="Hello there."))
    assert [word.t for word in words(heard)] == ["Hello", "there."]
    assert heard.notes == ("no_word_times",)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = [
    "audio_duration",
    "language_code",
    "language_confidence",
    "language_detection",
    "speech_models",
    "speech_model_used",
    "text",
    "words",
    "utterances",
    "entities",
    "sentiment_analysis_results",
    "iab_categories_result",
    "auto_highlights_result",
    "content_safety_labels",
    "multichannel",
    "speech_understanding",
    "audio_channels",
    "metadata",
    "keyterms_prompt",
    "speaker_labels",
]


@given(st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_no_garbage_breaks_the_reading(changes: dict[str, Any]) -> None:
    """Whatever stands in whichever field, the answer is read, and what comes out has times in whole milliseconds."""
    heard = read(answer(**changes))
    assert all(isinstance(word.s, int) and isinstance(word.e, int) and word.s <= word.e for word in words(heard))
    assert msgspec.json.encode(heard.insights)


@given(
    st.lists(
        st.fixed_dictionaries({}, optional=dict.fromkeys(("text", "start", "end", "confidence", "speaker", "words"), JSON))
    )
)
def test_no_garbage_in_utterances_breaks_the_reading(utterances: list[dict[str, Any]]) -> None:
    """Utterances with any of their fields missing or strange are read, or the words in their stead."""
    assert all(word.t for word in words(read(answer(utterances=utterances))))
