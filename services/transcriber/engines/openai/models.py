"""What is known of models by their names: which form of answer they give, which hints they take, how long a piece may be."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.transcriber.engines.openai.messages import Response
from services.transcriber.engines.openai.settings import ResponseSetting
from shared.schemas.engines import VocabularyLimits

RETIRES_ON = "2027-02-26"
"""When OpenAI shuts down the models that `retires` tells."""

LONGEST_TIMED_MS = 600_000
LONGEST_DIARIZED_MS = 1_200_000
"""The longer a piece, the fewer speakers get another name in the next; OpenAI takes up to 1400 s."""
LONGEST_UNTIMED_MS = 60_000
"""Times are interpolated inside a piece, so pieces are short."""

# Measured on 2026-07-31: any other code is refused.
# fmt: off
_GPT_TRANSCRIBE = frozenset({
    "af", "ar", "az", "be", "bg", "bn", "bs", "ca", "cs", "cy", "da", "de", "el", "en", "es", "et", "fa", "fi", "fr", "gl",
    "gu", "he", "hi", "hr", "hu", "hy", "id", "is", "it", "ja", "ka", "kk", "kn", "ko", "lt", "lv", "mi", "mk", "ml", "mr",
    "ms", "ne", "nl", "no", "pl", "pt", "ro", "ru", "sk", "sl", "sr", "sv", "sw", "ta", "te", "th", "tl", "tr", "uk", "ur",
    "vi", "yue", "zh",
})
# fmt: on
_USUAL = {"nb": "no", "fil": "tl", "cmn": "zh"}
"""Codes that the models know by another."""

Field = tuple[str, str]


class Family(enum.Enum):
    """Models that understand the same parameters."""

    GPT = enum.auto()
    """gpt-transcribe: lists of languages and key terms."""
    GPT_4O = enum.auto()
    DIARIZING = enum.auto()
    WHISPER = enum.auto()
    """Whisper, and whatever other servers offer in its place."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model, and the form of answer it is asked for."""

    name: str
    response: Response
    falls_back: bool
    """Take plain text where the server refuses that form."""

    @classmethod
    def of(cls, name: str, setting: ResponseSetting) -> Model:
        """The model of this name; `auto` takes the form that tells the most."""
        if setting is ResponseSetting.AUTO:
            return cls(name=name, response=_RICHEST[family_of(name)], falls_back=True)
        return cls(name=name, response=Response(setting.value), falls_back=False)

    @property
    def languages(self) -> frozenset[str] | None:
        """Language codes it takes; null when it is not known to refuse any."""
        return _GPT_TRANSCRIBE | _USUAL.keys() if family_of(self.name) is Family.GPT else None

    @property
    def vocabulary(self) -> VocabularyLimits | None:
        """Key terms it takes; null when none."""
        match family_of(self.name):
            case Family.GPT:
                return VocabularyLimits(terms=100)
            case Family.GPT_4O | Family.WHISPER:
                return VocabularyLimits(terms=40)  # Whisper reads the last 224 tokens of a prompt
            case Family.DIARIZING:
                return None

    @property
    def longest_ms(self) -> int:
        """Longest piece."""
        match self.response:
            case Response.VERBOSE:
                return LONGEST_TIMED_MS
            case Response.DIARIZED:
                return LONGEST_DIARIZED_MS
            case Response.TEXT:
                return LONGEST_UNTIMED_MS


_RICHEST = {
    Family.GPT: Response.TEXT,
    Family.GPT_4O: Response.TEXT,
    Family.DIARIZING: Response.DIARIZED,
    Family.WHISPER: Response.VERBOSE,
}


def family_of(name: str) -> Family:
    """By the names that OpenAI gives them, which gateways write after their own; others are taken for Whisper."""
    own = name.rpartition("/")[2]
    if "transcribe-diarize" in own:
        return Family.DIARIZING
    if own.startswith("gpt-4o"):
        return Family.GPT_4O
    return Family.GPT if own.startswith("gpt-transcribe") else Family.WHISPER


def retires(name: str) -> bool:
    """Whether OpenAI has announced the model's end."""
    return name == "whisper-1" or family_of(name) in (Family.GPT_4O, Family.DIARIZING)


def requests(model: Model, *, language: str | None, vocabulary: Sequence[str]) -> Iterator[list[Field]]:
    """The fields of the request that tells the most, then of those to make where the server refuses its form."""
    fields = [("model", model.name), *_hints(model.name, None if language is None else usual_code(language), vocabulary)]
    match model.response:
        case Response.VERBOSE:
            times = [("timestamp_granularities[]", "word"), ("timestamp_granularities[]", "segment")]
            yield [*fields, ("response_format", Response.VERBOSE), *times]
            yield [*fields, ("response_format", Response.VERBOSE)]
        case Response.DIARIZED:
            yield [*fields, ("response_format", Response.DIARIZED), ("chunking_strategy", "auto")]
        case Response.TEXT:
            pass
    if model.falls_back or model.response is Response.TEXT:
        yield [*fields, ("response_format", Response.TEXT)]


def usual_code(language: str) -> str:
    """The code that the models know a language by."""
    return _USUAL.get(language, language)


def _hints(name: str, language: str | None, vocabulary: Sequence[str]) -> list[Field]:
    match family_of(name):
        case Family.GPT:
            return [*_one("languages[]", language), *(("keywords[]", term) for term in vocabulary)]
        case Family.GPT_4O:
            return [*_one("language", language), *_one("prompt", ", ".join(vocabulary))]
        case Family.DIARIZING:
            return _one("language", language)
        case Family.WHISPER:
            return [*_one("language", language), *_one("prompt", ", ".join(vocabulary)), ("temperature", "0")]


def _one(name: str, value: str | None) -> list[Field]:
    return [(name, value)] if value else []
