"""What operators can set about Deepgram."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from shared.settings import SECRET, Settings


class DeepgramSettings(Settings, frozen=True, kw_only=True):
    """The account, and how it is used."""

    deepgram_api_key: Annotated[str | None, Meta(description="API key of the Deepgram account.", extra=SECRET)] = None
    deepgram_url: Annotated[
        str,
        Meta(
            pattern="^https?://[^/]+.*[^/]$",
            description="Deepgram's API: another region's, such as https://api.eu.deepgram.com, or one hosted by yourself.",
        ),
    ] = "https://api.deepgram.com"
    deepgram_model: Annotated[str, Meta(min_length=1, description="Model that Deepgram hears recordings with.")] = "nova-3"
    deepgram_multilingual: Annotated[
        bool,
        Meta(
            description="Hear recordings of unknown language with the multilingual model, which follows a change of language "
            "and costs more; otherwise Deepgram detects the main language and hears everything in it."
        ),
    ] = False
    deepgram_upload: Annotated[
        str,
        Meta(
            pattern="^(upload|presigned)$",
            description="How recordings get there: upload, or a presigned URL of an S3 store that Deepgram can reach.",
        ),
    ] = "upload"
    deepgram_callback: Annotated[
        bool,
        Meta(
            description="Have Deepgram call back with the transcript where AUDIO2TXT_PUBLIC_URL is set, to port 80, 443, 8080 "
            "or 8443; otherwise the request waits for it."
        ),
    ] = True
    deepgram_mip_opt_out: Annotated[
        bool, Meta(description="Keep recordings out of Deepgram's model improvement program, which may cost more.")
    ] = True
