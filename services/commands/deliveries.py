"""`audio2txt deliveries`: what was sent to whom, what came back, and how to send it again."""

from __future__ import annotations

import argparse
import datetime as dt
import re
from typing import TYPE_CHECKING, Any
from uuid import UUID

from services.commands.connecting import add_connection, handler
from shared.errors import ConfigurationError
from shared.schemas.endpoints import DeliveryStatus, EventType

if TYPE_CHECKING:
    from audio2txt_client import AsyncClient, Attempt, Delivery

DESCRIPTION = """\
Every message to a webhook, an address or a chat is kept with each attempt, as long as AUDIO2TXT_DELIVERY_LOG_DAYS says.

  audio2txt deliveries list --status failed
  audio2txt deliveries show 0198c2de-8b1c-7d3e-9f5a-2b6c4d8e0f1a
  audio2txt deliveries redeliver 0198c2de-8b1c-7d3e-9f5a-2b6c4d8e0f1a
  audio2txt deliveries replay ENDPOINT --since 2d              what failed in the last two days
  audio2txt deliveries replay ENDPOINT --since 2d --missing    and what it was never sent

What is sent again has the same id, by which receivers know it; a replay is sent slowly, behind new messages.
"""

_AGO = re.compile(r"(\d{1,4})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def register(subparsers: Any) -> None:
    """Add the subcommand and its actions."""
    parser = subparsers.add_parser(
        "deliveries",
        help="what was sent to webhooks, addresses and chats, and how to send it again",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="show them, newest first")
    listing.add_argument("--endpoint", type=UUID, metavar="ID", help="only to this endpoint")
    listing.add_argument("--job", type=UUID, metavar="ID", help="only about this job")
    listing.add_argument("--status", choices=list(DeliveryStatus), help="only those that stand so")
    listing.add_argument("--limit", type=int, default=50, help="most of them (default: 50)")
    listing.set_defaults(handler=handler(_list))
    show = actions.add_parser("show", help="show one with every attempt")
    show.add_argument("delivery", type=UUID, metavar="DELIVERY")
    show.set_defaults(handler=handler(_show))
    again = actions.add_parser("redeliver", help="send some once more")
    again.add_argument("deliveries", type=UUID, nargs="+", metavar="DELIVERY")
    again.set_defaults(handler=handler(_redeliver))
    replay = actions.add_parser("replay", help="send an endpoint again what failed or was missed")
    replay.add_argument("endpoint", type=UUID, metavar="ENDPOINT")
    replay.add_argument("--since", required=True, metavar="TIME", help="as in 2026-11-27T09:00Z, or 30m, 12h, 2d ago")
    replay.add_argument("--until", metavar="TIME", help="default: now")
    replay.add_argument("--missing", action="store_true", help="also what the endpoint was never sent")
    replay.add_argument("--type", action="append", choices=list(EventType), help="only of this type; may be repeated")
    replay.set_defaults(handler=handler(_replay))
    for action in (listing, show, again, replay):
        add_connection(action)


async def _list(client: AsyncClient, arguments: argparse.Namespace) -> None:
    found = 0
    deliveries = client.deliveries.list(
        endpoint_id=arguments.endpoint, job_id=arguments.job, status=arguments.status, page_size=min(arguments.limit, 100)
    )
    async for delivery in deliveries:
        found += 1
        print(_line(delivery))
        if found == arguments.limit:
            break
    if not found:
        print("There are no such deliveries.")


async def _show(client: AsyncClient, arguments: argparse.Namespace) -> None:
    delivery = await client.deliveries.get(arguments.delivery)
    print(_line(delivery))
    for attempt in delivery.log:
        print(_attempt(attempt))


async def _redeliver(client: AsyncClient, arguments: argparse.Namespace) -> None:
    for delivery_id in arguments.deliveries:
        await client.deliveries.redeliver(delivery_id)
        print(f"{delivery_id} is sent again")


async def _replay(client: AsyncClient, arguments: argparse.Namespace) -> None:
    since = time_of("--since", arguments.since)
    until = None if arguments.until is None else time_of("--until", arguments.until)
    await client.endpoints.replay(
        arguments.endpoint, since=since, until=until, missing=arguments.missing, types=arguments.type or ()
    )
    print(f"what failed{' or was missed' if arguments.missing else ''} since {since:%Y-%m-%d %H:%M %Z} is sent again")


def time_of(option: str, text: str) -> dt.datetime:
    """A time as RFC 3339 writes it, or so long ago. Raises `ConfigurationError`."""
    now = dt.datetime.now(dt.UTC)
    if ago := _AGO.fullmatch(text):
        return now - dt.timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        time = dt.datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(f"{option} must be a time such as 2026-11-27T09:00Z, or 30m, 12h, 2d ago.") from None
    return time if time.tzinfo is not None else time.astimezone()


def _line(delivery: Delivery) -> str:
    due = f"  next {delivery.due_at:%Y-%m-%d %H:%M:%S}" if delivery.due_at else ""
    about = f"  job {delivery.job_id}" if delivery.job_id else ""
    tries = f"{delivery.attempts} attempt{'' if delivery.attempts == 1 else 's'}"
    made = f"{delivery.created_at:%Y-%m-%d %H:%M:%S}"
    return f"{delivery.id}  {made}  {delivery.type}  {delivery.status}  {tries}{due}{about}  endpoint {delivery.endpoint_id}"


def _attempt(attempt: Attempt) -> str:
    came = str(attempt.status) if attempt.status is not None else "no answer"
    why = f"  {attempt.reason}" if attempt.reason else ""
    lines = [f"\n#{attempt.number}  {attempt.started_at:%Y-%m-%d %H:%M:%S}  {attempt.duration_ms} ms  {came}{why}"]
    lines += [f"  > {name}: {value}" for name, value in attempt.request_headers.items()]
    lines += [f"  > {line}" for line in attempt.request_body.splitlines()]
    lines += [f"  < {name}: {value}" for name, value in attempt.response_headers.items()]
    lines += [f"  < {line}" for line in attempt.response_body.splitlines()]
    return "\n".join(lines)
