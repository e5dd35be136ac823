"""What we write to Google Speech-to-Text v2 and read from it; everything else in its answers may come and go."""

from __future__ import annotations

import msgspec

DYNAMIC_BATCHING = "DYNAMIC_BATCHING"


class Empty(msgspec.Struct, frozen=True):
    """An option that is set by being there."""


class Phrase(msgspec.Struct, frozen=True):
    """A key term."""

    value: str


class PhraseSet(msgspec.Struct, frozen=True):
    """Key terms."""

    phrases: tuple[Phrase, ...]


class InlinePhraseSet(msgspec.Struct, frozen=True, rename="camel"):
    """Key terms of this request."""

    inline_phrase_set: PhraseSet


class Adaptation(msgspec.Struct, frozen=True, rename="camel"):
    """What is likely to be said."""

    phrase_sets: tuple[InlinePhraseSet, ...]


class Features(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What is wanted beside the text."""

    enable_automatic_punctuation: bool = False
    enable_word_time_offsets: bool = False
    enable_word_confidence: bool = False
    diarization_config: Empty | None = None


class Config(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How a recording is heard."""

    model: str = ""
    language_codes: tuple[str, ...] = ()
    features: Features = Features()
    auto_decoding_config: Empty | None = None
    adaptation: Adaptation | None = None


class File(msgspec.Struct, frozen=True):
    """A recording."""

    uri: str = ""


class Output(msgspec.Struct, frozen=True, rename="camel"):
    """Where the transcript goes: into the operation."""

    inline_response_config: Empty = Empty()


class BatchRecognize(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A request, as it is sent and as operations repeat it."""

    config: Config = Config()
    files: tuple[File, ...] = ()
    recognition_output_config: Output | None = None
    processing_strategy: str | None = None


class Status(msgspec.Struct, frozen=True):
    """Why something failed, as `google.rpc.Status`."""

    code: int = 2
    message: str = ""


class HeardWord(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One word. Offsets are such as `1.200s`."""

    word: str = ""
    start_offset: str | None = None
    end_offset: str | None = None
    confidence: float | None = None
    speaker_label: str | None = None


class Alternative(msgspec.Struct, frozen=True, kw_only=True):
    """What was heard in a portion of the recording."""

    transcript: str = ""
    words: tuple[HeardWord, ...] = ()


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A portion of the recording."""

    alternatives: tuple[Alternative, ...] = ()
    result_end_offset: str | None = None
    language_code: str | None = None


class Transcript(msgspec.Struct, frozen=True):
    """The portions in order."""

    results: tuple[Result, ...] = ()


class Inline(msgspec.Struct, frozen=True):
    """The transcript inside the operation."""

    transcript: Transcript = Transcript()


class BilledFile(msgspec.Struct, frozen=True, rename="camel"):
    """What one recording is charged."""

    total_billed_duration: str | None = None


class FileResult(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The transcript of one recording: in `inlineResult`, or where it was before that came."""

    error: Status | None = None
    metadata: BilledFile = BilledFile()
    inline_result: Inline | None = None
    transcript: Transcript | None = None


class Response(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """All transcripts of an operation, by the recordings' URIs."""

    results: dict[str, FileResult] = {}
    total_billed_duration: str | None = None


class Metadata(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How far an operation is, and what it was asked."""

    progress_percent: float = 0.0
    batch_recognize_request: BatchRecognize | None = None


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """Work in progress at Google, or done."""

    name: str
    done: bool = False
    metadata: Metadata = Metadata()
    error: Status | None = None
    response: Response | None = None


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How far an operation is."""

    done: bool = False
    metadata: msgspec.Raw = msgspec.Raw(b"null")

    @property
    def progress(self) -> float:
        """Between 0 and 1; 0 when it is not told in a way that we know."""
        try:
            told = msgspec.json.decode(self.metadata, type=Metadata | None)
        except msgspec.ValidationError:
            return 0.0
        return 0.0 if told is None else min(1.0, max(0.0, told.progress_percent / 100))


class Operations(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A page of them."""

    operations: tuple[Operation, ...] = ()
    next_page_token: str = ""
