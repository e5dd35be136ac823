"""`audio2txt settings`: every variable, what it means, and its default."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator
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
    for title, kind in _kinds():
        print(f"# ── {title} " + "─" * (100 - len(title)))
        for setting in describe(kind):
            print(f"# {setting.description}\n{setting.variable}={setting.default}")
        print()
    print("# ── client " + "─" * 94)
    for variable, description, default in CLIENT:
        print(f"# {description}\n{variable}={default}")
    return 0


def _kinds() -> Iterator[tuple[str, type[Settings]]]:
    """The platform's settings, what services share, and each installed service's own, none of them twice."""
    yield "every process", PlatformSettings
    yield "requests to customers' URLs", EgressSettings
    for service in SERVICES:
        try:
            module = importlib.import_module(f"services.{service}.settings")
        except ImportError:
            continue
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, Settings) and kind.__module__ == module.__name__:
                yield service, kind
