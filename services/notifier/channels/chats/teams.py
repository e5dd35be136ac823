"""Microsoft Teams: an Adaptive Card for a workflow that posts what its webhook receives.

https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from services.notifier.channels import Answer
from services.notifier.channels.chats import Json, Post, closed, useless
from services.notifier.channels.notices import Notice, NoticeFile, Tone
from shared.egress import check_chat_url
from shared.schemas.endpoints import ChatDestination, Destination, EndpointKind

_COLORS = {Tone.GOOD: "good", Tone.BAD: "attention", Tone.NEUTRAL: "default"}


class Teams:
    """Text stands in runs, which Teams shows as it is; elsewhere in cards it would be read as Markdown."""

    def compose(self, notice: Notice, destination: Destination) -> Post:
        """What the workflow receives."""
        assert isinstance(destination, ChatDestination)
        check_chat_url(EndpointKind.TEAMS, destination.url)
        attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": _card(notice)}
        parts = urlsplit(destination.url)
        return Post(
            url=destination.url,
            document={"type": "message", "attachments": [attachment]},
            secrets=(destination.url, parts.path, *_values(parts.query)),
        )

    def understand(self, answer: Answer) -> Answer:
        """A workflow that was deleted, or whose signature was renewed, takes nothing more from this URL."""
        if answer.status in (401, 403, 404, 410):
            return closed(answer)
        return useless(answer) if answer.status in (400, 413) else answer


def _values(query: str) -> Iterator[str]:
    return (value for _, _, value in (pair.partition("=") for pair in query.split("&")))


def _card(notice: Notice) -> Json:
    card: dict[str, object] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": notice.subject,
        "lang": notice.wording.locale,
        "body": list(_body(notice)),
    }
    if notice.url:
        card["actions"] = [{"type": "Action.OpenUrl", "title": notice.opening, "url": notice.url}]
    return card


def _body(notice: Notice) -> Iterator[Json]:
    heading = {"type": "TextRun", "text": notice.heading, "weight": "bolder", "size": "medium", "color": _COLORS[notice.tone]}
    yield _line(heading)
    yield _line(_run(notice.sentence))
    for place, fact in enumerate(notice.facts):
        name = {"type": "TextRun", "text": fact.name + notice.wording.colon, "weight": "bolder"}
        yield {**_line(name, _run(fact.value)), "spacing": "small" if place else "default"}
    for place, file in enumerate(notice.files):
        yield {**_line(_file(file), _run(f"  {file.detail}")), "spacing": "small" if place else "default"}


def _file(file: NoticeFile) -> Json:
    if file.url is None:
        return _run(file.name)
    return {"type": "TextRun", "text": file.name, "selectAction": {"type": "Action.OpenUrl", "url": file.url}}


def _line(*runs: Json) -> Json:
    return {"type": "RichTextBlock", "inlines": list(runs)}


def _run(text: str) -> Json:
    return {"type": "TextRun", "text": text}
