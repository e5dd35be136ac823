"""Writes what was said in Chinese in the script that its readers want: on record, and so that it can be undone exactly.

Only Chinese characters of Chinese speech change. Words, their order, punctuation, spaces, Latin letters and digits stay as they
were recognised; times, speakers and confidence follow the words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec

from services.transcriber.chinese import alignment, findings
from services.transcriber.chinese.targets import is_chinese, language_tag
from services.transcriber.chinese.targets import wanted_script as wanted_script
from services.transcriber.chinese.writing import HAN, Writer
from shared.schemas.engines import base_language
from shared.schemas.jobs import Script
from shared.schemas.transcripts import ProcessingStep, Segment, Transcript

STEP = "script-convert"
NOTE = "script_converted"
"""Code in `Quality.notes` of a transcript in which at least one character was converted."""

_HAN = re.compile(f"[{HAN}]")
_FOREIGN = re.compile(r"[\u3041-\u3096\u30a1-\u30fa\u31f0-\u31ff\uff66-\uff9f\u1100-\u11ff\u3131-\u318e\uac00-\ud7ff]")
"""Kana and Hangul."""
_FOREIGN_SHARE = 0.1
"""So many of them for each Chinese character make these Japanese or Korean."""
_WRITE_HAN_TOO = frozenset({"ja", "ko"})


def in_script(transcript: Transcript, script: Script, terms: Iterable[str] = ()) -> Transcript:
    """The transcript in a script. Terms and speakers' names are written as they are given wherever they were said.

    A pure function. What is Chinese is decided by each segment's language, else the transcript's. Chinese characters in
    another language's segments, as a name in an English sentence, are Chinese where nobody speaks Japanese or Korean.
    """
    if script is Script.RECOGNISED:
        return transcript
    chinese = _ChineseParts(transcript)
    if not chinese.segments and not is_chinese(transcript.language):
        return transcript
    names = [speaker.name or speaker.label for speaker in transcript.speakers]
    writer = Writer(script, [*terms, *names], "".join(segment.text for segment in chinese.segments.values()))

    def rewrite(text: str) -> str:
        return "".join(piece.target for piece in writer.write(text)) if chinese.includes(text) else text

    segments = tuple(
        alignment.rewritten(segment, writer.write(segment.text)) if segment.id in chinese.segments else segment
        for segment in transcript.segments
    )
    insights = transcript.insights and findings.rewritten(transcript.insights, rewrite)
    quality, changed = transcript.quality, segments != transcript.segments or insights != transcript.insights
    language = language_tag(transcript.language, script) if is_chinese(transcript.language) else transcript.language
    step = ProcessingStep(
        step=STEP,
        tool="opencc",
        config=writer.config,
        version=writer.version,
        from_language=transcript.language,
        to_language=language,
    )
    return msgspec.structs.replace(
        transcript,
        language=language,
        segments=segments,
        insights=insights,
        processing=(*transcript.processing, step),
        quality=msgspec.structs.replace(quality, notes=(*quality.notes, NOTE)) if changed else quality,
    )


class _ChineseParts:
    """What of a transcript is Chinese."""

    def __init__(self, transcript: Transcript) -> None:
        with_han = [segment for segment in transcript.segments if _HAN.search(segment.text)]
        self._unsaid = not _are_foreign(with_han)
        """Whether Chinese characters are Chinese where the language does not say so."""
        self._language = transcript.language
        self.segments = {one.id: one for one in with_han if self._is_chinese(one.language or self._language)}

    def includes(self, text: str) -> bool:
        """Whether a text about the whole recording is."""
        return self._is_chinese(self._language) and not _FOREIGN.search(text)

    def _is_chinese(self, language: str | None) -> bool:
        return is_chinese(language) or (self._unsaid and base_language(language or "") not in _WRITE_HAN_TOO)


def _are_foreign(segments: Sequence[Segment]) -> bool:
    text = "".join(segment.text for segment in segments)
    return len(_FOREIGN.findall(text)) > _FOREIGN_SHARE * len(_HAN.findall(text))
