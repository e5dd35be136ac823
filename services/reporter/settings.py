"""The reporter's settings."""

from __future__ import annotations

import enum
from decimal import Decimal
from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta

from shared.settings import SECRET, Settings

ASSEMBLYAI = "assemblyai.com"


class ReporterSettings(Settings, frozen=True, kw_only=True):
    """Read from `AUDIO2TXT_RENDER_*`."""

    render_workers: Annotated[int, Meta(ge=1, le=16, description="Most processes that render artifacts at once.")] = 1
    render_seconds: Annotated[
        float, Meta(ge=1, le=3600, description="Longest time that rendering one artifact may take, in seconds.")
    ] = 60.0
    render_idle_seconds: Annotated[
        float, Meta(ge=0, description="After how many seconds without work a render process ends and frees its memory.")
    ] = 300.0


class KeyScheme(enum.StrEnum):
    """How the key is sent."""

    AUTO = "auto"
    BEARER = "bearer"
    PLAIN = "plain"


class LlmSettings(Settings, frozen=True, kw_only=True):
    """The server, the model, its measures, and what it costs."""

    llm_url: (
        Annotated[
            str,
            Meta(
                pattern="^https?://[^/]+.*[^/]$",
                description="Base URL of a server with /chat/completions, up to /v1; unset, no language model writes reports.",
            ),
        ]
        | None
    ) = None
    llm_api_key: Annotated[
        str | None, Meta(description="Key for that server; one in your own house may need none.", extra=SECRET)
    ] = None
    llm_key_scheme: Annotated[
        KeyScheme,
        Meta(description="Authorization header: bearer, plain (the key alone), or auto: plain for AssemblyAI, else bearer."),
    ] = KeyScheme.AUTO
    llm_model: Annotated[str | None, Meta(description="Name of the model; needed with the URL.")] = None
    llm_context_tokens: Annotated[
        int,
        Meta(
            ge=4096, le=10_000_000, description="Tokens that the model, as it is served, takes for prompt and answer together."
        ),
    ] = 32_768
    llm_max_output_tokens: Annotated[
        int, Meta(ge=500, le=200_000, description="Longest answer in tokens, thoughts included; always sent to the server.")
    ] = 6_000
    llm_temperature: (
        Annotated[float, Meta(ge=0, le=2, description="How freely the model writes, where the server lets one say.")] | None
    ) = 0.2
    llm_prompt_usd: Annotated[
        Decimal | None, Meta(description="Price of a million prompt tokens in USD; without both prices a cost is not known.")
    ] = None
    llm_completion_usd: Annotated[Decimal | None, Meta(description="Price of a million answer tokens in USD.")] = None
    llm_in_house: Annotated[
        bool,
        Meta(
            description="The server is your own: what may not leave the house may go there, and an answer that was lost is "
            "asked for again."
        ),
    ] = False
    llm_requests: Annotated[int, Meta(ge=1, le=64, description="Requests that one process has open at the server.")] = 4
    llm_request_seconds: Annotated[
        float, Meta(ge=1, le=600, description="Longest time that the server may take for one answer.")
    ] = 180.0
    llm_report_seconds: Annotated[
        float,
        Meta(
            ge=1,
            le=900,
            description="How long requests for one report may begin; what is missing then is left out, and the report says so.",
        ),
    ] = 600.0
    llm_repeat_lost: Annotated[
        bool,
        Meta(
            description="Ask again when an answer was lost, although it may be charged twice; otherwise the report does "
            "without it until the customer retries."
        ),
    ] = False

    @property
    def server(self) -> str:
        """Host name."""
        return urlsplit(self.llm_url or "").hostname or ""

    @property
    def authorization(self) -> str | None:
        """The header's value."""
        if self.llm_api_key is None:
            return None
        at_assemblyai = self.server == ASSEMBLYAI or self.server.endswith(f".{ASSEMBLYAI}")
        plain = self.llm_key_scheme is KeyScheme.PLAIN or (self.llm_key_scheme is KeyScheme.AUTO and at_assemblyai)
        return self.llm_api_key if plain else f"Bearer {self.llm_api_key}"
