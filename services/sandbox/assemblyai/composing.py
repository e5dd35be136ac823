"""The final answer: what was heard, and every analysis that was asked for."""

from __future__ import annotations

import hashlib

import msgspec
from msgspec import UNSET

from services.sandbox.assemblyai import answer as forms
from services.sandbox.assemblyai.answer import Answer, Utterance
from services.sandbox.assemblyai.ears import Unheard
from services.sandbox.assemblyai.order import Object, Order
from services.sandbox.assemblyai.speech import Speech, Word, confidence_of, joined, speaker_name, turns
from services.sandbox.assemblyai.state import Status, Transcript

CHANNELS = 2


def compose(transcript: Transcript, speech: Speech) -> Answer:
    """The answer of a completed transcript; `Unheard` when a threshold is not reached."""
    order = transcript.order
    check_thresholds(order, speech)
    words = labelled(_cut(speech, order), order)
    spoken = joined(word.text for word in words)
    return msgspec.structs.replace(
        forms.pending(transcript),
        status=Status.COMPLETED,
        text=spoken,
        words=words,
        utterances=utterances(words) if order.speaker_labels or order.multichannel else None,
        confidence=confidence_of(words),
        audio_duration=round(speech.duration_ms / 1000),
        audio_channels=CHANNELS if order.multichannel else UNSET,
        language_code=speech.language if order.language_detection else forms.told_language(order),
        language_confidence=speech.language_confidence if order.language_detection else None,
        speech_model_used=order.model,
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


def utterances(words: list[Word]) -> list[Utterance]:
    """One for each turn."""
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


def _cut(speech: Speech, order: Order) -> list[Word]:
    start, end = order.audio_start_from or 0, order.audio_end_at or speech.duration_ms
    return [word for word in speech.words if word.start >= start and word.end <= end]


def _on_channel(word: Word) -> Word:
    """The first speaker is on the left, the others on the right."""
    channel = "1" if word.speaker == "A" else "2"
    return msgspec.structs.replace(word, speaker=channel, channel=channel)
