"""Small conversations that come with the command, as transcripts: something to try a scenario on without a recording."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from importlib import resources
from uuid import UUID

from shared.schemas.jobs import ReportLanguage
from shared.schemas.transcripts import EngineRun, Media, Segment, Speaker, Transcript, Word

_ID = UUID("01935b7a-0000-7000-8000-000000000000")
_DAY = dt.datetime(2026, 11, 28, 9, tzinfo=dt.UTC)
_BY_CATEGORY = {"legal": "legal", "sales": "interview", "education": "lecture", "media": "podcast"}
_LINE = re.compile(r"([^:]+): (.+)")
_INPUT = re.compile(r"\[(\w+)\] (.+)")
_TOKEN = re.compile(r"[$]?[A-Za-z0-9]+(?:['’.,-][A-Za-z0-9]+)*[.,!?;:%]*|[^\sA-Za-z0-9]")
_LATIN_MS, _CHINESE_MS, _PAUSE_MS = 370, 230, 400
"""How long a word or a character takes to say, and somebody to begin."""


def conversation(category: str, language: ReportLanguage) -> tuple[str, Transcript]:
    """Title and transcript of the conversation that suits a category of scenarios."""
    title, *lines = _lines(category, language)
    spoken = [match.groups() for line in lines if (match := _LINE.fullmatch(line))]
    speakers = {name: f"spk_{number}" for number, name in enumerate(dict.fromkeys(name for name, _ in spoken), 1)}
    segments = tuple(_segments([(speakers[name], said) for name, said in spoken]))
    return title.removeprefix("# "), Transcript(
        id=_ID,
        job_id=_ID,
        version=1,
        created_at=_DAY,
        media=Media(duration_ms=segments[-1].end_ms),
        language=language,
        engine=EngineRun(provider="sample", model=_name(category), raw_key="", raw_sha256=""),
        speakers=tuple(Speaker(id=id_, label=id_.removeprefix("spk_"), name=name) for name, id_ in speakers.items()),
        segments=segments,
    )


def particulars(category: str, language: ReportLanguage) -> dict[str, str]:
    """What a customer might fill in for that conversation, by the ids of inputs."""
    return {match[1]: match[2] for line in _lines(category, language) if (match := _INPUT.fullmatch(line))}


def _name(category: str) -> str:
    return _BY_CATEGORY.get(category, "meeting")


def _lines(category: str, language: ReportLanguage) -> list[str]:
    name = f"{_name(category)}.{language}.txt"
    return (resources.files("services.commands") / "sample" / "conversations" / name).read_text(encoding="utf-8").splitlines()


def _segments(lines: list[tuple[str, str]]) -> Iterator[Segment]:
    now = 0
    for number, (speaker_id, text) in enumerate(lines, 1):
        start = now + _PAUSE_MS
        words = tuple(_words(text, start))
        now = words[-1].e or start
        yield Segment(id=f"s{number:06}", start_ms=start, end_ms=now, text=text, speaker_id=speaker_id, words=words)


def _words(text: str, start: int) -> Iterator[Word]:
    for match in _TOKEN.finditer(text):
        end = start + (_LATIN_MS if match[0][0].isascii() else _CHINESE_MS)
        spaced = text[: match.start()].endswith(" ")
        yield Word(t=match[0], s=start, e=end, sep=" " if spaced else "")
        start = end
