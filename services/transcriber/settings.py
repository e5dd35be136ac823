"""What operators can set about transcription."""

from __future__ import annotations

import enum
from typing import Annotated

from msgspec import Meta

from shared.schemas.jobs import Script
from shared.settings import Settings


class KeyPolicy(enum.StrEnum):
    """What happens to jobs whose provider refuses the key."""

    WAIT = "wait"
    FAIL = "fail"


class TranscriberSettings(Settings, frozen=True, kw_only=True):
    """Which engines there are, and how much audio they are given."""

    engine: Annotated[
        str | None,
        Meta(description="Speech engine of jobs that name none; unset takes a rented one with a key, or else `local`."),
    ] = None
    chinese_script: Annotated[
        Script,
        Meta(
            description="Script of Chinese text where neither the job nor its language says: `zh-Hant-TW` (Taiwan's characters "
            "and words), `zh-Hant-HK`, `zh-Hant` (Taiwan's characters, words as said), `zh-Hans` or `as-recognised`."
        ),
    ] = Script.TAIWAN
    max_audio_hours: Annotated[float, Meta(gt=0, le=240, description="Longest recording that is transcribed, in hours.")] = 12.0
    download_max_bytes: Annotated[int, Meta(ge=1, description="Largest recording that is fetched from an audio_url.")] = (
        5 * 1024**3
    )
    download_seconds: Annotated[
        float, Meta(gt=0, le=86400, description="Longest time that fetching an audio_url may take.")
    ] = 3600.0

    account_concurrency: Annotated[
        int, Meta(ge=1, le=100_000, description="Tasks that one account has at a provider at once, over all processes.")
    ] = 200
    account_requests_per_minute: Annotated[
        float,
        Meta(gt=0, le=100_000, description="Requests to a provider on one account, from each process: replicas add up."),
    ] = 600.0
    key_refused: Annotated[
        KeyPolicy, Meta(description="Jobs whose provider refuses the key, or that have none: `wait` for another, or `fail`.")
    ] = KeyPolicy.WAIT
    hooks_url: (
        Annotated[
            str,
            Meta(
                pattern="^https?://.+[^/]$",
                description="Public URL of this service's `/hooks`, where providers call back; unset polls alone, and takes "
                "AUDIO2TXT_PUBLIC_URL + /hooks in one process.",
            ),
        ]
        | None
    ) = None

    local_model: Annotated[
        str | None,
        Meta(
            description="Folder of a Whisper model in CTranslate2 format; unset uses the small English one that is installed."
        ),
    ] = None
    local_speaker_model: Annotated[
        str | None,
        Meta(description="Folder of the networks that tell speakers apart; unset uses what `make models` has made, if it has."),
    ] = None
    local_workers: Annotated[
        int, Meta(ge=1, le=64, description="Recordings the local engine hears at once, with one thread each.")
    ] = 1
    local_beam_size: Annotated[
        int, Meta(ge=1, le=10, description="Alternatives the local engine weighs: 1 is faster, 5 mishears less.")
    ] = 5
    local_idle_minutes: Annotated[
        float, Meta(ge=0, le=1440, description="Minutes without work after which the local engine gives its memory back.")
    ] = 5.0

    scripted_engine: Annotated[
        bool,
        Meta(
            description="Offer the engine `scripted`, which invents its transcripts: for tests and load, never for customers."
        ),
    ] = False
    scripted_seconds: Annotated[
        float, Meta(gt=0, le=86400, description="Length of the recordings that `scripted` pretends to hear, in seconds.")
    ] = 60.0
    scripted_delay: Annotated[float, Meta(ge=0, le=86400, description="Seconds that `scripted` takes for a recording.")] = 1.0
    scripted_failures: Annotated[int, Meta(ge=0, le=100, description="How often `scripted` breaks down on each recording.")] = 0
    scripted_hang: Annotated[bool, Meta(description="Let `scripted` never finish.")] = False

    @property
    def max_audio_ms(self) -> int:
        """The longest recording, in milliseconds."""
        return round(self.max_audio_hours * 3_600_000)
