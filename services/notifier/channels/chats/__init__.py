"""Chats: a short notice posted to where people talk. The URL or the token is the secret, so nothing of either is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from services.notifier.channels import Answer, Message, Receiver, Trouble
from services.notifier.channels.notices import Notice, notice_of
from services.notifier.channels.posting import MASK, Poster, masked
from shared.egress import EgressRefused, check_headers
from shared.schemas.endpoints import Destination, DisabledReason
from shared.solutions import Solutions

Json = Mapping[str, Any]


class Post(msgspec.Struct, frozen=True, kw_only=True):
    """What is posted where."""

    url: str
    document: Json
    headers: Mapping[str, str] = {}
    """Secret ones, shown only by name."""
    secrets: tuple[str, ...]
    """What must not be seen in the log where the other side says it back."""
    hidden: tuple[str, ...] = ()
    """Fields of the document that the log does not show."""


class Chat(Protocol):
    """How one kind of chat is written to, and what its answers mean."""

    def compose(self, notice: Notice, destination: Destination) -> Post:
        """The notice in this chat's form. Raises `EgressRefused` for a destination that is none of this kind."""

    def understand(self, answer: Answer) -> Answer:
        """The answer with what its body and status say in this chat: waits, and whether there is anybody left to write to."""


class ChatChannel:
    """Posts notices to one kind of chat."""

    def __init__(self, chat: Chat, *, poster: Poster, solutions: Solutions) -> None:
        self._chat = chat
        self._poster = poster
        self._solutions = solutions

    async def send(self, message: Message, receiver: Receiver) -> Answer:
        """One attempt."""
        notice = notice_of(message, receiver.language, self._solutions)
        try:
            post = self._chat.compose(notice, receiver.destination)
            check_headers(post.headers)
        except EgressRefused as refused:
            return Answer(trouble=Trouble(reason=refused.failure.code), stop=True)
        body, headers = msgspec.json.encode(post.document), {"Content-Type": "application/json"}
        answer = await self._poster.post(post.url, headers={**headers, **post.headers}, body=body)
        shown = {**headers, **dict.fromkeys(post.headers, MASK)}
        said = masked(self._chat.understand(answer), post.secrets)
        return msgspec.structs.replace(said, request_headers=shown, request_body=_shown(post))


def _shown(post: Post) -> bytes:
    return msgspec.json.encode({**post.document, **dict.fromkeys(post.hidden, MASK)})


def closed(answer: Answer) -> Answer:
    """The answer of a chat in which nobody can be written to any more."""
    return msgspec.structs.replace(answer, stop=True, disable=DisabledReason.GONE)


def useless(answer: Answer) -> Answer:
    """The answer of a chat that does not want this message, now or later."""
    return msgspec.structs.replace(answer, stop=True)


def document_of(answer: Answer) -> Json:
    """The answer's body where it is a JSON object, or an empty one."""
    try:
        return msgspec.json.decode(answer.excerpt, type=dict[str, Any])
    except msgspec.DecodeError:
        return {}


def after(answer: Answer, seconds: object) -> Answer:
    """The answer with the wait that its body asks for, where that is a number."""
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or seconds < 0:
        return answer
    return msgspec.structs.replace(answer, retry_after=max(float(seconds), answer.retry_after or 0.0))
