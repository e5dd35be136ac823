"""What Deepgram is asked for a task, and what is refused because it could not do it."""

from __future__ import annotations

from typing import Any

import pytest

from services.transcriber.engines.deepgram.client import capabilities
from services.transcriber.engines.deepgram.request import MOST_TERM_BYTES, language_code, parameters
from services.transcriber.engines.deepgram.settings import DeepgramSettings
from services.transcriber.prices import price_list
from shared.engines import EngineRefused, choose
from shared.errors import JobError
from shared.schemas.engines import EngineOffer, EngineRules
from shared.schemas.jobs import Analysis, JobOptions, Redaction, RedactionSubstitute
from tests.rented import task


def asked(settings: DeepgramSettings | None = None, vocabulary: tuple[str, ...] = (), **options: Any) -> dict[str, list[str]]:
    """The query for a task with these options."""
    query: dict[str, list[str]] = {}
    wanted = task(options=JobOptions(**options), vocabulary=vocabulary)
    for name, value in parameters(wanted, settings or DeepgramSettings()):
        query.setdefault(name, []).append(value)
    return query


def test_a_plain_recording_has_its_language_detected_and_its_speakers_told_apart() -> None:
    """Nothing is asked that was not wanted, and recordings are kept out of training."""
    query = asked()
    assert query["detect_language"] == ["true"]
    assert query["diarize_model"] == ["latest"]
    assert query["mip_opt_out"] == ["true"]
    assert not {"language", "multichannel", "redact", "keyterm", "summarize"} & set(query)


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("en", "en"),
        ("en-GB", "en-GB"),
        ("en-ZA", "en"),
        ("zh-Hant-TW", "zh-TW"),
        ("zh-Hant", "zh-TW"),
        ("zh-Hant-HK", "zh-HK"),
        ("yue", "zh-HK"),
        ("zh-Hans-CN", "zh"),
        ("pt-br", "pt-BR"),
        ("nb", "no"),
    ],
)
def test_regions_are_told_where_deepgram_hears_them_apart(language: str, code: str) -> None:
    """Traditional characters come from Deepgram as such; a region it does not know is left out."""
    assert language_code(language) == code


def test_an_unknown_language_may_be_left_to_the_multilingual_model() -> None:
    """Where the operator has set so; it is charged under its own name."""
    query = asked(DeepgramSettings(deepgram_multilingual=True))
    assert query["language"] == ["multi"]
    assert "items:nova-3-multilingual,diarize" in query["extra"]
    assert asked(DeepgramSettings(deepgram_multilingual=True), language="en")["language"] == ["en"]


def test_channels_stand_for_speakers() -> None:
    """Whoever has a channel each need not be told apart, and that is not charged."""
    query = asked(channels=True)
    assert query["multichannel"] == ["true"]
    assert "diarize_model" not in query
    assert "items:nova-3" in query["extra"]


def test_key_terms_are_cut_where_deepgram_would_refuse_them_all() -> None:
    """As many as certainly fit, and the transcript will say so."""
    query = asked(vocabulary=("Audio2txt", "x" * MOST_TERM_BYTES))
    assert query["keyterm"] == ["Audio2txt"]
    assert "vocabulary:cut" in query["extra"]
    assert "vocabulary:cut" not in asked(vocabulary=("Audio2txt",))["extra"]


def test_what_is_asked_can_be_priced() -> None:
    """The names of what is charged are those of the price list."""
    query = asked(vocabulary=("Audio2txt",), language="en", redaction=Redaction(categories=("person_name", "pci")), analyses=())
    items = next(note for note in query["extra"] if note.startswith("items:")).removeprefix("items:").split(",")
    assert query["redact"] == ["name", "pci"]
    assert set(items) <= {price.item for price in price_list().prices if price.provider == "deepgram"}


def test_analyses_are_asked_by_deepgrams_names() -> None:
    """Each by a parameter of its own."""
    query = asked(language="en", analyses=(Analysis.ENTITIES, Analysis.SENTIMENT, Analysis.TOPICS, Analysis.SUMMARY))
    assert [query[name] for name in ("detect_entities", "sentiment", "topics", "summarize")] == [["true"]] * 3 + [["v2"]]


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ({"redaction": Redaction(categories=("star_sign",)), "language": "en"}, "feature_not_supported", "star_sign"),
        ({"redaction": Redaction(categories=("pii",))}, "feature_not_supported", "name the language"),
        ({"redaction": Redaction(categories=("pii",)), "language": "de"}, "feature_not_supported", "from de"),
        ({"redaction": Redaction(categories=("numbers",)), "language": "ja"}, "feature_not_supported", "from ja"),
        (
            {"redaction": Redaction(categories=("pii",), substitute=RedactionSubstitute.HASH), "language": "en"},
            "feature_not_supported",
            "substitute",
        ),
        ({"analyses": (Analysis.SUMMARY,), "language": "fr"}, "feature_not_supported", "summary"),
    ],
)
def test_what_deepgram_would_not_remove_or_find_is_refused(options: dict[str, Any], code: str, words: str) -> None:
    """Before anything is sent: what must not appear would otherwise be stored here."""
    with pytest.raises(JobError, match=words) as refused:
        asked(**options)
    assert refused.value.failure.code == code
    offer = EngineOffer(name="deepgram", rented=True, is_default=True, capabilities=capabilities(DeepgramSettings()))
    with pytest.raises(EngineRefused):
        choose(JobOptions(**options), EngineRules(), (offer,))
    assert not refused.value.failure.retryable


def test_numbers_can_be_removed_in_more_languages() -> None:
    """As Deepgram documents."""
    assert asked(language="de", redaction=Redaction(categories=("numbers",)))["redact"] == ["numbers"]
