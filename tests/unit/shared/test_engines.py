"""Which engine a job gets, and what a customer is told who cannot have it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
import pytest

from shared.engines import VOCABULARY_CUT, EngineRefused, choose, engine_for, key_terms
from shared.schemas.engines import Capabilities, EngineOffer, EngineRules, Feature, RedactionLimits, VocabularyLimits
from shared.schemas.jobs import Analysis, JobOptions, Redaction, RedactionSubstitute, SpeakerRange
from shared.schemas.vocabularies import Vocabulary, VocabularyTerm

MEBIBYTE = 1024 * 1024
LOCAL = EngineOffer(name="local", rented=False, is_default=True, capabilities=Capabilities(languages=frozenset({"en"})))
GRAND = EngineOffer(
    name="grand",
    rented=True,
    capabilities=Capabilities(
        features=frozenset(Feature),
        feature_languages={Feature.REDACTION: frozenset({"en", "de"})},
        analyses=frozenset({Analysis.ENTITIES, Analysis.TOPICS}),
        vocabulary=VocabularyLimits(terms=3, words=2),
        largest_bytes=MEBIBYTE,
    ),
)
KEYLESS = EngineOffer(
    name="keyless",
    rented=True,
    has_key=False,
    capabilities=Capabilities(features=frozenset({Feature.VOCABULARY}), vocabulary=VocabularyLimits(terms=100)),
)
OFFERS = (GRAND, KEYLESS, LOCAL)
RENTED_DEFAULT = (
    EngineOffer(name="grand", rented=True, is_default=True, capabilities=GRAND.capabilities),
    EngineOffer(name="local", rented=False, capabilities=LOCAL.capabilities),
)
RENTED_ONLY = RENTED_DEFAULT[:1]
IN_HOUSE = EngineRules(allow_rented=False)
WITH_KEY = EngineRules(keys=frozenset({"keyless"}))


def refusal(rules: EngineRules | None = None, offers: tuple[EngineOffer, ...] = OFFERS, **options: Any) -> EngineRefused:
    """Why a job gets no engine."""
    size = options.pop("size", None)
    with pytest.raises(EngineRefused) as caught:
        choose(JobOptions(**options), rules or EngineRules(), offers, size=size)
    return caught.value


def chosen(rules: EngineRules | None = None, offers: tuple[EngineOffer, ...] = OFFERS, **options: Any) -> str:
    """The engine a job gets."""
    size = options.pop("size", None)
    return choose(JobOptions(**options), rules or EngineRules(), offers, size=size).name


def test_the_job_s_word_comes_before_the_tenant_s_and_that_before_the_deployment_s() -> None:
    """Each may leave it to the next."""
    assert chosen() == "local"
    assert chosen(EngineRules(engine="grand")) == "grand"
    assert chosen(EngineRules(engine="grand"), engine="local") == "local"


def test_where_audio_may_not_leave_the_house_one_in_the_house_stands_in_for_the_default() -> None:
    """Nobody has named the rented one, so nobody is refused."""
    assert chosen(offers=RENTED_DEFAULT) == "grand"
    assert chosen(IN_HOUSE, RENTED_DEFAULT) == "local"


def test_a_rented_engine_is_refused_where_audio_may_not_leave_the_house() -> None:
    """Whoever names it, and also when there is no other; the answer names one that may and can."""
    refused = refusal(IN_HOUSE, engine="grand", language="en")
    assert (refused.failure.code, refused.pointer, refused.engines) == ("engine_forbidden", "/engine", ("local",))
    assert "choose one of these engines: local" in refused.failure.message
    assert refusal(EngineRules(engine="grand", allow_rented=False)).failure.code == "engine_forbidden"
    assert refusal(IN_HOUSE, RENTED_ONLY).failure.code == "engine_forbidden"
    assert refusal(IN_HOUSE, engine="grand", language="zh").engines == ()


def test_an_unknown_engine_is_answered_with_those_the_tenant_may_use() -> None:
    """Not with those it has no key for."""
    refused = refusal(engine="alexander")
    assert (refused.failure.code, refused.pointer) == ("unknown_engine", "/engine")
    assert refused.failure.message == "There is no engine 'alexander' here; choose one of: grand, local."
    assert "choose one of: grand, keyless, local" in refusal(WITH_KEY, engine="alexander").failure.message
    assert "none that you may use" in refusal(IN_HOUSE, RENTED_ONLY, engine="alexander").failure.message


def test_an_engine_without_the_deployment_s_key_is_for_tenants_with_their_own() -> None:
    """The others are told whom to ask."""
    refused = refusal(engine="keyless", language="en")
    assert (refused.failure.code, refused.engines) == ("engine_key_missing", ("grand", "local"))
    assert chosen(WITH_KEY, engine="keyless") == "keyless"


def test_a_language_that_the_engine_does_not_understand_is_answered_with_those_that_do() -> None:
    """Script and region do not matter to engines; to detect the language is left to them."""
    refused = refusal(language="zh-Hant")
    assert (refused.failure.code, refused.pointer, refused.engines) == ("language_not_supported", "/language", ("grand",))
    assert refused.failure.message == (
        "The engine local does not understand zh-Hant, only en; choose one of these engines: grand."
    )
    assert chosen(language="en-GB") == chosen(language="auto") == "local"
    assert "AUDIO2TXT_LOCAL_MODEL" in refusal(IN_HOUSE, language="zh").failure.message


@pytest.mark.parametrize(
    ("pointer", "options"),
    [
        ("/speakers", {"speakers": SpeakerRange(min=2)}),
        ("/vocabulary", {"vocabulary": ("Audio2txt",)}),
        ("/channels", {"channels": True}),
        ("/redaction", {"redaction": Redaction(categories=("person_name",))}),
        ("/redaction", {"redaction": Redaction(categories=("person_name",), audio=True)}),
        ("/analyses", {"analyses": (Analysis.ENTITIES,)}),
    ],
)
def test_what_the_engine_cannot_do_is_never_left_out_silently(pointer: str, options: dict[str, Any]) -> None:
    """The answer points to the wish and names the engines that could."""
    refused = refusal(**options)
    assert (refused.failure.code, refused.pointer, refused.engines) == ("feature_not_supported", pointer, ("grand",))
    assert refused.failure.message.endswith("choose one of these engines: grand.")
    assert chosen(engine="grand", **options) == "grand"
    assert "so ask for less" in refusal(IN_HOUSE, **options).failure.message


def test_redacted_audio_is_asked_for_by_itself() -> None:
    """An engine may redact the text alone."""
    offer = EngineOffer(
        name="texts", rented=False, is_default=True, capabilities=Capabilities(features=frozenset({Feature.REDACTION}))
    )
    assert chosen(offers=(offer,), redaction=Redaction(categories=("person_name",))) == "texts"
    refused = refusal(offers=(offer,), redaction=Redaction(categories=("person_name",), audio=True))
    assert refused.pointer == "/redaction/audio"


def test_a_feature_may_work_in_some_languages_only() -> None:
    """In others it is refused by name; where the language is to be detected, the engine decides."""
    redaction = Redaction(categories=("person_name",))
    refused = refusal(engine="grand", language="zh", redaction=redaction)
    assert refused.failure.message == (
        "The engine grand cannot remove what must not appear in zh; "
        "no engine here can do all that the job asks for, so ask for less."
    )
    assert chosen(engine="grand", language="de", redaction=redaction) == "grand"
    assert chosen(engine="grand", redaction=redaction) == "grand"


PICKY = EngineOffer(
    name="picky",
    rented=False,
    capabilities=Capabilities(
        features=frozenset({Feature.REDACTION}),
        analyses=frozenset(Analysis),
        analysis_languages={Analysis.TOPICS: frozenset({"en"})},
        redaction=RedactionLimits(
            categories=frozenset({"person_name", "phone_number", "numbers"}),
            category_languages={"person_name": frozenset({"en"}), "phone_number": frozenset({"en"})},
            substitutes=frozenset({RedactionSubstitute.CATEGORY}),
            detects_language=False,
            unredacted=frozenset({Analysis.ENTITIES, Analysis.SUMMARY}),
        ),
    ),
)


@pytest.mark.parametrize(
    ("pointer", "words", "options"),
    [
        ("/redaction/categories", "cannot remove 'person_nam'; near it are: person_name", {"categories": ("person_nam",)}),
        ("/redaction/categories", "cannot remove 'zzz'", {"categories": ("numbers", "zzz")}),
        (
            "/redaction/categories",
            "cannot remove 'person_name' from de",
            {"language": "de", "categories": ("numbers", "person_name")},
        ),
        ("/redaction/substitute", "puts category in place", {"substitute": RedactionSubstitute.HASH}),
        ("/language", "removes words only where the language is named", {"language": "auto"}),
        ("/analyses", "removes nothing from entities", {"analyses": (Analysis.ENTITIES, Analysis.TOPICS)}),
    ],
)
def test_what_an_engine_cannot_remove_is_refused_before_anything_is_sent(
    pointer: str, words: str, options: dict[str, Any]
) -> None:
    """In its own words, and with the engines that could."""
    redaction = Redaction(
        categories=options.pop("categories", ("person_name",)),
        substitute=options.pop("substitute", RedactionSubstitute.CATEGORY),
    )
    wanted = {"language": "en", "engine": "picky", **options}
    refused = refusal(offers=(PICKY, GRAND), **wanted, redaction=redaction)
    assert (refused.failure.code, refused.pointer) == ("redaction_not_supported", pointer)
    assert words in refused.failure.message
    assert refused.engines == (("grand",) if wanted["language"] in ("en", "de", "auto") else ())
    assert chosen(offers=(PICKY,), engine="picky", language="en", redaction=Redaction(categories=("person_name",))) == "picky"
    assert chosen(offers=(PICKY,), engine="picky", language="de", redaction=Redaction(categories=("numbers",))) == "picky"


def test_an_analysis_may_work_in_some_languages_only() -> None:
    """In others it is refused by name."""
    refused = refusal(offers=(PICKY,), engine="picky", language="de", analyses=(Analysis.SENTIMENT, Analysis.TOPICS))
    assert (refused.failure.code, refused.pointer) == ("feature_not_supported", "/analyses")
    assert "does not find out topics in de" in refused.failure.message
    assert chosen(offers=(PICKY,), engine="picky", language="en", analyses=(Analysis.TOPICS,)) == "picky"


def test_engines_that_could_can_do_all_of_it() -> None:
    """Not only what the first one failed at."""
    assert refusal(vocabulary=("a", "b", "c", "d"), channels=True).engines == ()
    assert refusal(WITH_KEY, vocabulary=("a", "b", "c", "d")).engines == ("keyless",)


def test_a_job_s_own_terms_are_not_cut() -> None:
    """Too many of them, or too long ones, are refused with the limit."""
    refused = refusal(WITH_KEY, engine="grand", vocabulary=("a", "b", "c", "d"))
    assert (refused.failure.code, refused.pointer, refused.engines) == ("too_many_terms", "/vocabulary", ("keyless",))
    assert "takes 3 key terms, and not 4" in refused.failure.message
    refused = refusal(engine="grand", vocabulary=("one two three",))
    assert refused.failure.code == "term_too_long"
    assert "takes key terms of 2 words, and not of 3" in refused.failure.message


def test_a_file_larger_than_the_engine_takes_is_refused() -> None:
    """Where its size is known."""
    refused = refusal(engine="grand", size=MEBIBYTE + 1)
    assert (refused.failure.code, refused.pointer, refused.engines) == ("file_too_large", "/upload_id", ("local",))
    assert chosen(engine="grand", size=MEBIBYTE) == chosen(engine="grand") == "grand"


def test_the_tenant_s_terms_follow_the_job_s_as_far_as_they_fit() -> None:
    """Each once; what does not fit is noted."""
    grand = GRAND.capabilities
    rules = EngineRules(vocabulary=("tenant one", "job two", "one two three", "tenant two", "tenant three"))
    terms = key_terms(JobOptions(vocabulary=("job one", "job two")), rules, grand)
    assert terms.terms == ("job one", "job two", "tenant one")
    assert terms.notes == (VOCABULARY_CUT,)
    whole = key_terms(JobOptions(vocabulary=("job one",)), EngineRules(vocabulary=("tenant one",)), grand)
    assert (whole.terms, whole.notes) == (("job one", "tenant one"), ())


def test_terms_of_vocabularies_come_between_those_of_the_job_and_the_tenants() -> None:
    """As many as the engine takes in the language; that some were left out is noted."""
    limits = VocabularyLimits(terms=4, languages=frozenset({"en"}), elsewhere=2)
    able = msgspec.structs.replace(GRAND.capabilities, vocabulary=limits)
    board = Vocabulary(id=UUID(int=1), name="Board", version=1, terms=(VocabularyTerm(text="set"), VocabularyTerm(text="job")))
    rules = EngineRules(vocabulary=("tenant",))
    given = {
        language: key_terms(JobOptions(language=language, vocabulary=("job",), vocabularies=(board,)), rules, able)
        for language in ("en-GB", "mi")
    }
    assert (given["en-GB"].terms, given["en-GB"].notes) == (("job", "set", "tenant"), ())
    assert (given["mi"].terms, given["mi"].notes) == (("job", "set"), ("vocabulary_cut",))


def test_an_engine_without_key_terms_hears_a_tenant_with_some() -> None:
    """They are a help and no condition; the transcript says that it was made without."""
    terms = key_terms(JobOptions(), EngineRules(vocabulary=("Dr. Chen",)), LOCAL.capabilities)
    assert (terms.terms, terms.notes) == ((), (VOCABULARY_CUT,))
    assert chosen(EngineRules(vocabulary=("Dr. Chen",))) == "local"
    assert key_terms(JobOptions(), EngineRules(), LOCAL.capabilities).notes == ()


def test_without_a_default_nobody_named_the_one_in_the_house_is_meant() -> None:
    """As while a deployment changes."""
    assert engine_for(JobOptions(), EngineRules(), (GRAND, KEYLESS)) == "local"
