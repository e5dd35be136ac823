"""What a request proves by who makes it: a key or token, an e-mail with a password, or a browser's cookie."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

SECURE_COOKIE = "__Host-audio2txt"
"""Browsers take it over https alone, from this host alone, for all of it: no other host of the domain can plant one."""
COOKIE = "audio2txt"
"""Where there is no https, as on a laptop."""


@dataclass(frozen=True)
class Bearer:
    """An API key, or a user's token."""

    text: str


@dataclass(frozen=True)
class Basic:
    """What small tools send each time."""

    email: str
    password: str


@dataclass(frozen=True)
class SessionCookie:
    """What a browser sends by itself, whoever makes it."""

    text: str


Presented: TypeAlias = Bearer | Basic | SessionCookie


def cookie_name(*, secure: bool) -> str:
    """The name of the cookie that holds a browser's session."""
    return SECURE_COOKIE if secure else COOKIE


def presented(headers: Mapping[str, str], cookies: Mapping[str, str], cookie: str) -> Presented | None:
    """What it shows, the explicit before the cookie; null for nothing that can be read. Keys are never taken from cookies."""
    authorization = headers.get("authorization")
    if authorization is None and "x-api-key" in headers:
        return Bearer(headers["x-api-key"])
    if authorization is None:
        return SessionCookie(cookies[cookie]) if cookie in cookies else None
    scheme, _, given = authorization.partition(" ")
    match scheme.lower():
        case "bearer":
            return Bearer(given.strip())
        case "basic":
            return _basic(given.strip())
        case _:
            return Bearer(headers["x-api-key"]) if "x-api-key" in headers else None


def _basic(given: str) -> Basic | None:
    """In UTF-8, after RFC 7617."""
    try:
        email, colon, password = b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return Basic(email, password) if colon else None
