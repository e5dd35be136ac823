"""The files below `deploy/` agree with the code and with each other."""

from __future__ import annotations

import importlib
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.runtime import SERVICES
from shared.settings import PlatformSettings, Settings, describe, load

DEPLOY = Path(__file__).parents[3] / "deploy"
COMPOSE = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
EXAMPLE = (DEPLOY / "env.example").read_text(encoding="utf-8")
VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")
A_SECRET = "0123456789abcdef" * 3


def test_every_variable_of_compose_is_explained_and_every_explained_one_is_used() -> None:
    """Who fills in `env.example` has filled in all there is, and nothing in vain."""
    explained = set(re.findall(r"^(\w+)=", EXAMPLE, re.MULTILINE))
    assert explained == {match[1] for match in VARIABLE.finditer(COMPOSE)}


def test_what_has_no_default_stops_compose_with_a_sentence() -> None:
    """An empty secret is refused by its name, wherever it is used; only the first key may be absent."""
    empty = set(re.findall(r"^(\w+)=$", EXAMPLE, re.MULTILINE)) - {"AUDIO2TXT_BOOTSTRAP_API_KEY"}
    refused = {match[1] for match in VARIABLE.finditer(COMPOSE) if match[2] == "?"}
    lenient = {match[1] for match in VARIABLE.finditer(COMPOSE) if match[2] != "?"}
    assert empty == refused
    assert not refused & lenient


@pytest.mark.parametrize("service", SERVICES)
def test_compose_gives_every_service_settings_it_knows_and_accepts(service: str) -> None:
    """No variable is misspelt, and the URLs name the distributed backends."""
    environment = {name: str(value or "") for name, value in _services()[service]["environment"].items()}
    assert set(environment) <= _known_variables()
    settings = load(PlatformSettings, environment)
    assert settings.bus_url.startswith("amqp://")
    assert settings.database_url.startswith("postgresql://")
    assert settings.blobs_url.startswith("s3://")


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_a_target_that_runs_it(service: str) -> None:
    """The Dockerfile's stage of the service's name starts that service, and compose builds that stage."""
    stages = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").split("\nFROM ")
    stage = next(stage for stage in stages if stage.splitlines()[0].endswith(f" AS {service}"))
    assert f'CMD ["run", "{service}"]' in stage
    assert "USER 10001:10001" in stage
    assert _services()[service]["build"]["target"] == service


def test_containers_may_drain_before_they_are_killed() -> None:
    """The grace period is longer than the drain of our processes and of their open requests."""
    drain = load(PlatformSettings, {}).drain_seconds
    assert all(int(_services()[service]["stop_grace_period"].removesuffix("s")) > drain + 10 for service in SERVICES)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_s_packages_are_the_shared_ones_and_more(service: str) -> None:
    """Images share the layer of common packages, so no service may want another version of one."""
    assert _pins(f"deploy/requirements/{service}.lock").items() >= _pins("deploy/requirements/common.lock").items()


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_s_packages_are_all_that_it_asks_for(service: str) -> None:
    """A dependency that joins `pyproject.toml` is missed here, and not by the first customer, until `make lock` has run."""
    project = tomllib.loads((DEPLOY.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"][service]]
    names = {re.split(r"[^A-Za-z0-9._-]", requirement)[0] for requirement in wanted}
    assert names <= set(_pins(f"deploy/requirements/{service}.lock"))


@pytest.mark.parametrize("lock", ["common", *SERVICES])
def test_images_have_the_versions_that_were_tested(lock: str) -> None:
    """Every version of an image is that of `requirements.lock`."""
    assert _pins(f"deploy/requirements/{lock}.lock").items() <= _pins("requirements.lock").items()


def _services() -> dict[str, Any]:
    """The services of compose with its variables filled in."""
    filled = VARIABLE.sub(lambda match: match[3] if match[2] == "-" else A_SECRET, COMPOSE)
    services: dict[str, Any] = yaml.safe_load(filled)["services"]
    return services


def _known_variables() -> set[str]:
    kinds: list[type[Settings]] = [PlatformSettings]
    for service in SERVICES:
        module = importlib.import_module(f"services.{service}.settings")
        kinds += [kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, Settings)]
    return {setting.variable for kind in kinds for setting in describe(kind)}


def _pins(lock: str) -> dict[str, str]:
    text = (DEPLOY.parent / lock).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9._-]+)==([^\s;\\]+)", text, re.MULTILINE))
