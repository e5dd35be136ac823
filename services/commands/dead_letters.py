"""`audio2txt dead-letters`: events that could not be delivered, and how to send them again."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from services.commands import installation
from shared.runtime import SERVICES
from shared.settings import PlatformSettings

if TYPE_CHECKING:
    from shared.bus import Bus
    from shared.outbox import Outbox

DESCRIPTION = """\
Events that could not be delivered however often it was tried: rows the outbox gave up (named by service and number),
and messages RabbitMQ holds in the parking queue because no handler could take them.

  audio2txt dead-letters list
  audio2txt dead-letters replay            all of them
  audio2txt dead-letters replay gateway:7  one

Replaying is safe: every handler takes an event it has seen before without doing its work twice.
"""


def register(subparsers: Any) -> None:
    """Add the subcommand and its two actions."""
    parser = subparsers.add_parser(
        "dead-letters",
        help="list and replay events that could not be delivered",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="show them, newest first")
    listing.add_argument("--limit", type=int, default=50, help="most rows per place (default: 50)")
    listing.set_defaults(handler=handle_list)
    replay = actions.add_parser("replay", help="send them again")
    replay.add_argument("letters", nargs="*", metavar="SERVICE:NUMBER", help="default: all, parked messages included")
    replay.set_defaults(handler=handle_replay)


def handle_list(arguments: argparse.Namespace) -> int:
    """Print every dead letter and parked message."""
    asyncio.run(_list(arguments.limit))
    return 0


def handle_replay(arguments: argparse.Namespace) -> int:
    """Send them again and say how many."""
    asyncio.run(_replay(arguments.letters))
    return 0


async def _list(limit: int) -> None:
    found = 0
    async with _opened() as (outboxes, bus):
        for service, outbox in outboxes.items():
            for letter in await outbox.dead_letters(limit):
                found += 1
                state = f"replayed {letter.replayed_at:%Y-%m-%d %H:%M}" if letter.replayed_at else "waiting"
                print(
                    f"{service}:{letter.id}  {letter.routing_key}  {letter.failed_at:%Y-%m-%d %H:%M}  {state}  {letter.error}"
                )
        for message in await bus.parked(limit) if bus else []:
            found += 1
            print(f"parked  {message.queue}  {message.routing_key}  {message.message_id}  {message.reason}")
    if not found:
        print("There are no dead letters.")


async def _replay(letters: list[str]) -> None:
    wanted = _by_service(letters)
    replayed = 0
    async with _opened() as (outboxes, bus):
        for service, outbox in outboxes.items():
            if not letters or service in wanted:
                replayed += await outbox.replay(wanted.get(service))
        if bus and not letters:
            replayed += await bus.replay_parked(10_000)
    print(f"Sent {replayed} again.")


@asynccontextmanager
async def _opened() -> AsyncIterator[tuple[dict[str, Outbox], Bus | None]]:
    """The outboxes of all services that own one, and the bus where it is a broker."""
    from shared import database, migrations
    from shared.bus import open_bus
    from shared.outbox import Outbox

    settings, _ = installation.read_settings()
    async with installation.database_url(settings, attach=True) as url:
        pool = await database.open_pool(url, size=2)
        bus = None if _in_process(settings) else open_bus(settings.bus_url)
        try:
            owners = [service for service in SERVICES if migrations.migrations_of(service)]
            for service in owners:
                await migrations.require_current(pool, service)
            yield {service: Outbox(pool=pool, schema=service) for service in owners}, bus
        finally:
            if bus is not None:
                await bus.close()
            await pool.close()


def _in_process(settings: PlatformSettings) -> bool:
    return settings.bus_url.startswith("memory:")


def _by_service(letters: list[str]) -> dict[str, list[int]]:
    from shared.errors import ConfigurationError

    wanted: dict[str, list[int]] = {}
    for letter in letters:
        service, _, number = letter.partition(":")
        if service not in SERVICES or not number.isdigit():
            raise ConfigurationError(f"{letter!r} names no dead letter; use SERVICE:NUMBER as `dead-letters list` prints it.")
        wanted.setdefault(service, []).append(int(number))
    return wanted
