"""Whose webhooks the webhooks of chats must be: nothing written for one is posted elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from shared.egress.policy import EgressRefused
from shared.schemas.endpoints import EndpointKind

CHAT_HOSTS: Mapping[EndpointKind, re.Pattern[str]] = {
    EndpointKind.SLACK: re.compile(r"hooks\.slack(-gov)?\.com"),
    EndpointKind.TEAMS: re.compile(r".+\.(logic\.azure\.com|environment\.api\.powerplatform\.com|webhook\.office\.com)"),
    EndpointKind.DISCORD: re.compile(r"((ptb|canary)\.)?discord(app)?\.com"),
}


def check_chat_url(kind: EndpointKind, url: str) -> None:
    """Raise `EgressRefused` (`host_not_accepted`) for a URL that is no webhook of that kind of chat."""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = None
    if parts is None or parts.scheme != "https" or not CHAT_HOSTS[kind].fullmatch(parts.hostname or ""):
        raise EgressRefused("host_not_accepted", f"The URL is no webhook of {kind.title()}.")
