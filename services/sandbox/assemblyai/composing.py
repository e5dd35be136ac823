"""The final answer: what was heard, and every analysis that was asked for."""

from __future__ import annotations

import hashlib

import msgspec
from msgspec import UNSET

from services.sandbox.assemblyai import analyses, understanding
from services.sandbox.assemblyai import answer as forms
from services.sandbox.assemblyai.answer import Answer, Utterance
from services.sandbox.assemblyai.ears import Unheard
from services.sandbox.assemblyai.entities import entities
from services.sandbox.assemblyai.order import Object, Order
from services.sandbox.assemblyai.redaction import redacted
from services.sandbox.assemblyai.speech import Speech, Word, confidence_of, joined, speaker_name, turns
from services.sandbox.assemblyai.state import Status, Transcript
from services.sandbox.assemblyai.wording import written

CHANNELS = 2


def compose(transcript: Transcript, speech: Speech) -> Answer:
    """The answer of a completed transcript; `Unheard` when a threshold is not reached."""
    order = transcript.order
    check_thresholds(order, speech)
    language = forms.told_language(order) or speech.language
    spoken = labelled(written(_cut(speech, order), order), order)
    words = redacted(spoken, order) if order.redact_pii else spoken
    heard = msgspec.structs.replace(
        forms.pending(transcript),
        status=Status.COMPLETED,
        text=_text(words),
        words=words,
        utterances=utterances(words, order),
        confidence=confidence_of(words),
        audio_duration=round(speech.duration_ms / 1000),
        audio_channels=CHANNELS if order.multichannel else UNSET,
        language_code=language,
        language_confidence=speech.language_confidence if order.language_detection else None,
        speech_model_used=order.model,
    )
    analysed = _analysed(heard, order, words, has_all=language.startswith("en"))
    return _with_unredacted(analysed, order, spoken)


def _analysed(answer: Answer, order: Order, words: list[Word], *, has_all: bool) -> Answer:
    """With each analysis that was asked for; in most languages there are few, and the others are left out silently."""
    asked = order.speech_understanding
    return msgspec.structs.replace(
        answer,
        auto_highlights_result=analyses.highlights(words) if order.auto_highlights else None,
        iab_categories_result=analyses.topics(words) if order.iab_categories else None,
        entities=entities(words) if order.entity_detection else None,
        sentiment_analysis_results=analyses.sentiments(words) if order.sentiment_analysis and has_all else None,
        content_safety_labels=analyses.safety(words) if order.content_safety and has_all else None,
        chapters=analyses.chapters(words) if order.auto_chapters and has_all else None,
        summary=analyses.summary(words, order.summary_type) if order.summarization and has_all else None,
        speech_understanding=UNSET if asked is None else understanding.respond(asked, words),
        translated_texts=UNSET if asked is None else understanding.translations(asked, words) or UNSET,
    )


def _with_unredacted(answer: Answer, order: Order, spoken: list[Word]) -> Answer:
    if not (order.redact_pii and order.redact_pii_return_unredacted):
        return answer
    told = utterances(spoken, order)
    return msgspec.structs.replace(
        answer,
        unredacted_text=_text(spoken),
        unredacted_words=spoken,
        unredacted_utterances=UNSET if told is None else told,
    )


def check_thresholds(order: Order, speech: Speech) -> None:
    """Raise `Unheard` as the vendor words it when there is too little speech or certainty."""
    share = round(speech.speech_ms / max(1, speech.duration_ms), 4)
    if order.speech_threshold is not None and share < order.speech_threshold:
        raise Unheard(f"Audio speech threshold {share} is below the requested speech threshold value {order.speech_threshold}")
    if not order.language_detection:
        return
    if not speech.words:
        raise Unheard("language_detection cannot be performed on files with no spoken audio.")
    wanted = order.language_confidence_threshold
    if wanted is not None and speech.language_confidence < wanted:
        raise Unheard(
            f"detected language '{speech.language}', confidence {speech.language_confidence:.4f}, is below the requested "
            f"confidence threshold value of '{wanted}'"
        )


def labelled(words: list[Word], order: Order) -> list[Word]:
    """The words with the speakers or channels that were asked for, and without the others."""
    if order.multichannel:
        return [_on_channel(word) for word in words]
    if not order.speaker_labels:
        return [msgspec.structs.replace(word, speaker=None, channel=UNSET) for word in words]
    if order.most_speakers is None:
        return words
    known = {speaker_name(number) for number in range(order.most_speakers)}
    last = speaker_name(order.most_speakers - 1)
    return [word if word.speaker in known else msgspec.structs.replace(word, speaker=last) for word in words]


def utterances(words: list[Word], order: Order) -> list[Utterance] | None:
    """One for each turn; null when nobody asked who speaks."""
    if not (order.speaker_labels or order.multichannel):
        return None
    return [
        Utterance(
            speaker=run[0].speaker or "A",
            text=joined(word.text for word in run),
            start=run[0].start,
            end=run[-1].end,
            confidence=confidence_of(run),
            words=run,
            channel=run[0].channel,
        )
        for run in turns(words)
    ]


def encode(answer: Answer, *, new_values: bool) -> bytes:
    """The bytes that are served; with values that no client knows if it is to meet some."""
    if not new_values:
        return msgspec.json.encode(answer)
    fields: Object = msgspec.json.decode(msgspec.json.encode(answer))
    fields["speech_model"] = "universal-9"
    fields["sandbox_novelty"] = {"kind": "unknown", "levels": [1, 2.5, None]}
    if answer.words:
        novel = {"entity_type": "sandbox_novelty", "text": answer.words[0].text, "start": 0, "end": 1, "certainty": 0.5}
        fields["entities"] = [*msgspec.to_builtins(answer.entities or []), novel]
    return msgspec.json.encode(fields)


def digest(data: bytes) -> str:
    """SHA-256."""
    return hashlib.sha256(data).hexdigest()


def _text(words: list[Word]) -> str:
    return joined(word.text for word in words)


def _cut(speech: Speech, order: Order) -> list[Word]:
    start, end = order.audio_start_from or 0, order.audio_end_at or speech.duration_ms
    return [word for word in speech.words if word.start >= start and word.end <= end]


def _on_channel(word: Word) -> Word:
    """The first speaker is on the left, the others on the right."""
    channel = "1" if word.speaker == "A" else "2"
    return msgspec.structs.replace(word, speaker=channel, channel=channel)
