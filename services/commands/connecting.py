"""How commands reach a gateway: where it is, with which key, and what is said when it refuses or is not there."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias

from services.commands import installation
from shared.errors import Audio2txtError, ConfigurationError

if TYPE_CHECKING:
    from audio2txt_client import AsyncClient
    from audio2txt_client import Audio2txtError as ClientError

Action: TypeAlias = "Callable[[AsyncClient, argparse.Namespace], Awaitable[None]]"

MODULES = ("audio2txt_client", "rich")
"""What the extra `client` installs."""


class GatewayRefused(Audio2txtError):
    """The gateway refused or could not be reached; the message is the gateway's own sentence where there is one."""


def add_connection(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how the gateway is reached."""
    parser.add_argument("--url", help="the gateway (default: AUDIO2TXT_URL, or this machine)")
    parser.add_argument("--api-key", help="default: AUDIO2TXT_API_KEY, or the key in the data folder")


def connection(arguments: argparse.Namespace) -> tuple[str, str]:
    """URL and API key of the gateway; raises `ConfigurationError`."""
    for module in MODULES:
        _require(module)
    settings, environment = installation.read_settings()
    default_url, default_key = installation.client_defaults(settings, environment)
    api_key = arguments.api_key or default_key
    if api_key is None:
        raise ConfigurationError("No API key: give --api-key, set AUDIO2TXT_API_KEY, or start the server here once.")
    return arguments.url or default_url, api_key


@asynccontextmanager
async def connected(*, url: str, api_key: str, patient: bool = True) -> AsyncIterator[AsyncClient]:
    """A client of the gateway. One that is not `patient` says at once that nobody is there. Raises `GatewayRefused`."""
    from audio2txt_client import NO_RETRIES, AsyncClient, Retries
    from audio2txt_client import Audio2txtError as ClientError

    try:
        async with AsyncClient(url=url, api_key=api_key, retries=Retries() if patient else NO_RETRIES) as client:
            yield client
    except ClientError as error:
        raise GatewayRefused(explained(error, url=url)) from error


async def check(*, url: str, api_key: str) -> None:
    """Raise `GatewayRefused` unless the gateway answers and takes the key."""
    async with connected(url=url, api_key=api_key, patient=False) as client:
        await client.account.get()


def handler(action: Action) -> Callable[[argparse.Namespace], int]:
    """Carries out an action with a client of the gateway."""

    def handle(arguments: argparse.Namespace) -> int:
        url, api_key = connection(arguments)
        return asyncio.run(_carried_out(action, arguments, url=url, api_key=api_key))

    return handle


def explained(error: ClientError, *, url: str) -> str:
    """What a person at this machine is told."""
    from audio2txt_client import ConnectionFailed

    if isinstance(error, ConnectionFailed) and not error.arrived:
        return f"No Audio2txt answers at {url}; start one with `audio2txt run all`, or name another with --url."
    return str(error)


async def _carried_out(action: Action, arguments: argparse.Namespace, *, url: str, api_key: str) -> int:
    async with connected(url=url, api_key=api_key, patient=False) as client:
        await action(client, arguments)
    return 0


def _require(module: str) -> None:
    import importlib.util

    if importlib.util.find_spec(module) is None:
        raise ConfigurationError(f"This command lacks the package {module}; install `audio2txt[client]`.")
