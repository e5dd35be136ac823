"""What Google is asked for one task, and what its two models can do."""

from __future__ import annotations

from services.transcriber.engines import Task
from services.transcriber.engines.google.languages import AUTO, LANGUAGES, google_code
from services.transcriber.engines.google.messages import (
    DYNAMIC_BATCHING,
    Adaptation,
    BatchRecognize,
    Config,
    Empty,
    Features,
    File,
    InlinePhraseSet,
    Output,
    Phrase,
    PhraseSet,
)
from services.transcriber.engines.google.settings import GoogleSettings
from shared.schemas.engines import Capabilities, Feature, VocabularyLimits, WordTimes

HOUR_MS = 3_600_000
MOST_TERMS = 1000
MOST_TERM_WORDS = 10
_BOTH = frozenset({Feature.VOCABULARY, Feature.LANGUAGE_DETECTION})


def capabilities(settings: GoogleSettings) -> Capabilities:
    """What the chosen model does. Neither has both: times of words, and speakers."""
    speakers = _tells_speakers(settings)
    return Capabilities(
        languages=LANGUAGES,
        features=_BOTH | {Feature.SPEAKERS} if speakers else _BOTH,
        word_times=WordTimes.APPROXIMATE if speakers else WordTimes.EXACT,
        vocabulary=VocabularyLimits(terms=MOST_TERMS, words=MOST_TERM_WORDS),
        longest_ms=HOUR_MS if speakers else 8 * HOUR_MS,
        keeps_copies=True,
    )


def batch_recognize(task: Task, uri: str, settings: GoogleSettings) -> BatchRecognize:
    """One recording, its transcript to be put into the operation."""
    return BatchRecognize(
        config=Config(
            model=settings.google_model,
            language_codes=(AUTO if task.language is None else google_code(task.options.language),),
            features=_features(settings),
            auto_decoding_config=Empty(),
            adaptation=_adaptation(task.vocabulary) if task.vocabulary else None,
        ),
        files=(File(uri),),
        recognition_output_config=Output(),
        processing_strategy=DYNAMIC_BATCHING if settings.google_dynamic_batching else None,
    )


def _features(settings: GoogleSettings) -> Features:
    if _tells_speakers(settings):
        return Features(enable_automatic_punctuation=True, diarization_config=Empty())
    return Features(enable_automatic_punctuation=True, enable_word_time_offsets=True, enable_word_confidence=True)


def _adaptation(terms: tuple[str, ...]) -> Adaptation:
    return Adaptation(phrase_sets=(InlinePhraseSet(PhraseSet(tuple(map(Phrase, terms)))),))


def _tells_speakers(settings: GoogleSettings) -> bool:
    return settings.google_model == "chirp_3"
