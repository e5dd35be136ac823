"""What speech engines offer, what a tenant has decided about them: what the transcriber publishes and the gateway reads."""

from __future__ import annotations

import enum
from typing import Annotated

import msgspec
from msgspec import Meta

from shared.schemas.jobs import Analysis, RedactionSubstitute


class Feature(enum.StrEnum):
    """What a job may ask of an engine beyond words. Analyses are named for themselves."""

    SPEAKERS = "speakers"
    """Tells speakers apart."""
    SPEAKER_COUNT = "speaker_count"
    """Can be told how many speakers to expect."""
    VOCABULARY = "vocabulary"
    CHANNELS = "channels"
    REDACTION = "redaction"
    REDACTED_AUDIO = "redacted_audio"
    LANGUAGE_DETECTION = "language_detection"


class WordTimes(enum.StrEnum):
    """Where the times of words come from."""

    EXACT = "exact"
    APPROXIMATE = "approximate"
    """Interpolated inside a passage, and marked so."""


class VocabularyLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How many key terms an engine takes."""

    terms: int
    words: int = 6
    """Words of one term."""
    languages: frozenset[str] | None = None
    """Where there are so many; null is everywhere."""
    elsewhere: int = 0
    """Terms in other languages."""

    def most(self, language: str = "auto") -> int:
        """How many terms of a job, in a language if one is named."""
        known = self.languages is None or language == "auto" or base_language(language) in self.languages
        return self.terms if known else self.elsewhere


class RedactionLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine can remove from transcripts, and when."""

    categories: frozenset[str]
    category_languages: dict[str, frozenset[str]] = {}
    """Categories that can be removed in some languages only."""
    substitutes: frozenset[RedactionSubstitute] = frozenset(RedactionSubstitute)
    detects_language: bool = True
    """Whether it removes anything where the language is not named."""
    unredacted: frozenset[Analysis] = frozenset()
    """Analyses that repeat words, and from which nothing is removed."""

    def removes(self, category: str, language: str) -> bool:
        """Whether a category can be removed; `auto` leaves it to the engine."""
        limited = self.category_languages.get(category)
        return category in self.categories and (limited is None or language == "auto" or base_language(language) in limited)


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine can do, as far as requests and readers depend on it."""

    languages: frozenset[str] | None = None
    """Language codes without script and region; null when it takes any."""
    features: frozenset[Feature] = frozenset()
    analyses: frozenset[Analysis] = frozenset()
    feature_languages: dict[Feature, frozenset[str]] = {}
    """Features that work in some languages only."""
    analysis_languages: dict[Analysis, frozenset[str]] = {}
    """Analyses that work in some languages only."""
    redaction: RedactionLimits | None = None
    """Null when nothing is known of its limits."""
    word_times: WordTimes = WordTimes.EXACT
    vocabulary: VocabularyLimits | None = None
    longest_ms: Annotated[int, Meta(ge=1)] | None = None
    """Longest recording; null when only our own limit counts."""
    largest_bytes: Annotated[int, Meta(ge=1)] | None = None
    """Largest file; null when only our own limit counts."""
    keeps_copies: bool = False
    """Whether a provider keeps audio or text until it is told to dismiss them."""

    def speaks(self, language: str) -> bool:
        """Whether recordings in a language (BCP-47, or `auto`) can be heard."""
        if language == "auto":
            return True
        return self.languages is None or base_language(language) in self.languages

    def has(self, feature: Feature, language: str = "auto") -> bool:
        """Whether a feature works, in a language if one is named."""
        limited = self.feature_languages.get(feature)
        known = limited is None or language == "auto" or base_language(language) in limited
        return feature in self.features and known

    def finds(self, analysis: Analysis, language: str = "auto") -> bool:
        """Whether an analysis works, in a language if one is named."""
        limited = self.analysis_languages.get(analysis)
        known = limited is None or language == "auto" or base_language(language) in limited
        return analysis in self.analyses and known


class EngineOffer(msgspec.Struct, frozen=True, kw_only=True):
    """One engine as jobs can choose it."""

    name: str
    rented: bool
    """Whether the audio leaves the house."""
    is_default: bool = False
    has_key: bool = True
    """False for a rented engine of which the deployment has no key: only tenants with a key of their own can use it."""
    models: tuple[str, ...] = ()
    capabilities: Capabilities


class EngineRules(msgspec.Struct, frozen=True, kw_only=True):
    """What a tenant has decided about engines."""

    engine: str | None = None
    """Engine of jobs that name none; null takes the deployment's default."""
    allow_rented: bool = True
    """False: audio may not leave the house."""
    vocabulary: tuple[str, ...] = ()
    """Key terms for every job, after the job's own."""
    keys: frozenset[str] = frozenset()
    """Engines of which the tenant has brought a key."""


def base_language(language: str) -> str:
    """`zh` of `zh-Hant-TW`."""
    return language.partition("-")[0].lower()
