"""The languages that AssemblyAI hears, and its codes for them (its documentation of 2026)."""

from __future__ import annotations

from shared.schemas.engines import base_language

_ITS_OWN = {"jv": "jw", "nb": "no", "fil": "tl"}
"""Its codes, where they are not the usual ones."""
_USUAL = {"jw": "jv"}


def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


LANGUAGES = _codes(
    "en es fr de it pt nl af sq am ar hy as az ba eu be bn bs br bg my ca zh hr cs da et fo fi gl ka el gu ht ha haw "
    "he hi hu is id ja jv kn kk km ko lo la lv ln lt lb mk mg ms ml mt mi mr mn ne nb no nn oc pa ps fa pl ro ru sa "
    "sr sn sd si sk sl so su sw sv tl fil tg ta tt te th bo tr tk uk ur uz vi cy yi yo"
)
"""Those of its models together, in our codes."""

SEPARABLE = LANGUAGES - {"my", "km", "th", "bo"}
"""In which it tells speakers apart."""

REDACTABLE = _codes(
    "en es fr de it pt nl hi ja zh fi ko pl ru tr uk vi af ar be bg my ca hr cs da et ka el he hu is id km lv lt lb "
    "ms nb no fa ro sk sl sw sv tl fil ta"
)
"""In which it can remove words."""

NEWEST = _codes("en es fr de it pt ar da nl fi he hi ja zh nb no sv tr vi")
"""Those of the models named `universal-3…`; the others are left to `universal-2`."""


def its_code(language: str) -> str:
    """AssemblyAI's code for a language; it knows neither scripts nor, beyond English and German, regions."""
    base = base_language(language)
    return _ITS_OWN.get(base, base)


def usual_code(code: str) -> str:
    """Our code for one of AssemblyAI's, which may carry a region as in `en_us`."""
    base = code.replace("-", "_").partition("_")[0].lower()
    return _USUAL.get(base, base)
