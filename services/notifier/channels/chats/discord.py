"""Discord: webhooks, https://discord.com/developers/docs/resources/webhook#execute-webhook"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from services.notifier.channels import Answer
from services.notifier.channels.chats import Json, Post, after, closed, document_of, useless
from services.notifier.channels.notices import Notice, NoticeFile, Tone, fitting
from shared.egress import check_chat_url
from shared.schemas.endpoints import ChatDestination, Destination, EndpointKind

_COLORS = {Tone.GOOD: 0x2E7D32, Tone.BAD: 0xC62828, Tone.NEUTRAL: 0x546E7A}
_MARKUP = re.compile(r"([\\*_~`|>#\[\]()@<:-])")


class Discord:
    """One embed, and nobody is called by it whatever a title says."""

    def compose(self, notice: Notice, destination: Destination) -> Post:
        """A message to the webhook's channel."""
        assert isinstance(destination, ChatDestination)
        check_chat_url(EndpointKind.DISCORD, destination.url)
        document: Json = {"embeds": [_embed(notice)], "allowed_mentions": {"parse": []}}
        return Post(url=destination.url, document=document, secrets=(destination.url, urlsplit(destination.url).path))

    def understand(self, answer: Answer) -> Answer:
        """Waits stand in the body, in seconds with a fraction; an unknown webhook or a wrong token will not come back."""
        if answer.status in (401, 404):
            return closed(answer)
        if answer.status == 429:
            return after(answer, document_of(answer).get("retry_after"))
        return useless(answer) if answer.status == 400 else answer


def escape(text: str) -> str:
    """Text without Markdown, mentions and links in it."""
    return _MARKUP.sub(r"\\\1", text)


def _embed(notice: Notice) -> Json:
    fields = [{"name": fact.name, "value": escape(fact.value)[:1024], "inline": len(fact.value) < 24} for fact in notice.facts]
    if notice.files:
        lines = fitting(map(_file, notice.files), 1024)
        fields.append({"name": notice.wording.files, "value": lines, "inline": False})
    embed: dict[str, object] = {
        "title": notice.heading,
        "description": notice.sentence,
        "color": _COLORS[notice.tone],
        "fields": fields,
    }
    return {**embed, "url": notice.url} if notice.url else embed


def _file(file: NoticeFile) -> str:
    name = f"[{escape(file.name)}]({file.url})" if file.url and ")" not in file.url else escape(file.name)
    return f"{name}  {file.detail}".rstrip()
