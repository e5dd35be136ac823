"""`audio2txt migrate`: bring the database up to date."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

from services.commands import installation
from shared.runtime import SERVICES

DESCRIPTION = """\
Apply the pending migrations of every service to AUDIO2TXT_DATABASE_URL, in order, under a lock. Running it twice,
or twice at once, is harmless. Services refuse to start while one is pending; `audio2txt run all` with the embedded
database applies them itself.
"""


def register(subparsers: Any) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "migrate",
        help="bring the database up to date",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(handler=handle)


def handle(arguments: argparse.Namespace) -> int:
    """Apply what is pending and say what was applied."""
    del arguments
    asyncio.run(_migrate())
    return 0


async def _migrate() -> None:
    from shared import database, migrations

    settings, _ = installation.read_settings()
    async with installation.database_url(settings, attach=True) as url:
        pool = await database.open_pool(url, size=2)
        try:
            for service in SERVICES:
                for name in await migrations.apply(pool, service):
                    print(f"{service}: applied {name}")
        finally:
            await pool.close()
    print("The database is up to date.")
