"""Settings come from `AUDIO2TXT_*` in the environment and from `.env`; a wrong one is refused by its name.

Each part of the system declares a frozen struct; a field `port` is read from `AUDIO2TXT_PORT`, and its `Meta`
description is what `audio2txt settings` prints.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_type_hints

import msgspec
from msgspec import Meta

from shared.errors import ConfigurationError

PREFIX = "AUDIO2TXT_"
SECRET = {"secret": True}
"""`Meta(extra=SECRET)` marks a setting whose value is never printed."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What every settings struct inherits from: immutable, keyword-only, loaded by `load`."""


S = TypeVar("S", bound=Settings)


class PlatformSettings(Settings, frozen=True, kw_only=True):
    """What every process needs to know."""

    host: Annotated[str, Meta(description="Address the HTTP port binds to.")] = "127.0.0.1"
    port: Annotated[
        int,
        Meta(
            ge=0, le=65535, description="HTTP port: the API on the gateway, health and metrics elsewhere. 0 takes a free one."
        ),
    ] = 8000
    data_dir: Annotated[str, Meta(description="Folder for everything a one-process installation keeps.")] = "./var"
    database_url: Annotated[
        str,
        Meta(
            description="embedded:// runs PostgreSQL inside the data folder; postgresql://… uses a server.",
            extra=SECRET,
        ),
    ] = "embedded://"
    database_pool: Annotated[
        int,
        Meta(ge=2, le=100, description="Most database connections of one process; the gateway has as many again for requests."),
    ] = 16
    bus_url: Annotated[
        str, Meta(description="memory:// delivers events inside the process; amqp://… uses RabbitMQ.", extra=SECRET)
    ] = "memory://"
    blobs_url: Annotated[
        str,
        Meta(description="file:// keeps blobs in the data folder; s3://bucket?endpoint=…&region=… in an S3 store."),
    ] = "file://"
    s3_access_key_id: Annotated[str | None, Meta(description="S3 access key; unset uses the platform's own credentials.")] = (
        None
    )
    s3_secret_access_key: Annotated[str | None, Meta(description="S3 secret key.", extra=SECRET)] = None
    blobs_encryption: Annotated[
        str,
        Meta(
            pattern="^(none|tenant)$",
            description="file://: tenant encrypts new blobs, each tenant's under its own key; what is there stays readable.",
        ),
    ] = "none"
    blobs_key: (
        Annotated[
            str,
            Meta(
                min_length=32,
                description="Master key of the tenants' blob keys; unset derives it from the secret key.",
                extra=SECRET,
            ),
        ]
        | None
    ) = None
    blobs_previous_key: (
        Annotated[
            str,
            Meta(
                min_length=32,
                description="The master key before, until `audio2txt admin encryption rewrap` has wrapped all keys anew.",
                extra=SECRET,
            ),
        ]
        | None
    ) = None
    blobs_sse: Annotated[
        str, Meta(pattern="^(none|AES256|aws:kms)$", description="s3://: how the store is asked to encrypt what it is given.")
    ] = "none"
    blobs_kms_key_id: Annotated[str | None, Meta(description="s3://: the key of the key service, for aws:kms.")] = None
    secret_key: (
        Annotated[
            str,
            Meta(
                min_length=32,
                description="Master secret, the same for all processes; made in the data folder when unset in one process.",
                extra=SECRET,
            ),
        ]
        | None
    ) = None
    public_url: Annotated[str | None, Meta(description="How customers reach the gateway; links in webhooks start with it.")] = (
        None
    )
    solutions: Annotated[
        str | None, Meta(description="A file or a folder of *.yaml with scenarios of your own, beside those that are there.")
    ] = None
    log_format: Annotated[str, Meta(pattern="^(auto|json|console)$", description="auto: console on a terminal, else JSON.")] = (
        "auto"
    )
    log_level: Annotated[
        str, Meta(pattern="^(debug|info|warning|error)$", description="Least important level that is logged.")
    ] = "info"
    drain_seconds: Annotated[float, Meta(ge=0, le=300, description="How long running work may finish after SIGTERM.")] = 20.0

    @property
    def data_path(self) -> Path:
        """The data folder, absolute."""
        return Path(self.data_dir).expanduser().absolute()


@dataclass(frozen=True, kw_only=True)
class SettingHelp:
    """One line of `audio2txt settings`."""

    variable: str
    description: str
    default: str
    secret: bool


def read_environment(folder: Path | None = None) -> dict[str, str]:
    """Our variables from the environment, over those of `.env` in `folder` (default: the current one)."""
    return {**_read_dotenv((folder or Path.cwd()) / ".env"), **_ours(os.environ)}


def load(kind: type[S], environment: Mapping[str, str]) -> S:
    """Fill a settings struct; raises `ConfigurationError` that names the variable and what is wrong with it."""
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        variable = variable_name(field.name)
        if (text := environment.get(variable)) not in (None, ""):
            values[field.name] = _convert(field.type, text, variable, secret=_is_secret(field.type))
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"The settings of {kind.__module__} are incomplete: {error}.") from None


def describe(kind: type[Settings]) -> list[SettingHelp]:
    """What can be set, for `audio2txt settings` and the documentation."""
    hints = get_type_hints(kind, include_extras=True)
    return [
        SettingHelp(
            variable=variable_name(field.name),
            description=_description(hints[field.name]),
            default="" if field.default in (None, msgspec.NODEFAULT) else str(field.default),
            secret=_is_secret(hints[field.name]),
        )
        for field in msgspec.structs.fields(kind)
    ]


def variable_name(field: str) -> str:
    """`data_dir` is set by `AUDIO2TXT_DATA_DIR`."""
    return PREFIX + field.upper()


def _convert(kind: Any, text: str, variable: str, *, secret: bool) -> Any:
    try:
        return msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError as error:
        shown = "its value" if secret else repr(text)
        raise ConfigurationError(f"{variable}: {shown} is not accepted: {error}.") from None


def _metas(kind: Any) -> Iterator[Meta]:
    """The setting's own before those of its type, which may be described and limited for more than this."""
    parts = get_args(kind)
    yield from (part for part in reversed(parts) if isinstance(part, Meta))
    for part in parts:
        if not isinstance(part, Meta):
            yield from _metas(part)


def _description(kind: Any) -> str:
    return next((meta.description for meta in _metas(kind) if meta.description), "")


def _is_secret(kind: Any) -> bool:
    return any((meta.extra or {}).get("secret") for meta in _metas(kind))


def _ours(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(PREFIX)}


def _read_dotenv(path: Path) -> dict[str, str]:
    """`NAME=value` lines; `#` starts a comment line, one pair of quotes around a value is dropped."""
    if not path.is_file():
        return {}
    pairs: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not equals:
            raise ConfigurationError(f".env line {number} is not NAME=value.")
        pairs[name.strip()] = _unquote(value.strip())
    return _ours(pairs)


def _unquote(value: str) -> str:
    quoted = len(value) >= 2 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted else value
