"""A job gets the engine it asks for, or learns which ones could do it."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

import pytest

from services.transcriber.engines import Capabilities, EngineCrashed, Finished, Pending, Task
from services.transcriber.engines.local.models import Model
from services.transcriber.engines.registry import Engines
from services.transcriber.engines.scripted import ScriptedEngine
from services.transcriber.settings import TranscriberSettings
from shared.errors import ConfigurationError, JobError
from shared.schemas.engines import EngineRules
from shared.schemas.jobs import JobOptions

JOB = UUID("01936d1e-0000-7000-8000-000000000001")


class EnglishOnly(ScriptedEngine):
    """An engine with one language."""

    name = "english"
    capabilities = Capabilities(languages=frozenset({"en"}))


def _engines(default: str = "english") -> Engines:
    settings = TranscriberSettings()
    return Engines({"english": EnglishOnly(settings), "scripted": ScriptedEngine(settings)}, default=default)


def _refusal(options: JobOptions) -> JobError:
    with pytest.raises(JobError) as caught:
        _engines().check(options)
    return caught.value


def test_a_job_that_names_no_engine_gets_the_default() -> None:
    """And one that names one gets that; a tenant's choice stands between them."""
    assert _engines().name_for(JobOptions()) == "english"
    assert _engines().name_for(JobOptions(), EngineRules(engine="scripted")) == "scripted"
    assert _engines().name_for(JobOptions(engine="scripted")) == "scripted"


def test_what_a_process_offers_says_what_each_engine_can_do() -> None:
    """With the default marked, and whether the deployment has a key of its own."""
    english, scripted = _engines().offers
    assert (english.name, english.is_default, english.capabilities) == ("english", True, EnglishOnly.capabilities)
    assert (scripted.name, scripted.is_default, scripted.rented, scripted.has_key) == ("scripted", False, True, True)


def test_a_tenant_s_rules_bind_the_engines() -> None:
    """Whatever the gateway has let through."""
    with pytest.raises(JobError, match="may not leave the house"):
        _engines().check(JobOptions(), EngineRules(allow_rented=False))


def test_an_unknown_engine_is_answered_with_those_there_are() -> None:
    """The customer can choose at once."""
    error = _refusal(JobOptions(engine="alexander"))
    assert error.failure.code == "unknown_engine"
    assert "english, scripted" in error.failure.message


def test_a_language_the_engine_does_not_know_is_answered_with_engines_that_do() -> None:
    """Script and region do not matter to engines."""
    error = _refusal(JobOptions(language="zh-Hant"))
    assert error.failure.code == "language_not_supported"
    assert "scripted" in error.failure.message
    _engines().check(JobOptions(language="en-GB"))
    _engines().check(JobOptions(language="auto"))


def test_a_default_that_does_not_exist_stops_the_start() -> None:
    """The operator learns it at once, not with the first job."""
    with pytest.raises(ConfigurationError, match="AUDIO2TXT_ENGINE"):
        _engines(default="assemblyai")


def _model_folder(path: Path, tokens: int) -> str:
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (path / name).write_bytes(b"{}")
    (path / "vocabulary.json").write_text(json.dumps([str(number) for number in range(tokens)]))
    return str(path)


def test_what_a_model_speaks_is_seen_from_its_vocabulary(tmp_path: Path) -> None:
    """Without loading it, which takes memory that an idle process should not."""
    assert Model.find(_model_folder(tmp_path, 51_864)).languages == {"en"}
    multilingual = Model.find(_model_folder(tmp_path, 51_865))
    assert {"zh", "en", "de", "nb", "jv"} <= multilingual.languages
    assert "yue" not in multilingual.languages
    assert "yue" in Model.find(_model_folder(tmp_path, 51_866)).languages
    assert multilingual.code("nb") == "no"


def test_a_folder_without_a_model_stops_the_start(tmp_path: Path) -> None:
    """The message names the folder and what it lacks."""
    with pytest.raises(ConfigurationError, match=r"lacks model\.bin"):
        Model.find(str(tmp_path))


def _task(crashes: int = 0) -> Task:
    return Task(tenant_id=JOB, job_id=JOB, run=1, language=None, source_key="x", crashes=crashes)


async def test_the_scripted_engine_talks_as_long_as_it_is_told() -> None:
    """An hour is about nine thousand words of two speakers, in English and Chinese, always the same ones."""
    engine = ScriptedEngine(TranscriberSettings(scripted_seconds=3_600, scripted_delay=0))
    provider_id = await engine.submit(_task(), {})
    finished = await engine.poll(_task(), provider_id)
    assert isinstance(finished, Finished)
    assert finished.raw is not None
    heard = engine.parse(finished.raw)
    assert heard.duration_ms == 3_600_000
    assert 8_900 < sum(len(passage.words) for passage in heard.passages) <= 9_000
    assert {passage.speaker for passage in heard.passages} == {"A", "B"}
    assert {passage.language for passage in heard.passages} == {"en", "zh"}


async def test_the_scripted_engine_takes_its_time() -> None:
    """Until the delay is over, it is asked again."""
    engine = ScriptedEngine(TranscriberSettings(scripted_delay=1_000))
    pending = await engine.poll(_task(), await engine.submit(_task(), {}))
    assert isinstance(pending, Pending)
    assert (pending.seconds or 0) <= 5


async def test_the_scripted_engine_breaks_down_as_often_as_it_is_told() -> None:
    """And then works."""
    engine = ScriptedEngine(TranscriberSettings(scripted_delay=0, scripted_failures=2))
    provider_id = await engine.submit(_task(), {})
    for crashes in (0, 1):
        with pytest.raises(EngineCrashed):
            await engine.poll(_task(crashes), provider_id)
    assert isinstance(await engine.poll(_task(2), provider_id), Finished)


async def test_the_scripted_engine_can_hang() -> None:
    """Only the deadline ends such a job."""
    engine = ScriptedEngine(TranscriberSettings(scripted_delay=0, scripted_hang=True))
    assert isinstance(await engine.poll(_task(), await engine.submit(_task(), {})), Pending)
