"""What AssemblyAI is asked for, from what the customer asked for."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any
from uuid import uuid4

import assemblyai as aai
import msgspec
import pytest

from services.transcriber.engines import Account, Hooks, News, Task
from services.transcriber.engines.assemblyai import callbacks, request
from services.transcriber.engines.assemblyai.languages import LANGUAGES, NEWEST, REDACTABLE, SEPARABLE, its_code, usual_code
from services.transcriber.engines.assemblyai.redaction import CATEGORIES, LIMITS, UNREDACTED
from services.transcriber.engines.assemblyai.settings import AssemblyAISettings
from shared.engines import EngineRefused, choose
from shared.errors import ConfigurationError, JobError
from shared.schemas.engines import Capabilities, EngineOffer, EngineRules, Feature
from shared.schemas.jobs import Analysis, JobOptions, Redaction, RedactionSubstitute, SpeakerRange
from shared.settings import load

OFFER = EngineOffer(
    name="assemblyai",
    rented=True,
    is_default=True,
    capabilities=Capabilities(features=frozenset(Feature), analyses=frozenset(Analysis), redaction=LIMITS),
)
MODELS = ("universal-3-5-pro", "universal-2")
HOOKS = Hooks(url="https://example.org/hooks", secret=b"secret")


def task(*, language: str | None = None, vocabulary: tuple[str, ...] = (), **options: Any) -> Task:
    """A task with such options."""
    return Task(
        tenant_id=uuid4(),
        job_id=uuid4(),
        run=1,
        language=language,
        source_key="t/1/j/1/source/audio",
        options=JobOptions(**options),
        vocabulary=vocabulary,
        account=Account(engine="assemblyai", id="a1", key="k"),
        token="to ken&",
    )


def asked(one: Task, *, models: tuple[str, ...] = MODELS, hooks: Hooks | None = None) -> dict[str, Any]:
    """The request as AssemblyAI sees it."""
    body: dict[str, Any] = msgspec.json.decode(request.body(one, "https://cdn/upload/1", models=models, hooks=hooks))
    return body


def test_the_plainest_request() -> None:
    """Models are always named, the language is detected, speakers are told apart, and nothing else is sent."""
    assert asked(task()) == {
        "audio_url": "https://cdn/upload/1",
        "speech_models": ["universal-3-5-pro", "universal-2"],
        "language_detection": True,
        "speaker_labels": True,
    }


def test_a_told_language_is_not_detected() -> None:
    """The language goes in AssemblyAI's code; in one in which it cannot tell speakers apart, it is not asked to."""
    body = asked(task(language="nb"))
    assert body["language_code"] == "no"
    assert "language_detection" not in body
    assert "speaker_labels" not in asked(task(language="th"))


@pytest.mark.parametrize(
    ("speakers", "expected"),
    [
        (SpeakerRange(min=2, max=2), {"speakers_expected": 2}),
        (SpeakerRange(min=2), {"speaker_options": {"min_speakers_expected": 2}}),
        (SpeakerRange(min=2, max=4), {"speaker_options": {"min_speakers_expected": 2, "max_speakers_expected": 4}}),
        (SpeakerRange(), {}),
    ],
)
def test_expected_speakers(speakers: SpeakerRange, expected: dict[str, Any]) -> None:
    """Only a number that is certain is told as one; a range bounds the search."""
    body = asked(task(speakers=speakers))
    assert {name: body[name] for name in ("speakers_expected", "speaker_options") if name in body} == expected


def test_channels_take_the_place_of_speakers() -> None:
    """Where each channel is a speaker, voices are not told apart as well."""
    body = asked(task(channels=True, speakers=SpeakerRange(min=2, max=2)))
    assert body["multichannel"] is True
    assert "speaker_labels" not in body
    assert "speakers_expected" not in body


def test_key_terms_keep_to_the_limits_of_the_model_that_will_hear_them() -> None:
    """A thousand terms for the newest models, two hundred for the older; none twice, and none of more than six words."""
    many = tuple(f"term {number}" for number in range(1500))
    assert asked(task(vocabulary=many))["keyterms_prompt"] == list(many[:1000])
    assert asked(task(vocabulary=many, language="zh"))["keyterms_prompt"] == list(many[:1000])
    assert len(asked(task(vocabulary=many, language="mi"))["keyterms_prompt"]) == 200
    assert len(asked(task(vocabulary=many), models=("universal-2",))["keyterms_prompt"]) == 200
    assert asked(task(vocabulary=("a", "one two three four five six seven", "a")))["keyterms_prompt"] == ["a"]
    assert "keyterms_prompt" not in asked(task())


def test_more_key_terms_of_the_job_than_are_taken_are_refused() -> None:
    """Those of the tenant give way; what the customer asked for is not dropped in silence."""
    many = tuple(f"term {number}" for number in range(201))
    request.check(task(vocabulary=many, language="mi"), models=MODELS)
    request.check(task(vocabulary=many, language="zh"), models=MODELS)
    with pytest.raises(JobError, match="200 key terms, and not 201") as refused:
        request.check(replace(task(language="mi"), options=JobOptions(vocabulary=many)), models=MODELS)
    assert refused.value.failure.code == "too_many_terms"


def test_redaction() -> None:
    """Text and sound are redacted as asked, and never is the unredacted text asked for as well."""
    redaction = Redaction(categories=("person_name", "phone_number"), substitute=RedactionSubstitute.HASH, audio=True)
    body = asked(task(redaction=redaction))
    assert body["redact_pii"] is True
    assert body["redact_pii_policies"] == ["person_name", "phone_number"]
    assert body["redact_pii_sub"] == "hash"
    assert body["redact_pii_audio"] is True
    assert "redact_pii_return_unredacted" not in body
    body = asked(task(redaction=Redaction(categories=("person_name",))))
    assert body["redact_pii_sub"] == "entity_name"
    assert "redact_pii_audio" not in body


def test_the_categories_are_those_of_the_package() -> None:
    """They are written down once more, so that declaring them does not need the package."""
    assert {policy.value for policy in aai.PIIRedactionPolicy} == CATEGORIES


def test_a_category_that_nobody_knows_is_refused_before_anything_is_sent() -> None:
    """The customer reads which one it is, and what it may have been meant to be."""
    with pytest.raises(EngineRefused, match=r"'person_nam'; near it are: .*person_name") as refused:
        choose(JobOptions(redaction=Redaction(categories=("person_nam",))), EngineRules(), (OFFER,))
    assert refused.value.failure.code == "redaction_not_supported"
    choose(JobOptions(redaction=Redaction(categories=("person_name",))), EngineRules(), (OFFER,))


@pytest.mark.parametrize("analysis", sorted(Analysis))
def test_what_would_repeat_removed_words_is_not_combined_with_redaction(analysis: Analysis) -> None:
    """AssemblyAI removes nothing from some of its analyses, so that they would tell what must not be told."""
    both = JobOptions(redaction=Redaction(categories=("person_name",)), analyses=(analysis,))
    if analysis in UNREDACTED:
        with pytest.raises(EngineRefused, match=analysis.value) as refused:
            choose(both, EngineRules(), (OFFER,))
        assert refused.value.failure.code == "redaction_not_supported"
    else:
        choose(both, EngineRules(), (OFFER,))
    choose(JobOptions(analyses=(analysis,)), EngineRules(), (OFFER,))


def test_analyses() -> None:
    """Each analysis has its switch; chapters and summary come from one model, asked once."""
    body = asked(task(analyses=tuple(Analysis)))
    for name in ("entity_detection", "sentiment_analysis", "iab_categories", "auto_highlights", "content_safety"):
        assert body[name] is True
    assert body["speech_understanding"] == {"request": {"summarization": {"summary_type": "paragraph"}}}
    assert not {"summarization", "auto_chapters", "summary_type", "summary_model"} & set(body)
    assert "speech_understanding" not in asked(task(analyses=(Analysis.ENTITIES,)))


def test_a_callback_goes_to_our_hooks_with_the_token_and_the_secret() -> None:
    """What AssemblyAI is told to call is what is heeded when it calls."""
    body = asked(task(), hooks=HOOKS)
    assert body["webhook_url"] == "https://example.org/hooks/assemblyai?call=to+ken%26"
    headers = {body["webhook_auth_header_name"].lower(): body["webhook_auth_header_value"]}
    assert "secret" not in body["webhook_auth_header_value"]
    notice = b'{"transcript_id": "t1", "status": "completed"}'
    assert callbacks.read(HOOKS, headers, {"call": "to ken&"}, notice) == News(token="to ken&", provider_id="t1")
    ready = b'{"status": "redacted_audio_ready", "redacted_audio_url": "https://x/y.mp3"}'
    assert callbacks.read(HOOKS, headers, {"call": "to ken&"}, ready) == News(token="to ken&")
    assert callbacks.read(HOOKS, headers, {"call": "to ken&"}, b"\xff{") == News(token="to ken&")


def test_a_call_without_the_secret_or_the_token_is_nobodys() -> None:
    """Neither another secret, nor none, nor one that is no text is heeded."""
    right = callbacks.header_secret(HOOKS)
    name = callbacks.HEADER.lower()
    for headers in ({}, {name: ""}, {name: right[:-1]}, {name: "é"}, {name.title(): right}):
        assert callbacks.read(HOOKS, headers, {"call": "t"}, b"{}") is None
    assert callbacks.read(HOOKS, {name: right}, {}, b"{}") is None


def test_languages() -> None:
    """Codes go there and come back; what needs a language names one that is heard."""
    assert (its_code("zh-Hant"), its_code("jv"), its_code("en-GB")) == ("zh", "jw", "en")
    assert (usual_code("en_us"), usual_code("zh"), usual_code("jw"), usual_code("pt-BR")) == ("en", "zh", "jv", "pt")
    assert (SEPARABLE | REDACTABLE | NEWEST) <= LANGUAGES
    assert all(len(code) in (2, 3) for code in LANGUAGES)


def test_settings() -> None:
    """The region chooses the URL, another URL takes its place, and a wrong region is refused by name."""
    assert load(AssemblyAISettings, {}).service == "https://api.assemblyai.com"
    assert load(AssemblyAISettings, {"AUDIO2TXT_ASSEMBLYAI_REGION": "eu"}).service == "https://api.eu.assemblyai.com"
    environment = {"AUDIO2TXT_ASSEMBLYAI_URL": "http://127.0.0.1:9", "AUDIO2TXT_ASSEMBLYAI_MODELS": "universal-2"}
    settings = load(AssemblyAISettings, environment)
    assert (settings.service, settings.models) == ("http://127.0.0.1:9", ("universal-2",))
    with pytest.raises(ConfigurationError, match="AUDIO2TXT_ASSEMBLYAI_REGION"):
        load(AssemblyAISettings, {"AUDIO2TXT_ASSEMBLYAI_REGION": "mars"})


def test_the_package_is_loaded_with_the_first_task_only() -> None:
    """It takes half a second and some megabytes, which a process that rents nothing must not pay."""
    program = "import sys, services.transcriber.engines.assemblyai; print('assemblyai' in sys.modules, 'httpx' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "False"]


def test_the_package_does_not_bring_settings_of_its_own() -> None:
    """`pydantic-settings` would change how the package checks its configuration; nothing here depends on it."""
    import assemblyai

    assert not assemblyai.types.pydantic_v2
