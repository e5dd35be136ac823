"""Which Chinese script is wanted, and how languages written in it are called."""

from __future__ import annotations

from shared.schemas.engines import base_language
from shared.schemas.jobs import JobOptions, Script

CHINESE = frozenset({"zh", "cmn", "yue", "nan", "hak", "wuu"})
"""Languages by their first subtag: Chinese without saying which, Mandarin, Cantonese, Min Nan, Hakka, Wu."""

_BY_SUBTAG = (
    (frozenset({"hans", "cn", "sg", "my"}), Script.SIMPLIFIED),
    (frozenset({"hk", "mo"}), Script.HONG_KONG),
    (frozenset({"hant", "tw"}), Script.TAIWAN),
)
"""First match wins, so that `zh-Hant-HK` is Hong Kong's."""


def is_chinese(language: str | None) -> bool:
    """Whether a language tag names Chinese."""
    return language is not None and base_language(language) in CHINESE


def wanted_script(options: JobOptions, spoken: str | None, usual: Script) -> Script:
    """The job's script; else what the language it asks for says, as `zh-Hans` does; else the installation's usual one.

    Cantonese takes Hong Kong's characters where the usual ones are Traditional: Taiwan's words are not its own.
    """
    if options.script is not None:
        return options.script
    if is_chinese(options.language) and (asked := _said_by(options.language)):
        return asked
    cantonese = "yue" in {base_language(options.language), base_language(spoken or "")}
    return Script.HONG_KONG if cantonese and usual in (Script.TAIWAN, Script.TRADITIONAL) else usual


def language_tag(language: str | None, script: Script) -> str:
    """The tag of a Chinese language in a script: `zh-Hant-TW`, `yue-Hant-HK`."""
    base = base_language(language or "zh")
    return f"{'zh' if base == 'cmn' else base}{script.value.removeprefix('zh')}"


def _said_by(tag: str) -> Script | None:
    subtags = set(tag.lower().split("-")[1:])
    return next((script for names, script in _BY_SUBTAG if names & subtags), None)
