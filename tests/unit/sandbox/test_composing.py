"""The final answer carries what was asked for, and nothing else."""

from __future__ import annotations

import msgspec
import pytest

from services.sandbox.assemblyai.answer import Answer
from services.sandbox.assemblyai.composing import compose, encode
from services.sandbox.assemblyai.ears import Unheard, canned_speech
from services.sandbox.assemblyai.order import parse_order
from services.sandbox.assemblyai.speech import Speech, Word, joined
from services.sandbox.assemblyai.state import Status, Transcript

CONVERSATION = canned_speech(60)


def speech(text: str) -> Speech:
    """One speaker says this, a word every half second."""
    words = tuple(
        Word(text=part, start=number * 500, end=number * 500 + 400, speaker="A") for number, part in enumerate(text.split())
    )
    return Speech(words=words, duration_ms=60_000, language="en", language_confidence=0.6602, speech_ms=len(words) * 400)


def answer(heard: Speech = CONVERSATION, /, **fields: object) -> Answer:
    """What an order with these fields is answered."""
    order = parse_order(msgspec.json.encode({"audio_url": "http://host/a.mp3", **fields}))
    return compose(Transcript(id="t", key="k", order=order, created="2026-11-22T20:00:00", number=0), heard)


def test_nothing_is_analysed_that_nobody_asked_for() -> None:
    """A plain order gives words, and nulls."""
    plain = answer()
    assert plain.status is Status.COMPLETED
    assert plain.text == joined(word.text for word in plain.words or ())
    assert plain.audio_duration == 60
    assert {word.speaker for word in plain.words or ()} == {None}
    assert plain.utterances is None
    assert plain.entities is None
    assert plain.language_code == "en_us"
    assert plain.language_confidence is None


def test_speakers_are_told_apart_when_asked() -> None:
    """Utterances alternate and hold every word."""
    told = answer(speaker_labels=True)
    assert told.utterances is not None
    assert [utterance.speaker for utterance in told.utterances][:3] == ["A", "B", "A"]
    assert [word for utterance in told.utterances for word in utterance.words] == told.words


def test_there_are_no_more_speakers_than_expected() -> None:
    """A client that expects one gets one."""
    told = answer(speaker_labels=True, speakers_expected=1)
    assert {word.speaker for word in told.words or ()} == {"A"}


def test_channels_are_numbered() -> None:
    """Each channel is a speaker of its own."""
    told = answer(multichannel=True)
    assert told.audio_channels == 2
    assert {(utterance.speaker, utterance.channel) for utterance in told.utterances or ()} == {("1", "1"), ("2", "2")}


def test_a_language_is_detected_when_asked() -> None:
    """The code comes with its confidence."""
    told = answer(language_detection=True)
    assert (told.language_code, told.language_confidence) == ("en", 0.99)


def test_only_a_part_is_heard_when_asked() -> None:
    """Words outside the stretch are left out."""
    words = answer(audio_start_from=10_000, audio_end_at=20_000).words or []
    assert words
    assert words[0].start >= 10_000
    assert words[-1].end <= 20_000


def test_every_analysis_is_computed_when_asked() -> None:
    """What is said decides, so the same words give the same analyses."""
    asked = dict.fromkeys(
        ("auto_highlights", "auto_chapters", "content_safety", "iab_categories", "sentiment_analysis", "entity_detection",
         "summarization"), True,
    )  # fmt: skip
    told = answer(**asked)
    assert told == answer(**asked)
    assert told.auto_highlights_result is not None
    assert told.auto_highlights_result.results
    assert told.chapters is not None
    assert (told.chapters[0].start, told.chapters[-1].end) == ((told.words or [])[0].start, (told.words or [])[-1].end)
    assert told.content_safety_labels is not None
    assert told.iab_categories_result is not None
    assert told.sentiment_analysis_results is not None
    assert {"POSITIVE", "NEGATIVE", "NEUTRAL"} == {one.sentiment for one in told.sentiment_analysis_results}
    assert ("person_name", "Anna") not in {(one.entity_type, one.text) for one in told.entities or ()}
    assert ("date", "Friday") in {(one.entity_type, one.text) for one in told.entities or ()}
    assert (told.summary or "").startswith("- Good morning")


@pytest.mark.parametrize("kind", ["gist", "headline", "paragraph", "bullets"])
def test_a_summary_has_the_form_that_was_asked_for(kind: str) -> None:
    """Bullets are lines, the others are not."""
    told = answer(summarization=True, summary_type=kind).summary or ""
    assert told
    assert told.startswith("- ") == (kind == "bullets")


def test_a_language_model_summarises() -> None:
    """Sections cover the recording; the request is repeated."""
    request = {"summarization": {"summary_type": "bullets"}, "translation": {"target_languages": ["fr"]}}
    told = msgspec.json.decode(msgspec.json.encode(answer(speech_understanding={"request": request})))
    assert told["speech_understanding"]["request"] == request
    response = told["speech_understanding"]["response"]
    assert response["summarization"]["status"] == "success"
    assert response["summarization"]["summary"][0]["bullets"]
    assert told["translated_texts"]["fr"].startswith("[fr] ")


@pytest.mark.parametrize(
    ("sub", "text"),
    [
        ("hash", "I met #### #### in London, call ########### or ################."),
        ("entity_name", "I met [PERSON_NAME] in London, call [PHONE_NUMBER] or [EMAIL_ADDRESS]."),
    ],
)
def test_people_are_removed_from_the_text(sub: str, text: str) -> None:
    """Hashes or names of what was there stand in their place, and the rest stays."""
    heard = speech("I met Anna Chen in London, call 555-0134-22 or anna@example.org.")
    told = answer(heard, redact_pii=True, redact_pii_sub=sub, redact_pii_return_unredacted=True)
    assert told.text == text
    assert told.unredacted_text == joined(word.text for word in heard.words)


def test_words_are_spelt_as_asked() -> None:
    """Custom spelling, profanity, punctuation and case."""
    heard = speech("Damn, the decarlo is late.")
    spelling = [{"from": ["decarlo"], "to": "DeCarlo"}]
    assert answer(heard, custom_spelling=spelling, filter_profanity=True).text == "D***, the DeCarlo is late."
    assert answer(heard, punctuate=False, format_text=False).text == "damn the decarlo is late"


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"speech_threshold": 0.9}, "Audio speech threshold 0.0133 is below the requested speech threshold value 0.9"),
        (
            {"language_detection": True, "language_confidence_threshold": 0.8},
            "detected language 'en', confidence 0.6602, is below the requested confidence threshold value of '0.8'",
        ),
    ],
)
def test_too_little_speech_or_certainty_is_an_error(fields: dict[str, object], error: str) -> None:
    """In the vendor's words."""
    with pytest.raises(Unheard, match=error.replace("'", ".")):
        answer(speech("Only two."), **fields)


def test_silence_has_no_language() -> None:
    """Detection fails where nobody speaks; otherwise the text is empty."""
    with pytest.raises(Unheard, match="no spoken audio"):
        answer(speech(""), language_detection=True)
    assert answer(speech("")).text == ""


def test_values_that_no_client_knows_can_be_met() -> None:
    """The rest of the answer is unchanged."""
    plain = answer(entity_detection=True)
    usual = msgspec.json.decode(encode(plain, new_values=False))
    unusual = msgspec.json.decode(encode(plain, new_values=True))
    assert unusual["speech_model"] not in ("best", "nano", None)
    assert unusual["entities"][-1]["entity_type"] == "sandbox_novelty"
    assert unusual["words"] == usual["words"]
    assert "sandbox_novelty" in unusual
