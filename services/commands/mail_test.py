"""`audio2txt mail-test ADDRESS`: whether e-mails go out as the settings say."""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
from typing import Any
from uuid import UUID

from services.commands import installation
from shared.errors import ConfigurationError

DESCRIPTION = """\
Send one test message to an address, over the mail server of AUDIO2TXT_SMTP_URL, and print what that says. Exit status 1
when it does not take the e-mail.
"""


def register(subparsers: Any) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "mail-test",
        help="send a test e-mail over the mail server that is set",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("address", metavar="ADDRESS", help="who gets it")
    parser.add_argument("--language", choices=("en", "zh-Hant"), default="en", help="of the message; default: en")
    parser.set_defaults(handler=handle)


def handle(arguments: argparse.Namespace) -> int:
    """Send it."""
    return asyncio.run(_send(arguments.address, arguments.language))


async def _send(address: str, language: Any) -> int:
    from services.notifier.channels import Receiver
    from services.notifier.channels.opening import email_channel
    from shared.schemas.endpoints import EmailDestination, EndpointKind
    from shared.schemas.ids import new_id
    from shared.solutions import load_solutions

    settings, environment = installation.read_settings()
    master = (settings.secret_key or "").encode()  # of links in the message, which lead nowhere in a test
    channel = email_channel(settings, environment, master=master, blobs=None, solutions=load_solutions(), allowances=None)
    if channel is None:
        raise ConfigurationError("AUDIO2TXT_SMTP_URL is not set: this installation sends no e-mails.")
    receiver = Receiver(
        endpoint_id=UUID(int=0),
        tenant_id=UUID(int=0),
        kind=EndpointKind.EMAIL,
        destination=EmailDestination(address=address),
        language=language,
    )
    async with channel:
        answer = await channel.send(_test_message(new_id()), receiver)
    said = channel.pause.said if channel.pause is not None else answer.excerpt.decode("utf-8", "replace")
    if answer.delivered:
        print(f"The mail server took it: {said}")
        return 0
    reason = channel.pause.reason if channel.pause is not None else answer.trouble.reason if answer.trouble else ""
    print(f"The e-mail was not taken ({reason}). {said}".rstrip())
    return 1


def _test_message(id_: UUID) -> Any:
    import msgspec

    from services.notifier.channels import Message
    from shared.schemas.endpoints import EventType
    from shared.schemas.jobs import JobState
    from shared.schemas.webhooks import WebhookBody, WebhookJob

    now = dt.datetime.now(dt.UTC)
    job = WebhookJob(id=id_, state=JobState.COMPLETED, run=1)
    body = msgspec.json.encode(WebhookBody(type=EventType.ENDPOINT_TEST, timestamp=now, data=job))
    return Message(id=f"msg_{id_.hex}", type=EventType.ENDPOINT_TEST, sequence=None, occurred_at=now, body=body)
