"""What is asked of Deepgram for one task."""

from __future__ import annotations

from collections.abc import Iterator

from services.transcriber.engines import Task
from services.transcriber.engines.deepgram.redaction import redacted
from services.transcriber.engines.deepgram.settings import DeepgramSettings
from shared.errors import JobError
from shared.schemas.jobs import Analysis

# fmt: off
LANGUAGES = frozenset({
    "be", "bg", "bn", "bs", "ca", "cmn", "cs", "da", "de", "el", "en", "es", "et", "fi", "fil", "fr", "hi", "hr", "hu", "id",
    "it", "ja", "kn", "ko", "lt", "lv", "mk", "mr", "ms", "nb", "nl", "no", "pl", "pt", "ro", "ru", "sk", "sl", "sr", "sv",
    "ta", "te", "th", "tl", "tr", "uk", "vi", "yue", "zh",
})
"""What `nova-3` is documented to hear (2026)."""
_REGIONAL = frozenset({
    "da-DK", "de-CH", "en-AU", "en-GB", "en-IN", "en-NZ", "en-US", "es-419", "fr-CA", "ko-KR", "nl-BE", "pt-BR", "pt-PT",
    "sv-SE", "th-TH", "zh-CN", "zh-HK", "zh-TW",
})
# fmt: on
_DEEPGRAMS_OWN = {"nb": "no", "fil": "tl"}
_CHINESE = {"yue": "zh-HK", "hk": "zh-HK", "mo": "zh-HK", "hant": "zh-TW", "tw": "zh-TW"}
ANALYSES = {
    Analysis.ENTITIES: ("detect_entities", "true"),
    Analysis.SENTIMENT: ("sentiment", "true"),
    Analysis.TOPICS: ("topics", "true"),
    Analysis.SUMMARY: ("summarize", "v2"),
}
MOST_TERMS = 100
MOST_TERM_BYTES = 1000
"""All key terms together. Deepgram counts 500 tokens and refuses more; none is shorter than two bytes by far."""
MULTILINGUAL = "multi"

Parameters = list[tuple[str, str]]


def parameters(task: Task, settings: DeepgramSettings) -> Parameters:
    """The query of `/v1/listen`; `JobError` when Deepgram cannot do what is asked."""
    return [
        ("model", settings.deepgram_model),
        ("smart_format", "true"),
        ("punctuate", "true"),
        ("utterances", "true"),
        ("mip_opt_out", "true" if settings.deepgram_mip_opt_out else "false"),
        ("tag", "audio2txt"),
        ("multichannel", "true") if task.options.channels else ("diarize_model", "latest"),
        *_language(task, settings),
        *_analyses(task),
        *(("redact", category) for category in _redacted(task)),
        *(("keyterm", term) for term in _keyterms(task)),
        *(("extra", note) for note in _notes(task, settings)),
    ]


def language_code(language: str) -> str:
    """Deepgram's code for a BCP-47 one: with the region where it hears regions apart."""
    base, *rest = language.split("-")
    base = base.lower()
    if base in ("zh", "cmn", "yue"):
        return next((_CHINESE[part] for part in (base, *map(str.lower, reversed(rest))) if part in _CHINESE), "zh")
    regional = f"{base}-{rest[-1].upper()}" if rest else base
    return regional if regional in _REGIONAL else _DEEPGRAMS_OWN.get(base, base)


def _language(task: Task, settings: DeepgramSettings) -> Parameters:
    match _told(task, settings):
        case None:
            return [("detect_language", "true")]
        case code:
            return [("language", code)]


def _told(task: Task, settings: DeepgramSettings) -> str | None:
    if task.language is not None:
        return language_code(task.options.language)
    return MULTILINGUAL if settings.deepgram_multilingual else None


def _analyses(task: Task) -> Parameters:
    wanted = task.options.analyses
    if wanted and task.language not in (None, "en"):
        raise JobError(
            "feature_not_supported",
            f"Deepgram finds {', '.join(wanted)} in English recordings only; leave it out, or use another engine.",
        )
    return [ANALYSES[analysis] for analysis in wanted]


def _redacted(task: Task) -> list[str]:
    return [] if task.options.redaction is None else redacted(task.options.redaction, task.language)


def _keyterms(task: Task) -> list[str]:
    terms, left = [], MOST_TERM_BYTES
    for term in task.vocabulary[:MOST_TERMS]:
        left -= len(term.encode())
        if left < 0:
            break
        terms.append(term)
    return terms


def _notes(task: Task, settings: DeepgramSettings) -> Iterator[str]:
    """What Deepgram gives back with its answer, so that this can be read without knowing what was asked."""
    yield f"call:{task.token}"
    yield f"items:{','.join(_items(task, settings))}"
    told = _told(task, settings)
    if told is not None:
        yield f"language:{told}"
    if len(_keyterms(task)) < len(task.vocabulary):
        yield "vocabulary:cut"


def _items(task: Task, settings: DeepgramSettings) -> Iterator[str]:
    """What is charged, as rows of the price list name it."""
    multilingual = _told(task, settings) == MULTILINGUAL
    yield f"{settings.deepgram_model}-multilingual" if multilingual else settings.deepgram_model
    if not task.options.channels:
        yield "diarize"
    if task.vocabulary:
        yield "keyterm"
    if task.options.redaction is not None:
        yield "redact"
    yield from (name for name, _ in _analyses(task))
