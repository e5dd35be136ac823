"""What the vendor refuses of a request, the sandbox refuses in the same words."""

from __future__ import annotations

import msgspec
import pytest

from services.sandbox.assemblyai.order import Order, Refusal, parse_order

URL = "http://host/audio.mp3"


def order(**fields: object) -> Order:
    """A request with these fields, as it is understood."""
    return parse_order(msgspec.json.encode({"audio_url": URL, **fields}))


def refusal(**fields: object) -> str:
    """Why it is refused."""
    with pytest.raises(Refusal) as caught:
        order(**fields)
    assert caught.value.status == 400
    return str(caught.value)


def test_unknown_fields_and_nulls_are_accepted() -> None:
    """A client of another version is not refused for what the sandbox does not know."""
    assert order(future_option={"a": 1}, language_code=None).audio_url == URL


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7"])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    """Broken bodies are the client's fault."""
    with pytest.raises(Refusal) as caught:
        parse_order(body)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"audio_url": ""}, "audio_url should start with http"),
        ({"audio_url": "speech.mp3"}, "audio_url should start with http"),
        ({"format_text": "yes"}, "format_text must be a Boolean"),
        ({"speakers_expected": "two"}, "Invalid endpoint schema"),
        ({"speech_model": "best"}, '"speech_model" is deprecated'),
        ({"speech_models": []}, '"speech_models" must be a non-empty list'),
        ({"speech_models": ["nano"]}, 'The "nano" speech model(s) have been deprecated.'),
        ({"word_boost": ["a"]}, '"word_boost" is not compatible with universal-3-5-pro.'),
        ({"keyterms_prompt": ["a"] * 1001}, "more than 1000 terms"),
        ({"speech_models": ["universal-2"], "keyterms_prompt": ["a"] * 201}, "more than 200 terms"),
        ({"keyterms_prompt": ["one two three four five six seven"]}, "more than 6 words"),
        ({"prompt": "word " * 1501}, "more than 1500 words"),
        ({"language_code": "de", "sentiment_analysis": True}, "not available in this language: sentiment_analysis"),
        ({"language_code": "haw", "speaker_labels": True}, "not available in this language: speaker_labels"),
        ({"language_code": "en", "language_detection": True}, "Language detection is not available"),
        ({"redact_pii_sub": "stars"}, "redact_pii_sub"),
        ({"speech_threshold": 1.5}, "speech_threshold must be between 0 and 1"),
        ({"webhook_url": "ftp://x"}, "webhook_url should start with http"),
    ],
)
def test_what_the_vendor_refuses_is_refused(fields: dict[str, object], words: str) -> None:
    """Each refusal names what is wrong."""
    assert words in refusal(**fields)


def test_limits_are_just_reached() -> None:
    """As many terms as are allowed pass."""
    assert len(order(keyterms_prompt=["a b c d e f"] * 1000).keyterms_prompt or ()) == 1000
    assert order(speech_models=["universal-2"], keyterms_prompt=["a"] * 200).model == "universal-2"
