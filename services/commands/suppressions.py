"""`audio2txt suppressions`: addresses that get no e-mails any more, and how to write to them again."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from services.commands.connecting import GatewayRefused, add_connection, handler

if TYPE_CHECKING:
    from audio2txt_client import AsyncClient, Suppression

DESCRIPTION = """\
No e-mails go to addresses that do not exist, as the mail server said, and to those whose readers have unsubscribed.

  audio2txt suppressions list
  audio2txt suppressions lift chen@example.com     write there again; whoever has unsubscribed is asked first
"""


def register(subparsers: Any) -> None:
    """Add the subcommand and its actions."""
    parser = subparsers.add_parser(
        "suppressions",
        help="addresses that get no e-mails any more",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="show them, newest first")
    listing.add_argument("--limit", type=int, default=50, help="most of them (default: 50)")
    listing.set_defaults(handler=handler(_list))
    lift = actions.add_parser("lift", help="write to an address again")
    lift.add_argument("address", metavar="ADDRESS")
    lift.set_defaults(handler=handler(_lift))
    for action in (listing, lift):
        add_connection(action)


async def _list(client: AsyncClient, arguments: argparse.Namespace) -> None:
    found = 0
    async for suppression in client.suppressions.list(page_size=min(arguments.limit, 100)):
        found += 1
        print(_line(suppression))
        if found == arguments.limit:
            break
    if not found:
        print("No addresses are suppressed.")


async def _lift(client: AsyncClient, arguments: argparse.Namespace) -> None:
    async for suppression in client.suppressions.list(address=arguments.address):
        await client.suppressions.lift(suppression.id)
        print(f"{suppression.address} is not suppressed any more (it was: {suppression.reason})")
        return
    raise GatewayRefused(f"{arguments.address} is not suppressed; `audio2txt suppressions list` shows which addresses are.")


def _line(suppression: Suppression) -> str:
    return f"{suppression.created_at:%Y-%m-%d %H:%M:%S}  {suppression.reason:<15}  {suppression.address}"
