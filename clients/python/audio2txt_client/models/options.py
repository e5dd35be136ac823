"""What can be asked of a job, by the names that the gateway has for it."""

from __future__ import annotations

import msgspec

from audio2txt_client.enums import OpenEnum


class ArtifactFormat(OpenEnum):
    """The file formats a job can be rendered to; the value is the file name's extension."""

    MARKDOWN = "md"
    TEXT = "txt"
    JSON = "json"
    SRT = "srt"
    VTT = "vtt"
    PDF = "pdf"
    DOCX = "docx"


class FileFormat(OpenEnum):
    """The formats of a job's files: those it can be rendered to, and redacted recordings."""

    MARKDOWN = "md"
    TEXT = "txt"
    JSON = "json"
    SRT = "srt"
    VTT = "vtt"
    PDF = "pdf"
    DOCX = "docx"
    MP3 = "mp3"
    WAV = "wav"


class Analysis(OpenEnum):
    """What an engine may find out beside the words."""

    ENTITIES = "entities"
    SENTIMENT = "sentiment"
    TOPICS = "topics"
    HIGHLIGHTS = "highlights"
    CHAPTERS = "chapters"
    SUMMARY = "summary"
    CONTENT_SAFETY = "content_safety"


class Script(OpenEnum):
    """The Chinese script of the text."""

    TAIWAN = "zh-Hant-TW"
    """Taiwan's characters and words."""
    HONG_KONG = "zh-Hant-HK"
    TRADITIONAL = "zh-Hant"
    """Taiwan's characters, words as they were said."""
    SIMPLIFIED = "zh-Hans"
    RECOGNISED = "as-recognised"


class ReportLanguage(OpenEnum):
    """The languages that reports and messages are written in."""

    CHINESE = "zh-Hant"
    ENGLISH = "en"


class ReportMode(OpenEnum):
    """Who writes the report; whoever it is, code checks it."""

    EXTRACTIVE = "extractive"
    """Code chooses sentences, word for word."""
    LLM = "llm"
    """A language model."""
    PROVIDER = "provider"
    """The speech engine's own findings."""


class Priority(OpenEnum):
    """Which of a tenant's jobs that wait come first."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


class Duplicates(OpenEnum):
    """What to do about a recording of which there is a job already."""

    ALLOW = "allow"
    REUSE = "reuse"
    REFUSE = "refuse"


class RedactionSubstitute(OpenEnum):
    """What stands in the place of what was removed."""

    HASH = "hash"
    CATEGORY = "category"


class SpeakerRange(msgspec.Struct, frozen=True, kw_only=True):
    """How many people speak."""

    min: int | None = None
    max: int | None = None


class Redaction(msgspec.Struct, frozen=True, kw_only=True):
    """What must not appear in the transcript."""

    categories: tuple[str, ...]
    substitute: RedactionSubstitute = RedactionSubstitute.CATEGORY
    audio: bool = False
    """Also make a recording in which it cannot be heard."""
