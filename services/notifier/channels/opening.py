"""All channels as one: each message goes out the way its receiver's kind says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from services.notifier.channels import Answer, Channel, Message, Receiver, Trouble
from services.notifier.channels.chats import Chat, ChatChannel
from services.notifier.channels.chats.discord import Discord
from services.notifier.channels.chats.ntfy import Ntfy
from services.notifier.channels.chats.slack import Slack
from services.notifier.channels.chats.teams import Teams
from services.notifier.channels.chats.telegram import Telegram
from services.notifier.channels.posting import Poster
from services.notifier.channels.webhook import WebhookChannel
from shared.egress import EgressPolicy
from shared.runtime import Platform
from shared.schemas.endpoints import EndpointKind
from shared.solutions import load_solutions

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
async def open_channels(platform: Platform, *, policy: EgressPolicy, timeout: float) -> AsyncIterator[Channel]:
    """Every channel that the settings allow. `timeout` is how many seconds one attempt over HTTP may take."""
    solutions = load_solutions(platform.settings.solutions)
    async with Poster(policy=policy, timeout=timeout) as poster:
        chats = {kind: ChatChannel(chat, poster=poster, solutions=solutions) for kind, chat in CHATS.items()}
        yield Channels({EndpointKind.WEBHOOK: WebhookChannel(poster), **chats})
