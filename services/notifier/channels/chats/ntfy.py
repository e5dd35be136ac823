"""ntfy: a notification on everything that listens to a topic, https://docs.ntfy.sh/publish/#publish-as-json

Its servers stand anywhere, also inside: the egress policy decides where to.
"""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from services.notifier.channels import Answer
from services.notifier.channels.chats import Post, closed, useless
from services.notifier.channels.chats.telegram import plain_lines
from services.notifier.channels.notices import Notice, Tone
from shared.egress import EgressRefused
from shared.schemas.endpoints import Destination, NtfyDestination

LONGEST_BYTES = 3800
"""ntfy makes a file of what is longer than 4,096."""

_TAGS = {Tone.GOOD: "white_check_mark", Tone.BAD: "x", Tone.NEUTRAL: "hourglass"}
_PRIORITIES = {Tone.GOOD: 3, Tone.BAD: 4, Tone.NEUTRAL: 2}


class Ntfy:
    """Posted as JSON to the server's root, where titles need no encoding."""

    def compose(self, notice: Notice, destination: Destination) -> Post:
        """A notification of the topic."""
        assert isinstance(destination, NtfyDestination)
        parts = urlsplit(destination.url)
        topic = parts.path.strip("/")
        if not topic or "/" in topic:
            raise EgressRefused("url_invalid", "The URL must name the topic, as in https://ntfy.sh/my-topic.")
        _, *lines = plain_lines(notice)
        document: dict[str, object] = {
            "topic": topic,
            "title": notice.heading,
            "message": "\n".join(lines).encode()[:LONGEST_BYTES].decode(errors="ignore"),
            "tags": [_TAGS[notice.tone]],
            "priority": _PRIORITIES[notice.tone],
        }
        if notice.url:
            document["click"] = notice.url
        token = destination.token
        return Post(
            url=urlunsplit((parts.scheme, parts.netloc, "/", "", "")),
            document=document,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            secrets=(topic, token) if token else (topic,),
            hidden=("topic",),  # on a public server, whoever knows it reads along
        )

    def understand(self, answer: Answer) -> Answer:
        """What ntfy does not take as it is, it will not take later."""
        if answer.status == 410:
            return closed(answer)
        return useless(answer) if answer.status in (400, 413) else answer
