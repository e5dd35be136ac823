"""Speech engines that a tenant can choose among."""

from __future__ import annotations

import msgspec

from audio2txt_client.enums import OpenEnum
from audio2txt_client.models.options import Analysis, RedactionSubstitute


class Feature(OpenEnum):
    """What a job may ask of an engine beyond words."""

    SPEAKERS = "speakers"
    SPEAKER_COUNT = "speaker_count"
    VOCABULARY = "vocabulary"
    CHANNELS = "channels"
    REDACTION = "redaction"
    REDACTED_AUDIO = "redacted_audio"
    LANGUAGE_DETECTION = "language_detection"


class WordTimes(OpenEnum):
    """Where the times of words come from."""

    EXACT = "exact"
    APPROXIMATE = "approximate"


class EngineVocabulary(msgspec.Struct, frozen=True, kw_only=True):
    """How many key terms an engine takes."""

    terms: int
    words: int
    """Of one term."""


class EngineRedaction(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine can remove from transcripts."""

    categories: tuple[str, ...]
    category_languages: dict[str, tuple[str, ...]]
    """Categories that can be removed in some languages only."""
    substitutes: tuple[RedactionSubstitute, ...]
    needs_language: bool
    unredacted: tuple[Analysis, ...]
    """Analyses that cannot be had together with it."""


class Engine(msgspec.Struct, frozen=True, kw_only=True):
    """A speech engine, and what it can do."""

    name: str
    default: bool
    rented: bool
    """Whether the audio leaves the house for a provider."""
    own_key: bool
    """Whether it works on a key of your own."""
    models: tuple[str, ...]
    languages: tuple[str, ...] | None
    """Without script and region; null for any."""
    features: tuple[Feature, ...]
    feature_languages: dict[str, tuple[str, ...]]
    """Features that work in some languages only."""
    analyses: tuple[Analysis, ...]
    analysis_languages: dict[str, tuple[str, ...]]
    redaction: EngineRedaction | None
    word_times: WordTimes
    vocabulary: EngineVocabulary | None
    longest_ms: int | None
    largest_bytes: int | None
    keeps_copies: bool
    """Whether the provider keeps copies, which are deleted when the text is there."""
