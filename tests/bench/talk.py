"""Hours of talk that nobody has held, in the words of real meetings: chains of words that have followed each other there."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import msgspec

from shared.schemas.reports import Cell, Evidence, Item, Reference, Section, SectionColumn
from shared.schemas.solutions import EvidencePolicy, SectionFormat, SectionKind
from shared.schemas.transcripts import Segment, Transcript
from tests.speech import said, transcript

MEETINGS = Path(__file__).parents[1] / "data" / "meetings"
SEGMENTS_PER_HOUR = {"en": 600, "zh-Hant": 220}
SPEAKERS = "ABCDEFGH"
WORDS = {"en": (2, 26), "zh-Hant": (12, 120)}
"""Least and most of a segment, English words or Chinese characters."""


class _Meeting(msgspec.Struct):
    language: str
    turns: list[tuple[str, str]]


def talk(language: str, hours: int) -> Transcript:
    """A transcript of so many hours in English (9,000 words an hour) or Traditional Chinese (15,000 characters)."""
    chance = random.Random(hours)
    words = _chain(language, chance)
    count = SEGMENTS_PER_HOUR[language] * hours
    seconds = hours * 3600 / count
    joint = " " if language == "en" else ""
    segments = []
    for number in range(count):
        text = joint.join(next(words) for _ in range(chance.randint(*WORDS[language])))
        speaker = SPEAKERS[int(len(SPEAKERS) * chance.random() ** 2)]
        segments.append(said(text[:1].upper() + text[1:], by=speaker, start=number * seconds, seconds=seconds * 0.9))
    names = {"A": "Anna", "B": "Ben", "C": "陳怡君", "D": "Dora"}
    return transcript(segments, language=language, names=names)


def sections(source: Transcript) -> tuple[Section, ...]:
    """What a report says about it: sixty statements in every form, each with its reference."""
    rests = iter(source.segments[:: max(1, len(source.segments) // 70)])
    columns = tuple(SectionColumn(id=id_, title=id_.title()) for id_ in ("task", "owner", "due"))

    def items(count: int, *, label: bool = False) -> tuple[Item, ...]:
        return tuple(_item(next(rests), label=label) for _ in range(count))

    def rows(count: int) -> tuple[Item, ...]:
        return tuple(
            Item(
                text="",
                refs=(_reference(rest),),
                evidence=Evidence.VERIFIED,
                cells=(
                    Cell(column="task", text=rest.text[:90]),
                    Cell(column="owner", text="Anna", speaker_id="spk_A"),
                    Cell(column="due", text="2026-11-27"),
                ),
            )
            for rest in (next(rests) for _ in range(count))
        )

    def section(form: SectionFormat, found: tuple[Item, ...], kind: SectionKind = SectionKind.POINTS) -> Section:
        return Section(
            id=form.value, title=form.value.title(), kind=kind, format=form, policy=EvidencePolicy.REQUIRED, items=found,
            columns=columns if form is SectionFormat.TABLE else (),
        )  # fmt: skip

    return (
        section(SectionFormat.PARAGRAPH, items(6), SectionKind.OVERVIEW),
        section(SectionFormat.BULLETS, items(16), SectionKind.DECISIONS),
        section(SectionFormat.TABLE, rows(10), SectionKind.ACTIONS),
        section(SectionFormat.QUOTES, items(6)),
        section(SectionFormat.TIMELINE, items(12, label=True)),
        section(SectionFormat.QA, items(8, label=True)),
    )


def _item(rest: Segment, *, label: bool) -> Item:
    text = rest.text[:160]
    return Item(
        text=text, refs=(_reference(rest),), evidence=Evidence.VERIFIED, speaker_id=rest.speaker_id,
        label=text[:40] if label else None,
    )  # fmt: skip


def _reference(rest: Segment) -> Reference:
    return Reference(
        segment_id=rest.id, start_ms=rest.start_ms, end_ms=rest.end_ms, quote=rest.text[:200], speaker_id=rest.speaker_id
    )


def _chain(language: str, chance: random.Random) -> Iterator[str]:
    """Words (or Chinese characters), each of which has followed the two before it in some meeting."""
    following: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path in sorted(MEETINGS.glob("*.json")):
        meeting = msgspec.json.decode(path.read_bytes(), type=_Meeting)
        if meeting.language == language:
            text = " ".join(text for _, text in meeting.turns)
            words = text.split() if language == "en" else list(text.replace(" ", ""))
            for first, second, third in zip(words, words[1:], words[2:], strict=False):
                following[first, second].append(third)
    pairs = list(following)
    pair = chance.choice(pairs)
    while True:
        yield pair[1]
        nexts = following.get(pair)
        pair = (pair[1], chance.choice(nexts)) if nexts and chance.random() > 0.02 else chance.choice(pairs)
