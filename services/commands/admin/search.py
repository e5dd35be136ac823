"""`audio2txt admin search`."""

from __future__ import annotations

import argparse
from typing import Any

from services.commands.admin.desk import Desk, handler


def register(subparsers: Any) -> None:
    """Add the subject and its actions."""
    parser = subparsers.add_parser("search", help="the index that titles and transcripts are searched in")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    status = actions.add_parser("status", help="how many jobs wait to be entered")
    status.set_defaults(handler=handler(_status))
    rebuild = actions.add_parser(
        "rebuild", help="have jobs entered anew, by the gateways that run; also after AUDIO2TXT_SEARCH_TRANSCRIPTS was changed"
    )
    rebuild.add_argument("tenant", nargs="?", metavar="TENANT", help="name or id (default: all of them)")
    rebuild.set_defaults(handler=handler(_rebuild))


async def _status(desk: Desk, _: argparse.Namespace) -> None:
    print(f"{await desk.search.waiting():,} jobs wait to be entered.")


async def _rebuild(desk: Desk, arguments: argparse.Namespace) -> None:
    tenant = None if arguments.tenant is None else await desk.tenant(arguments.tenant)
    count = await desk.search.rebuild(None if tenant is None else tenant.id)
    print(f"{count:,} jobs are entered anew by the gateways that run; `search status` says how many still wait.")
