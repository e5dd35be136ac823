"""`audio2txt suppressions`: addresses that get no e-mails any more, and how to write to them again."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from services.commands.deliveries import handler
from services.commands.transcribe import add_connection

if TYPE_CHECKING:
    from services.commands.client import Client, Suppression

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


async def _list(client: Client, arguments: argparse.Namespace) -> None:
    found = [suppression async for suppression in client.suppressions(most=arguments.limit)]
    print("\n".join(map(_line, found)) or "No addresses are suppressed.")


async def _lift(client: Client, arguments: argparse.Namespace) -> None:
    from services.commands.client import ApiError

    found = [suppression async for suppression in client.suppressions(most=1, address=arguments.address)]
    if not found:
        raise ApiError(f"{arguments.address} is not suppressed; `audio2txt suppressions list` shows which addresses are.")
    await client.lift(found[0].id)
    print(f"{found[0].address} is not suppressed any more (it was: {found[0].reason})")


def _line(suppression: Suppression) -> str:
    return f"{suppression.created_at:%Y-%m-%d %H:%M:%S}  {suppression.reason:<15}  {suppression.address}"
