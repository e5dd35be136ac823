"""`audio2txt run`: one service, or the whole platform in one process."""

from __future__ import annotations

import argparse
import asyncio
import importlib
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.commands import installation
from shared.logs import configure_logs
from shared.runtime import SERVICES, open_platform, run
from shared.settings import PlatformSettings

if TYPE_CHECKING:
    from shared.database import Pool

DESCRIPTION = """\
Run services until Ctrl-C or SIGTERM.

  audio2txt run all            everything in this process: PostgreSQL inside the data folder, files on disk, a local
                               speech engine. The first start prints an API key once.
  audio2txt run transcriber    one service of a distributed installation; needs AUDIO2TXT_BUS_URL=amqp://…,
                               AUDIO2TXT_DATABASE_URL=postgresql://… and AUDIO2TXT_BLOBS_URL=s3://…

`audio2txt settings` lists every variable.
"""


def register(subparsers: Any) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "run",
        help="run the platform, or one service of it",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "services", nargs="+", choices=("all", *SERVICES), metavar="SERVICE", help="all, or " + ", ".join(SERVICES)
    )
    parser.add_argument("--ready-file", type=Path, help="write the HTTP address to this file once requests are answered")
    parser.set_defaults(handler=handle)


def handle(arguments: argparse.Namespace) -> int:
    """Run until asked to stop."""
    names = SERVICES if "all" in arguments.services else tuple(dict.fromkeys(arguments.services))
    settings, environment = installation.read_settings()
    installation.check_combination(settings, names)
    settings = installation.with_secret_key(settings, names)
    configure_logs(settings)
    _event_loop_run(_run(names, settings, environment, arguments.ready_file))
    return 0


async def _run(
    names: Sequence[str], settings: PlatformSettings, environment: Mapping[str, str], ready_file: Path | None
) -> None:
    needs_database = not installation.WITHOUT_DATABASE.issuperset(names)
    if not needs_database:
        async with open_platform(settings, environment, needs_database=False, database_url="") as platform:
            await run(names, platform, ready=_announce(ready_file))
        return
    async with (
        installation.database_url(settings, attach=False) as url,
        open_platform(settings, environment, needs_database=True, database_url=url) as platform,
    ):
        if settings.database_url.startswith("embedded:"):
            await _prepare(settings, environment, platform.database)
        await run(names, platform, ready=_announce(ready_file))


async def _prepare(settings: PlatformSettings, environment: Mapping[str, str], pool: Pool) -> None:
    """A one-process installation looks after itself: its schema follows the code, its first key is made."""
    from shared import migrations

    for name in SERVICES:
        await migrations.apply(pool, name)
    if environment.get("AUDIO2TXT_BOOTSTRAP_API_KEY"):
        return
    auth = importlib.import_module("services.gateway.auth")
    first_key: str | None = await auth.ensure_first_key(pool)
    if first_key is not None:
        path = installation.api_key_path(settings)
        installation.write_private(path, first_key)
        print(f"\nYour API key, shown this once and kept in {path}:\n\n    {first_key}\n")
        print(
            f"To sign in as a person:\n\n    audio2txt admin users add {auth.FIRST_TENANT} YOU@EXAMPLE.COM --role owner\n",
            flush=True,
        )


def _announce(ready_file: Path | None) -> Callable[[str], None]:
    def announce(url: str) -> None:
        if ready_file is not None:
            installation.write_private(ready_file, url)

    return announce


def _event_loop_run(main: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)
