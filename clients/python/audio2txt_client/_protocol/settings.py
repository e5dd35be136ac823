"""Where the gateway is, and how it is asked."""

from __future__ import annotations

import os
import platform
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import httpx

from audio2txt_client._protocol.retries import Retries
from audio2txt_client.errors import NotConfigured

URL, API_KEY = "AUDIO2TXT_URL", "AUDIO2TXT_API_KEY"

READ_SECONDS = 90.0
"""Long enough for an event stream's quiet seconds; the gateway sends a comment every fifteen."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What every request of a client has in common."""

    url: str
    headers: Mapping[str, str]
    timeout: httpx.Timeout
    retries: Retries


def settings_of(
    *,
    url: str | None,
    api_key: str | None,
    user: tuple[str, str] | None,
    timeout: float | httpx.Timeout,
    retries: Retries,
    environment: Mapping[str, str] = os.environ,
) -> Settings:
    """What was given, or else stands in the environment. Raises `NotConfigured`."""
    if user and api_key:
        raise TypeError("give an API key or a user, and not both")
    address = url or environment.get(URL)
    if not address:
        raise NotConfigured(f"Say where the gateway is: url=…, or the variable {URL}, such as http://127.0.0.1:8000.")
    return Settings(
        url=_checked(address),
        headers={
            "Authorization": _password(*user) if user else _key(api_key or environment.get(API_KEY)),
            "User-Agent": _user_agent(),
            "Accept": "application/json, */*;q=0.1",
        },
        timeout=timeout if isinstance(timeout, httpx.Timeout) else httpx.Timeout(timeout, read=max(timeout, READ_SECONDS)),
        retries=retries,
    )


def _key(key: str | None) -> str:
    if not key:
        raise NotConfigured(f"Say which API key to use: api_key=…, or the variable {API_KEY}.")
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise NotConfigured("The API key has characters that no key has; was it copied whole, and nothing else?")
    return f"Bearer {key}"


def _password(email: str, password: str) -> str:
    """In UTF-8, after RFC 7617."""
    if ":" in email:
        raise NotConfigured("An e-mail address has no colon; user=… is the address, and then the password.")
    return "Basic " + b64encode(f"{email}:{password}".encode()).decode()


def _checked(url: str) -> str:
    """The URL without `/v1`, which people copy along."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise NotConfigured(f"{url!r} is no URL: {error}.") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise NotConfigured(f"{url!r} must begin with http:// or https://, and name a host.")
    return url.rstrip("/").removesuffix("/v1").rstrip("/")


def _user_agent() -> str:
    try:
        release = version("audio2txt-client")
    except PackageNotFoundError:  # run from its source
        release = "0"
    return f"audio2txt-client/{release} python/{platform.python_version()}"
