"""What this installation is: its settings, its database, its keys in the data folder."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from shared.errors import ConfigurationError
from shared.runtime import SERVICES
from shared.settings import PlatformSettings, load, read_environment

WITHOUT_DATABASE = frozenset({"reporter"})


def read_settings() -> tuple[PlatformSettings, dict[str, str]]:
    """The platform's settings, and all our variables for the services to load theirs from."""
    environment = read_environment()
    return load(PlatformSettings, environment), environment


def check_combination(settings: PlatformSettings, names: Sequence[str]) -> None:
    """Refuse a set of services that could not talk to each other or to one database."""
    if set(names) == set(SERVICES):
        return
    if settings.bus_url.startswith("memory:"):
        raise ConfigurationError(
            "AUDIO2TXT_BUS_URL is memory://, which connects services of one process only; "
            "use `audio2txt run all`, or set it to amqp://… to run services apart."
        )
    if settings.database_url.startswith("embedded:") and not WITHOUT_DATABASE.issuperset(names):
        raise ConfigurationError(
            "AUDIO2TXT_DATABASE_URL is embedded://, which belongs to one process; "
            "set it to postgresql://… to run services apart."
        )


def with_secret_key(settings: PlatformSettings, names: Sequence[str]) -> PlatformSettings:
    """In one process, make the master secret at first start and keep it in the data folder."""
    if settings.secret_key is not None or set(names) != set(SERVICES):
        return settings
    return msgspec.structs.replace(settings, secret_key=_kept_secret(settings.data_path / "secret-key"))


@asynccontextmanager
async def database_url(settings: PlatformSettings, *, attach: bool) -> AsyncIterator[str]:
    """The URL of the database, which is started when it is the embedded one.

    `attach` joins the server of a running `audio2txt run all` where there is one; else this process must own it.
    """
    if not settings.database_url.startswith("embedded:"):
        yield settings.database_url
        return
    from shared import embedded

    folder = settings.data_path / "postgres"
    if attach:
        async with embedded.connect_or_start(folder) as url:
            yield url
    else:
        async with embedded.EmbeddedPostgres(folder) as server:
            yield server.url


def api_key_path(settings: PlatformSettings) -> Path:
    """Where the first API key of a one-process installation is kept."""
    return settings.data_path / "api-key"


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(text + "\n", encoding="utf-8")


def client_defaults(settings: PlatformSettings, environment: Mapping[str, str]) -> tuple[str, str | None]:
    """The gateway's URL and the API key for commands that call it."""
    url = environment.get("AUDIO2TXT_URL") or f"http://127.0.0.1:{settings.port}"
    key = environment.get("AUDIO2TXT_API_KEY") or _read(api_key_path(settings))
    return url, key


def _kept_secret(path: Path) -> str:
    if (kept := _read(path)) is not None:
        return kept
    made = secrets.token_urlsafe(48)
    write_private(path, made)
    return made


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None
