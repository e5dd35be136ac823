"""What operators can set about Google Speech-to-Text."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from shared.settings import Settings

_URL = "^https?://[^/]+.*[^/]$"


class GoogleSettings(Settings, frozen=True, kw_only=True):
    """The account, where its recordings lie meanwhile, and the model."""

    google_credentials: Annotated[
        str | None,
        Meta(description="JSON file with the key of the Google service account that recordings are transcribed by."),
    ] = None
    google_bucket: Annotated[
        str | None,
        Meta(
            description="Cloud Storage bucket that recordings lie in until they are heard; give it a lifecycle rule of a day."
        ),
    ] = None
    google_location: Annotated[
        str,
        Meta(
            pattern="^[a-z0-9-]+$",
            description="Google Cloud location that hears the recordings: chirp_2 is in us-central1, europe-west4 and "
            "asia-southeast1, chirp_3 in us, eu, asia-southeast1 and asia-northeast1.",
        ),
    ] = "us-central1"
    google_model: Annotated[
        str,
        Meta(
            pattern="^chirp_[23]$",
            description="chirp_2 tells when each word is said, and hears up to eight hours; chirp_3 tells speakers apart, "
            "without times of words, and hears up to one.",
        ),
    ] = "chirp_2"
    google_dynamic_batching: Annotated[
        bool,
        Meta(description="Have recordings heard when Google has little to do: within a day, and much cheaper."),
    ] = False
    google_speech_url: (
        Annotated[str, Meta(pattern=_URL, description="Speech-to-Text endpoint; unset takes the location's.")] | None
    ) = None
    google_storage_url: Annotated[str, Meta(pattern=_URL, description="Cloud Storage endpoint.")] = (
        "https://storage.googleapis.com"
    )
