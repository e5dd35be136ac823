"""What operators can set about OpenAI and servers that speak like it."""

from __future__ import annotations

import enum
from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta

from shared.settings import SECRET, Settings

OPENAI_HOST = "api.openai.com"


class ResponseSetting(enum.StrEnum):
    """The form of answer to ask for."""

    AUTO = "auto"
    VERBOSE = "verbose_json"
    DIARIZED = "diarized_json"
    TEXT = "json"


class OpenAISettings(Settings, frozen=True, kw_only=True):
    """The server, the model, and what it costs to ask it twice."""

    openai_api_key: Annotated[
        str | None,
        Meta(
            description="API key of OpenAI, or of a server that speaks like it; one in your own house may need none.",
            extra=SECRET,
        ),
    ] = None
    openai_url: Annotated[
        str,
        Meta(
            pattern="^https?://[^/]+.*[^/]$",
            description="Base URL of the server, up to /v1: OpenAI's, or another's that offers /audio/transcriptions.",
        ),
    ] = f"https://{OPENAI_HOST}/v1"
    openai_model: Annotated[
        str | None,
        Meta(
            description="Model to hear recordings with. Unset takes gpt-transcribe at OpenAI, which tells no times of words, "
            "and whisper-1 elsewhere. OpenAI shuts down whisper-1 and all gpt-4o-…transcribe models on 2027-02-26.",
        ),
    ] = None
    openai_response: Annotated[
        ResponseSetting,
        Meta(
            description="Form of answer: verbose_json has times of words, diarized_json speakers, json neither. "
            "auto goes by the model, and takes json where the server refuses the other."
        ),
    ] = ResponseSetting.AUTO
    openai_max_bytes: Annotated[
        int,
        Meta(ge=1_000_000, le=2**31, description="Largest file that the server takes; longer recordings are cut at pauses."),
    ] = 25_000_000
    openai_requests: Annotated[int, Meta(ge=1, le=32, description="Parts of one recording that are sent at once.")] = 3
    openai_request_seconds: Annotated[
        float, Meta(gt=0, le=86400, description="Longest time that the server may take for one part.")
    ] = 900.0
    openai_rented: Annotated[
        bool,
        Meta(
            description="Audio that goes to the server leaves the house. false says that the server is your own: then tenants "
            "whose audio may not leave the house can use it, and nothing it does costs money."
        ),
    ] = True
    openai_repeat_lost: Annotated[
        bool,
        Meta(
            description="Ask again when an answer was lost. For servers where that costs nothing; otherwise the job fails and "
            "says that its retry may be charged again."
        ),
    ] = False

    @property
    def server(self) -> str:
        """Host name."""
        return urlsplit(self.openai_url).hostname or ""

    @property
    def is_openai(self) -> bool:
        """Whether it is OpenAI's own, of whatever region."""
        return self.server == OPENAI_HOST or self.server.endswith(f".{OPENAI_HOST}")
