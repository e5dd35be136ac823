"""Deepgram, in two shapes: where it can reach us it calls back with the transcript, else the request waits for it.

Deepgram keeps nothing: the transcript is in the answer or the callback, and nowhere afterwards. A request whose answer was
lost is therefore never repeated by itself.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from services.transcriber.engines.deepgram.calling import CallingBack
from services.transcriber.engines.deepgram.settings import DeepgramSettings
from services.transcriber.engines.deepgram.waiting import Waiting
from services.transcriber.engines.surroundings import Surroundings
from shared.errors import ConfigurationError
from shared.settings import load

_PORTS = frozenset({80, 443, 8080, 8443})


def open_engine(surroundings: Surroundings) -> CallingBack | Waiting:
    """The engine; without a key of the deployment's, only tenants with one of their own can use it."""
    settings = load(DeepgramSettings, surroundings.environment)
    hooks, blobs, reserve = surroundings.hooks, surroundings.blobs, surroundings.reserve
    if hooks is not None and settings.deepgram_callback and _calls(hooks.url, settings):
        return CallingBack(settings=settings, blobs=blobs, reserve=reserve, hooks=hooks)
    return Waiting(settings=settings, blobs=blobs, reserve=reserve)


def _calls(url: str, settings: DeepgramSettings) -> bool:
    """Whether Deepgram calls back to a URL: to four ports only, where it is not hosted by yourself.

    Raises `ConfigurationError` where the operator relies on it.
    """
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    if port in _PORTS or not (urlsplit(settings.deepgram_url).hostname or "").endswith("deepgram.com"):
        return True
    if settings.deepgram_api_key is not None:
        raise ConfigurationError(
            f"AUDIO2TXT_DEEPGRAM_CALLBACK: Deepgram calls back to the ports 80, 443, 8080 and 8443 only, and not to {port}; "
            "change AUDIO2TXT_PUBLIC_URL, or set AUDIO2TXT_DEEPGRAM_CALLBACK=false."
        )
    return False
