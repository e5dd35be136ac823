"""`speech_understanding`: what the vendor's language models add to a transcript."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.sandbox.assemblyai.analyses import chapters, summary
from services.sandbox.assemblyai.order import Object
from services.sandbox.assemblyai.sentences import sentences
from services.sandbox.assemblyai.speech import Word, joined


def respond(asked: Object, words: Sequence[Word]) -> Object:
    """The request and the response to each part of it."""
    request = asked.get("request")
    parts = request if isinstance(request, dict) else {}
    return {"request": parts, "response": {name: _part(name, _object(options), words) for name, options in parts.items()}}


def translations(asked: Object, words: Sequence[Word]) -> dict[str, str]:
    """The text in each language that was asked for; it is not translated, only marked."""
    options = _object(_object(asked.get("request")).get("translation"))
    languages = options.get("target_languages")
    text = joined(word.text for word in words)
    return {str(language): f"[{language}] {text}" for language in languages} if isinstance(languages, list) else {}


def _part(name: str, options: Object, words: Sequence[Word]) -> Object:
    match name:
        case "summarization":
            return _summarization(options, words)
        case "speaker_identification":
            return {"status": "success", "mapping": _mapping(options, words)}
        case "action_items":
            tasks = [sentence.text for sentence in sentences(words) if " will " in f" {sentence.text} "]
            return {"status": "success", "action_items": tasks}
        case _:
            return {"status": "success"}


def _summarization(options: Object, words: Sequence[Word]) -> Object:
    kind = str(options.get("summary_type", "bullets"))
    sections = [
        {
            "start": chapter.start,
            "end": chapter.end,
            "headline": chapter.headline,
            **({"text": chapter.summary} if kind == "paragraph" else {"bullets": [chapter.headline]}),
        }
        for chapter in chapters(words)
    ]
    return {
        "status": "success",
        "summary_type": kind,
        "effort": str(options.get("effort", "low")),
        "summary": sections,
        "block_summary": summary(words, kind),
    }


def _mapping(options: Object, words: Sequence[Word]) -> dict[str, str]:
    known = options.get("known_values")
    names = [str(name) for name in known] if isinstance(known, list) else []
    speakers = list(dict.fromkeys(word.speaker for word in words if word.speaker is not None))
    return dict(zip(speakers, names, strict=False))


def _object(value: object) -> Object:
    return dict(value) if isinstance(value, Mapping) else {}
