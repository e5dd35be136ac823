"""All channels as one: each message goes out the way its receiver's kind says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from services.notifier.channels import Answer, Channel, Message, Receiver, Trouble
from services.notifier.channels.chats import Chat, ChatChannel
from services.notifier.channels.chats.discord import Discord
from services.notifier.channels.chats.ntfy import Ntfy
from services.notifier.channels.chats.slack import Slack
from services.notifier.channels.chats.teams import Teams
from services.notifier.channels.chats.telegram import Telegram
from services.notifier.channels.email import EmailChannel
from services.notifier.channels.email.attaching import Attaching
from services.notifier.channels.email.composing import Composer
from services.notifier.channels.email.limits import Allowances, MailLimits
from services.notifier.channels.email.relay import Relay
from services.notifier.channels.email.settings import MailSettings
from services.notifier.channels.posting import Poster
from services.notifier.channels.webhook import WebhookChannel
from shared.blobs import BlobStore
from shared.egress import EgressPolicy
from shared.runtime import Platform
from shared.schemas.endpoints import EndpointKind
from shared.settings import PlatformSettings, load
from shared.solutions import Solutions, load_solutions

CHATS: Mapping[EndpointKind, Chat] = {
    EndpointKind.SLACK: Slack(),
    EndpointKind.TEAMS: Teams(),
    EndpointKind.DISCORD: Discord(),
    EndpointKind.TELEGRAM: Telegram(),
    EndpointKind.NTFY: Ntfy(),
}


class Channels:
    """The channels that this installation has."""

    def __init__(self, by_kind: Mapping[EndpointKind, Channel]) -> None:
        self._by_kind = by_kind

    async def send(self, message: Message, receiver: Receiver) -> Answer:
        """One attempt; final where the installation has no such channel."""
        channel = self._by_kind.get(receiver.kind)
        if channel is None:
            return Answer(trouble=Trouble(reason=f"{receiver.kind}_off"), stop=True)
        return await channel.send(message, receiver)


@asynccontextmanager
async def open_channels(
    platform: Platform, *, policy: EgressPolicy, timeout: float, allowances: Allowances
) -> AsyncIterator[Channel]:
    """Every channel that the settings allow. `timeout` is how many seconds one attempt over HTTP may take; `allowances` count
    e-mails for all processes."""
    solutions = load_solutions(platform.settings.solutions)
    async with AsyncExitStack() as stack:
        poster = await stack.enter_async_context(Poster(policy=policy, timeout=timeout))
        channels: dict[EndpointKind, Channel] = {EndpointKind.WEBHOOK: WebhookChannel(poster)}
        channels |= {kind: ChatChannel(chat, poster=poster, solutions=solutions) for kind, chat in CHATS.items()}
        email = email_channel(
            platform.settings,
            platform.environment,
            master=platform.secret_key,
            blobs=platform.blobs,
            solutions=solutions,
            allowances=allowances,
        )
        if email is not None:
            channels[EndpointKind.EMAIL] = await stack.enter_async_context(email)
        yield Channels(channels)


def email_channel(
    platform: PlatformSettings,
    environment: Mapping[str, str],
    *,
    master: bytes,
    blobs: BlobStore | None,
    solutions: Solutions,
    allowances: Allowances | None,
) -> EmailChannel | None:
    """E-mail, where there is a mail server; without `blobs` it carries no files, without `allowances` it knows no limits.
    Raises `ConfigurationError`."""
    settings = load(MailSettings, environment)
    if (server := settings.server()) is None:
        return None
    sender = settings.sender()
    attaching = None
    if blobs is not None and settings.mail_allow_attachments:
        attaching = Attaching(blobs=blobs, solutions=solutions, most_bytes=settings.mail_attachment_bytes)
    limits = None
    if allowances is not None:
        limits = MailLimits(
            allowances,
            per_minute=settings.mail_rate_per_minute,
            per_recipient_per_hour=settings.mail_per_recipient_per_hour,
        )
    return EmailChannel(
        relay=Relay(server, name=sender.domain, size=settings.smtp_pool, timeout=settings.smtp_timeout_seconds),
        composer=Composer(
            sender=sender,
            envelope_sender=settings.envelope_sender(),
            reply_to=settings.reply_to(),
            public_url=platform.public_url,
            master=master,
        ),
        limits=limits,
        attaching=attaching,
        solutions=solutions,
    )
