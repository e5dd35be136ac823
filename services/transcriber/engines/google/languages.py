"""Google's names for languages, which have a region, and ours, which have none."""

from __future__ import annotations

from services.transcriber.engines import base_language

AUTO = "auto"

# fmt: off
_TAGS = {
    "af": "af-ZA", "am": "am-ET", "ar": "ar-EG", "az": "az-AZ", "be": "be-BY", "bg": "bg-BG", "bn": "bn-BD", "bs": "bs-BA",
    "ca": "ca-ES", "cs": "cs-CZ", "cy": "cy-GB", "da": "da-DK", "de": "de-DE", "el": "el-GR", "en": "en-US", "es": "es-ES",
    "et": "et-EE", "eu": "eu-ES", "fa": "fa-IR", "fi": "fi-FI", "fil": "fil-PH", "fr": "fr-FR", "gl": "gl-ES", "gu": "gu-IN",
    "he": "iw-IL", "hi": "hi-IN", "hr": "hr-HR", "hu": "hu-HU", "hy": "hy-AM", "id": "id-ID", "is": "is-IS", "it": "it-IT",
    "ja": "ja-JP", "jv": "jv-ID", "ka": "ka-GE", "kk": "kk-KZ", "km": "km-KH", "kn": "kn-IN", "ko": "ko-KR", "lo": "lo-LA",
    "lt": "lt-LT", "lv": "lv-LV", "mk": "mk-MK", "ml": "ml-IN", "mn": "mn-MN", "mr": "mr-IN", "ms": "ms-MY", "my": "my-MM",
    "nb": "no-NO", "ne": "ne-NP", "nl": "nl-NL", "no": "no-NO", "pa": "pa-Guru-IN", "pl": "pl-PL", "pt": "pt-BR",
    "ro": "ro-RO", "ru": "ru-RU", "si": "si-LK", "sk": "sk-SK", "sl": "sl-SI", "sr": "sr-RS", "su": "su-ID", "sv": "sv-SE",
    "sw": "sw", "ta": "ta-IN", "te": "te-IN", "th": "th-TH", "tl": "fil-PH", "tr": "tr-TR", "uk": "uk-UA", "ur": "ur-PK",
    "uz": "uz-UZ", "vi": "vi-VN", "yue": "yue-Hant-HK", "zh": "cmn-Hans-CN", "zu": "zu-ZA",
}
_REGIONAL = frozenset({
    "ar-AE", "ar-EG", "bn-BD", "bn-IN", "en-AU", "en-GB", "en-IN", "en-US", "es-ES", "es-US", "fr-CA", "fr-FR", "pt-BR",
    "pt-PT",
})
# fmt: on
_CHINESE = {"yue": "yue-Hant-HK", "hk": "yue-Hant-HK", "mo": "yue-Hant-HK", "hant": "cmn-Hant-TW", "tw": "cmn-Hant-TW"}
_OURS = {"cmn": "zh", "iw": "he", "fil": "tl"}

LANGUAGES = frozenset(_TAGS) | {"cmn"}
"""What both models are documented to hear in batches (2026). A location may lack some, and says so."""


def google_code(language: str) -> str:
    """Google's tag for a BCP-47 one, with the region where it hears regions apart."""
    base, *rest = language.split("-")
    base = base.lower()
    if base in ("zh", "cmn", "yue"):
        parts = (base, *map(str.lower, reversed(rest)))
        return next((_CHINESE[part] for part in parts if part in _CHINESE), _TAGS["zh"])
    regional = f"{base}-{rest[-1].upper()}" if rest else ""
    return regional if regional in _REGIONAL else _TAGS[base]


def our_code(tag: str) -> str:
    """Our code for a language as Google names it in its answers."""
    base = base_language(tag)
    return _OURS.get(base, base)
