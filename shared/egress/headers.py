"""Headers that customers have sent along to their own receivers: theirs to choose, save those that the request itself needs."""

from __future__ import annotations

import re
from collections.abc import Mapping

from shared.egress.policy import EgressRefused

MOST_CHARACTERS = 4096
"""Of names and values together."""

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_VALUE = re.compile(r"[\t\x20-\x7e]*")
_RESERVED = re.compile(
    "accept|accept-encoding|connection|content-(encoding|length|type)|cookie|date|expect|forwarded|host|keep-alive|"
    "proxy-authorization|te|trailer|transfer-encoding|upgrade|user-agent|via|webhook-.*|x-forwarded-for",
    re.IGNORECASE,
)
"""Ours or the connection's."""


class HeaderRefused(EgressRefused):
    """A header that may not be sent. `name` is null where it is about all of them."""

    def __init__(self, code: str, message: str, name: str | None = None) -> None:
        super().__init__(code, message)
        self.name = name


def check_headers(headers: Mapping[str, str]) -> None:
    """Raise `HeaderRefused` for headers that may not be sent; the message never tells a value.

    Codes: `headers_too_long`, `header_invalid`, `header_reserved`.
    """
    if sum(len(name) + len(value) for name, value in headers.items()) > MOST_CHARACTERS:
        raise HeaderRefused("headers_too_long", f"The headers have more than {MOST_CHARACTERS} characters in all.")
    if len({name.lower() for name in headers}) < len(headers):
        raise HeaderRefused("header_invalid", "A header is given twice.")
    for name, value in headers.items():
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            detail = f"The header {name[:100]!r} holds characters that no header may hold; encode them."
            raise HeaderRefused("header_invalid", detail, name)
        if _RESERVED.fullmatch(name):
            raise HeaderRefused("header_reserved", f"The header {name} is set by us or by the connection; leave it out.", name)
