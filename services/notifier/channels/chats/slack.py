"""Slack: incoming webhooks, https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from services.notifier.channels import Answer
from services.notifier.channels.chats import Json, Post, closed, useless
from services.notifier.channels.notices import Notice, NoticeFile, Tone, fitting
from shared.egress import check_chat_url
from shared.schemas.endpoints import ChatDestination, Destination, EndpointKind

_SIGNS = {Tone.GOOD: "✅", Tone.BAD: "❌", Tone.NEUTRAL: "🕓"}
_GONE = (
    "no_service",
    "no_team",
    "team_disabled",
    "invalid_token",
    "channel_is_archived",
    "channel_not_found",
    "no_active_hooks",
)


class Slack:
    """Blocks; everything from outside is plain text or escaped."""

    def compose(self, notice: Notice, destination: Destination) -> Post:
        """A message to the webhook's channel."""
        assert isinstance(destination, ChatDestination)
        check_chat_url(EndpointKind.SLACK, destination.url)
        document: Json = {"text": escape(notice.subject), "blocks": list(_blocks(notice)), "unfurl_links": False}
        return Post(url=destination.url, document=document, secrets=(destination.url, urlsplit(destination.url).path))

    def understand(self, answer: Answer) -> Answer:
        """Errors are words in the body."""
        word = answer.excerpt.decode("utf-8", "replace").strip()
        if answer.status in (404, 410) or word in _GONE:
            return closed(answer)
        return useless(answer) if answer.status == 400 else answer


def escape(text: str) -> str:
    """Text that Slack takes for nothing else: no mention, no link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _blocks(notice: Notice) -> Iterator[Json]:
    wording = notice.wording
    yield {"type": "header", "text": _plain(f"{_SIGNS[notice.tone]} {notice.heading}")}
    yield {"type": "section", "text": _plain(notice.sentence)}
    if notice.facts:
        yield {"type": "section", "fields": [_plain(f"{fact.name}\n{fact.value}") for fact in notice.facts]}
    if notice.files:
        lines = fitting((f"• {_file(file)}" for file in notice.files), 2900)
        yield {"type": "section", "text": {"type": "mrkdwn", "text": f"*{wording.files}*\n{lines}", "verbatim": True}}
    if notice.url:
        button = {"type": "button", "text": _plain(notice.opening), "url": notice.url}
        yield {"type": "actions", "elements": [button]}


def _file(file: NoticeFile) -> str:
    name = escape(file.name)
    detail = f"  {escape(file.detail)}" if file.detail else ""
    if file.url is None or set(file.url) & set("<|> "):  # which would end the link
        return f"{name}{detail}"
    return f"<{file.url}|{name}>{detail}"


def _plain(text: str) -> Json:
    return {"type": "plain_text", "text": text[:1900], "emoji": False}
