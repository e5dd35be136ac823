"""Telegram: a bot's messages, https://core.telegram.org/bots/api#sendmessage"""

from __future__ import annotations

from collections.abc import Iterator

from services.notifier.channels import Answer
from services.notifier.channels.chats import Json, Post, after, closed, document_of, useless
from services.notifier.channels.notices import Notice, Tone, fitting
from shared.schemas.endpoints import Destination, TelegramDestination

API = "https://api.telegram.org"
LONGEST = 4096


class Telegram:
    """Plain text without `parse_mode`: there is nothing to escape."""

    def compose(self, notice: Notice, destination: Destination) -> Post:
        """A message to the chat."""
        assert isinstance(destination, TelegramDestination)
        document: Json = {
            "chat_id": destination.chat_id,
            "text": fitting(plain_lines(notice), LONGEST),
            "link_preview_options": {"is_disabled": True},
            "disable_notification": notice.tone is Tone.NEUTRAL,
        }
        url = f"{API}/bot{destination.bot_token}/sendMessage"
        return Post(url=url, document=document, secrets=(destination.bot_token,))

    def understand(self, answer: Answer) -> Answer:
        """A bot that was blocked, removed or renewed, and a chat that is not there or has moved, are final; waits stand in the
        body."""
        document = document_of(answer)
        match answer.status:
            case 401 | 403 | 404:
                return closed(answer)
            case 400 if "chat" in str(document.get("description", "")).lower():
                return closed(answer)
            case 400:
                return useless(answer)
            case 429:
                parameters = document.get("parameters")
                return after(answer, parameters.get("retry_after") if isinstance(parameters, dict) else None)
            case _:
                return answer


def plain_lines(notice: Notice) -> Iterator[str]:
    """The notice as text, in the order of what matters."""
    yield notice.heading
    yield from (f"{fact.name}{notice.wording.colon}{fact.value}" for fact in notice.facts)
    yield ""
    yield notice.sentence
    yield from (f"• {file.name} {file.detail}".rstrip() for file in notice.files)
    if notice.url:
        yield notice.url
