"""What is asked of AssemblyAI for one task: its package's configuration, filled from the job's options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import msgspec

from services.transcriber.engines import Hooks, Task
from services.transcriber.engines.assemblyai import languages
from services.transcriber.engines.assemblyai.callbacks import HEADER, header_secret
from shared.errors import JobError
from shared.schemas.engines import VocabularyLimits
from shared.schemas.jobs import Analysis, JobOptions, Redaction, RedactionSubstitute

if TYPE_CHECKING:
    import assemblyai as aai

NEWEST_FAMILY = "universal-3"
_MOST_TERMS = 1000
_MOST_TERMS_BEFORE = 200
_LONGEST_TERM = 6
_OF_A_MODEL = frozenset({Analysis.CHAPTERS, Analysis.SUMMARY})
"""Made by one language model in one go."""


def vocabulary_limits(models: Sequence[str]) -> VocabularyLimits:
    """How many key terms the first of the models takes, or whichever hears the language."""
    if not models[0].startswith(NEWEST_FAMILY):
        return VocabularyLimits(terms=_MOST_TERMS_BEFORE, words=_LONGEST_TERM)
    return VocabularyLimits(terms=_MOST_TERMS, words=_LONGEST_TERM, languages=languages.NEWEST, elsewhere=_MOST_TERMS_BEFORE)


def check(task: Task, *, models: Sequence[str]) -> None:
    """Raise `JobError` for what the options ask in vain; for this nothing needs to be sent."""
    wanted, most = len(task.options.vocabulary), _most_terms(task, models)
    if wanted > most:
        raise JobError(
            "too_many_terms",
            f"In this language AssemblyAI takes {most} key terms, and not {wanted}; leave some out, or choose another engine.",
        )


def body(task: Task, audio_url: str, *, models: Sequence[str], hooks: Hooks | None) -> bytes:
    """The request, as JSON."""
    import assemblyai as aai

    options, redaction = task.options, task.options.redaction
    separates = not options.channels and (task.language is None or task.language in languages.SEPARABLE)
    config = aai.TranscriptionConfig(
        speech_models=list(models),
        language_code=None if task.language is None else languages.its_code(task.language),
        language_detection=True if task.language is None else None,
        multichannel=True if options.channels else None,
        speaker_labels=True if separates else None,
        speakers_expected=options.speakers.exact if separates and options.speakers else None,
        speaker_options=_speaker_range(options) if separates else None,
        keyterms_prompt=_terms(task, models) or None,
        redact_pii=True if redaction else None,
        redact_pii_policies=[aai.PIIRedactionPolicy(category) for category in redaction.categories] if redaction else None,
        redact_pii_sub=_substitute(redaction) if redaction else None,
        redact_pii_audio=True if redaction and redaction.audio else None,
        entity_detection=_wanted(options, Analysis.ENTITIES),
        sentiment_analysis=_wanted(options, Analysis.SENTIMENT),
        iab_categories=_wanted(options, Analysis.TOPICS),
        auto_highlights=_wanted(options, Analysis.HIGHLIGHTS),
        content_safety=_wanted(options, Analysis.CONTENT_SAFETY),
        speech_understanding=_understanding(options),
        webhook_url=f"{hooks.url}/assemblyai?{urlencode({'call': task.token})}" if hooks else None,
        webhook_auth_header_name=HEADER if hooks else None,
        webhook_auth_header_value=header_secret(hooks) if hooks else None,
    )
    return msgspec.json.encode({"audio_url": audio_url, **config.raw.dict(exclude_none=True)})


def _speaker_range(options: JobOptions) -> dict[str, int] | None:
    speakers = options.speakers
    if speakers is None or speakers.exact is not None:
        return None
    bounds = {"min_speakers_expected": speakers.min, "max_speakers_expected": speakers.max}
    return {name: bound for name, bound in bounds.items() if bound is not None} or None


def _terms(task: Task, models: Sequence[str]) -> list[str]:
    """As many key terms as are taken, each once, and none that is too long."""
    short = dict.fromkeys(term for term in task.vocabulary if len(term.split()) <= _LONGEST_TERM)
    return list(short)[: _most_terms(task, models)]


def _most_terms(task: Task, models: Sequence[str]) -> int:
    """How many key terms the model takes that will hear the language."""
    newest = models[0].startswith(NEWEST_FAMILY) and (task.language is None or task.language in languages.NEWEST)
    return _MOST_TERMS if newest else _MOST_TERMS_BEFORE


def _wanted(options: JobOptions, analysis: Analysis) -> bool | None:
    return True if analysis in options.analyses else None


def _understanding(options: JobOptions) -> dict[str, object] | None:
    if _OF_A_MODEL.isdisjoint(options.analyses):
        return None
    return {"request": {"summarization": {"summary_type": "paragraph"}}}


def _substitute(redaction: Redaction) -> aai.PIISubstitutionPolicy:
    import assemblyai as aai

    match redaction.substitute:
        case RedactionSubstitute.HASH:
            return aai.PIISubstitutionPolicy.hash
        case RedactionSubstitute.CATEGORY:
            return aai.PIISubstitutionPolicy.entity_name
