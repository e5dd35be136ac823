"""`audio2txt settings`: every variable, what it means, and its default."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from types import ModuleType
from typing import Any

from shared.egress import EgressSettings
from shared.runtime import SERVICES
from shared.settings import PlatformSettings, Settings, describe

CLIENT = (
    ("AUDIO2TXT_URL", "Where `audio2txt transcribe` finds the gateway.", "http://127.0.0.1:8000"),
    ("AUDIO2TXT_API_KEY", "API key for `audio2txt transcribe`; default: the file api-key in the data folder.", ""),
)


def register(subparsers: Any) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser("settings", help="list every AUDIO2TXT_* variable")
    parser.set_defaults(handler=handle)


def handle(arguments: argparse.Namespace) -> int:
    """Print them in the form of a commented `.env`."""
    del arguments
    for title, kinds in groupby(_kinds(), key=itemgetter(0)):
        print(_heading(title))
        for setting in (setting for _, kind in kinds for setting in describe(kind)):
            print(f"# {setting.description}\n{setting.variable}={setting.default}")
        print()
    print(_heading("client"))
    for variable, description, default in CLIENT:
        print(f"# {description}\n{variable}={default}")
    return 0


def _heading(title: str) -> str:
    return f"# ── {title} " + "─" * (100 - len(title))


def _kinds() -> Iterator[tuple[str, type[Settings]]]:
    """The platform's settings, what services share, and each installed service's and engine's own, none of them twice."""
    yield "every process", PlatformSettings
    yield "requests to customers' URLs", EgressSettings
    for service in SERVICES:
        yield from ((service, kind) for kind in _settings_in(f"services.{service}.settings"))
    yield from (("e-mail", kind) for kind in _settings_in("services.notifier.channels.email.settings"))
    for engine in _engines():
        yield from ((f"engine {engine}", kind) for kind in _settings_in(f"services.transcriber.engines.{engine}.settings"))


def _engines() -> Iterator[str]:
    """The engines that are packages of their own, if the transcriber is installed here."""
    if (package := _module("services.transcriber.engines")) is not None:
        yield from (found.name for found in pkgutil.iter_modules(package.__path__) if found.ispkg)


def _settings_in(name: str) -> Iterator[type[Settings]]:
    if (module := _module(name)) is not None:
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, Settings) and kind.__module__ == name:
                yield kind


def _module(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None
