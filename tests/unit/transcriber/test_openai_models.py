"""Each model is asked in its own words, and declares what it can."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from services.transcriber.engines.openai.models import Field, Model, requests, retires
from services.transcriber.engines.openai.settings import ResponseSetting


def asked(
    name: str, *, setting: str = "auto", language: str | None = "zh", vocabulary: Sequence[str] = ("華碩", "ASUS")
) -> list[list[Field]]:
    """What the model is asked, and what is tried where that is refused; without its name."""
    forms = requests(Model.of(name, ResponseSetting(setting)), language=language, vocabulary=vocabulary)
    return [[field for field in form if field[0] != "model"] for form in forms]


def test_whisper_is_asked_for_words_and_takes_key_terms_as_a_prompt() -> None:
    """Servers that cannot time words are asked for segments, and those that tell no times at all for text."""
    hints = [("language", "zh"), ("prompt", "華碩, ASUS"), ("temperature", "0")]
    times = [("timestamp_granularities[]", "word"), ("timestamp_granularities[]", "segment")]
    assert asked("Systran/faster-whisper-large-v3") == [
        [*hints, ("response_format", "verbose_json"), *times],
        [*hints, ("response_format", "verbose_json")],
        [*hints, ("response_format", "json")],
    ]


def test_gpt_transcribe_takes_lists() -> None:
    """The singular `language` it would ignore without a word, and temperature it does not know."""
    hints = [("languages[]", "zh"), ("keywords[]", "華碩"), ("keywords[]", "ASUS")]
    assert asked("gpt-transcribe") == [[*hints, ("response_format", "json")]]
    assert asked("openai/gpt-transcribe") == asked("gpt-transcribe")


def test_a_diarizing_model_takes_no_key_terms() -> None:
    """It would refuse a prompt."""
    assert asked("gpt-4o-transcribe-diarize")[0] == [
        ("language", "zh"),
        ("response_format", "diarized_json"),
        ("chunking_strategy", "auto"),
    ]
    assert Model.of("gpt-4o-transcribe-diarize", ResponseSetting.AUTO).vocabulary is None


def test_nothing_is_hinted_that_was_not_given() -> None:
    """An unknown language is left to the model."""
    assert asked("gpt-transcribe", language=None, vocabulary=()) == [[("response_format", "json")]]


def test_an_operators_choice_is_not_replaced() -> None:
    """Who sets a form wants that form or a refusal."""
    assert [form[-1] for form in asked("whisper-1", setting="json")] == [("response_format", "json")]
    assert ("response_format", "json") not in asked("whisper-1", setting="verbose_json")[-1]


def test_languages_are_named_as_the_model_knows_them() -> None:
    """Bokmål is Norwegian to it."""
    assert ("languages[]", "no") in asked("gpt-transcribe", language="nb")[0]
    languages = Model.of("gpt-transcribe", ResponseSetting.AUTO).languages
    assert languages is not None
    assert {"nb", "zh", "en"} <= languages
    assert "la" not in languages


def test_pieces_are_short_where_times_must_be_guessed() -> None:
    """The shorter the piece, the smaller the error."""
    lengths = [
        Model.of(name, ResponseSetting.AUTO).longest_ms for name in ("gpt-transcribe", "whisper-1", "gpt-4o-transcribe-diarize")
    ]
    assert lengths == sorted(lengths)
    assert lengths[-1] < 1_400_000


@pytest.mark.parametrize(
    ("name", "ends"),
    [("whisper-1", True), ("gpt-4o-mini-transcribe", True), ("gpt-4o-transcribe-diarize", True), ("gpt-transcribe", False)],
)
def test_models_whose_end_is_announced_are_known(name: str, ends: bool) -> None:
    """Operators are told before they stop."""
    assert retires(name) is ends
