"""A finished transcript of AssemblyAI in our terms. Pure; a field that is not what it used to be costs itself alone."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from services.transcriber.engines import Heard, Usage
from services.transcriber.engines.assemblyai.answer import Fields, Metadata
from services.transcriber.engines.assemblyai.insights import FINDINGS, read_insights
from services.transcriber.engines.assemblyai.languages import usual_code
from services.transcriber.engines.assemblyai.passages import PassageReader, ratio

UNKNOWN_MODEL = "unknown"
_EXTRAS = (
    "speaker_labels",
    "entity_detection",
    "sentiment_analysis",
    "iab_categories",
    "auto_highlights",
    "content_safety",
    "redact_pii",
    "redact_pii_audio",
)
"""Charged beside the model where they are on; each is named for its field."""


def read(raw: bytes) -> Heard:
    """The stored answer in our terms."""
    fields = Fields(raw)
    stated_ms = max(0, round((fields.get("audio_duration", float) or 0) * 1000))
    code = fields.get("language_code", str)
    language = usual_code(code) if code else None
    reader = PassageReader(fields, duration_ms=stated_ms, language=language)
    passages = reader.passages()
    insights = read_insights(fields, duration_ms=stated_ms)
    return Heard(
        model=_model(fields),
        duration_ms=max(stated_ms, *(passage.words[-1].e or 0 for passage in passages), 0),
        passages=passages,
        channels=fields.get("audio_channels", int),
        language=language,
        language_confidence=ratio(fields.get("language_confidence", float)) if fields.is_on("language_detection") else None,
        params=_params(fields),
        notes=tuple(_notes(fields, reader)),
        insights=insights,
        usage=_usage(fields, stated_ms),
    )


def _model(fields: Fields) -> str:
    models = fields.get("speech_models", list[str]) or []
    return fields.get("speech_model_used", str) or (models[0] if len(models) == 1 else UNKNOWN_MODEL)


def _params(fields: Fields) -> dict[str, str]:
    detected = fields.is_on("language_detection")
    params = {
        "language": "auto" if detected else fields.get("language_code", str),
        "speech_models": ",".join(fields.get("speech_models", list[str]) or ()),
        "features": ",".join(_charged(fields)),
    }
    return {name: value for name, value in params.items() if value}


def _notes(fields: Fields, reader: PassageReader) -> Iterator[str]:
    yield from sorted(reader.notes)
    if fields.unreadable & FINDINGS:
        yield "insights_unreadable"
    metadata = fields.get("metadata", Metadata)
    if metadata is not None and metadata.warnings:
        yield "engine_warnings"


def _usage(fields: Fields, stated_ms: int) -> Usage:
    """Each channel of a multichannel recording is charged for itself."""
    channels = fields.get("audio_channels", int) if fields.is_on("multichannel") else None
    return Usage(billed_ms=stated_ms * max(1, channels or 1), items=(_model(fields), *_charged(fields)))


def _charged(fields: Fields) -> Iterator[str]:
    """What is charged beside the model."""
    yield from (name for name in _EXTRAS if fields.is_on(name))
    if fields.get("keyterms_prompt", list[msgspec.Raw]):
        yield "keyterms_prompt"
    if fields.get("speech_understanding", dict[str, msgspec.Raw]):
        yield "summarization"
