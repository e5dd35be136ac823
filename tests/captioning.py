"""Checks subtitles against what their profile promises. Written from the promise, without the code that makes them."""

from __future__ import annotations

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import webvtt

from shared.schemas.transcripts import Segment

FRAMES = 1000 / 24
CLOSERS = "，。、；：？！）」』】〉》〕｝］〗〙〞％～"
OPENERS = "（「『【〈《〔｛［〖〘〝"
MAY_BE_LEFT_OUT = "，。"


@dataclass(frozen=True, kw_only=True)
class Measures:
    """What a profile's name says, and the rules that all share. Widths are columns, times milliseconds."""

    line: int
    rate: float
    gap: int = round(2 * FRAMES)
    shortest: int = 833
    longest: int = 7000
    chain: int = 500
    tail: int = 500
    full_width_marks: bool = False


LATIN = Measures(line=42, rate=20)
CHINESE = Measures(line=2 * 16, rate=2 * 9, full_width_marks=True)
YOUTUBE = Measures(line=32, rate=20, gap=0)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A cue as a player reads it: its lines, and for each whose it is, where the file says so."""

    start: int
    end: int
    lines: tuple[str, ...]
    speakers: tuple[str | None, ...]

    @property
    def text(self) -> str:
        """All of it."""
        return " ".join(self.lines)


def read_vtt(text: str, names: Mapping[str, str]) -> list[Shown]:
    """The cues of a WebVTT file, by an independent parser. `names` are those of voices, with the speakers' ids."""
    return [_shown(caption, names) for caption in webvtt.from_string(text).captions]


def _shown(caption: webvtt.Caption, names: Mapping[str, str]) -> Shown:
    lines, speakers, speaker = [], [], None
    for line in caption.raw_text.split("\n"):
        if voice := re.match(r"<v ([^>]*)>", line):
            speaker = names[html.unescape(voice[1])]
        lines.append(html.unescape(re.sub(r"</?v[^>]*>", "", line)))
        speakers.append(speaker)
    start, end = (time.in_milliseconds() for time in (caption.start_time, caption.end_time))
    return Shown(start=start, end=end, lines=tuple(lines), speakers=tuple(speakers))


def width(text: str, measures: Measures) -> int:
    """Columns: two for what Unicode calls wide, and in Chinese for marks that its fonts draw so; none for accents."""
    total = 0
    for character in text:
        if unicodedata.category(character) in ("Mn", "Me", "Cf"):
            continue
        wide = unicodedata.east_asian_width(character)
        total += 2 if wide in "WF" or (measures.full_width_marks and character in "“”‘’…—") else 1
    return total


def violations(cues: Sequence[Shown], segments: Sequence[Segment], measures: Measures) -> Counter[str]:
    """Every broken rule by name, with how often. Speakers of cues are those of segments."""
    words = _words_of(segments)
    found: Counter[str] = Counter()
    for cue in cues:
        found.update(_screen(cue, measures))
        found.update(_marks(cue))
        found.update(_cut_words(cue, words, measures))
    for before, after in pairwise(cues):
        found.update(_between(before, after, measures))
    try:
        said = _said(cues, segments)
    except LookupError:
        return found + Counter({"lost or out of order": 1})
    found.update(_time(cues, said, measures))
    return found


def _screen(cue: Shown, measures: Measures) -> Iterator[str]:
    if not 1 <= len(cue.lines) <= 2:
        yield "lines"
    if any(not line.strip() or line != line.strip() for line in cue.lines):
        yield "blank"
    if any(width(line, measures) > measures.line for line in cue.lines):
        yield "width"
    if cue.end - cue.start < measures.shortest:
        yield "too short"
    if cue.end - cue.start > measures.longest:
        yield "too long"
    if len(set(cue.speakers)) > 1 and not all(line.startswith("- ") for line in cue.lines):
        yield "two speakers without dashes"


def _marks(cue: Shown) -> Iterator[str]:
    for line in cue.lines:
        first, last = line.split()[0], line.split()[-1]
        if line[0] in CLOSERS or re.fullmatch(r"[,;:!?.)\]}%]{1,2}", first):
            yield "closing mark first"
        if line[-1] in OPENERS or re.fullmatch(r"[(\[{“‘]+", last):
            yield "opening mark last"


def _between(before: Shown, after: Shown, measures: Measures) -> Iterator[str]:
    pause = after.start - before.end
    if pause < measures.gap:
        yield "gap"
    elif measures.gap < pause <= measures.chain and before.end - before.start < measures.longest:
        yield "flicker"


_LATIN_PIECE = re.compile(r"[^\s\u2e80-\u9fff\uf900-\uffef]+")
"""What has no Chinese in it and no space: a word with its marks, a number, a link."""


def _words_of(segments: Sequence[Segment]) -> frozenset[str]:
    return frozenset(bare for segment in segments for piece in _LATIN_PIECE.findall(segment.text) if (bare := _bare(piece)))


def _bare(piece: str) -> str:
    """Its letters and digits, with what stands between them."""
    return piece.strip("".join({character for character in piece if not character.isalnum()}))


def _cut_words(cue: Shown, words: frozenset[str], measures: Measures) -> Iterator[str]:
    """A piece at the end of a line that is no whole word of the transcript, unless the word is too wide for a line."""
    for line in cue.lines:
        pieces = _LATIN_PIECE.findall(line.removeprefix("- "))
        for piece in pieces[:1] + pieces[-1:]:
            bare = _bare(piece)
            if bare and bare not in words and not _is_too_wide(bare, words, measures):
                yield "cut word"


def _is_too_wide(part: str, words: frozenset[str], measures: Measures) -> bool:
    return any(part in word and width(word, measures) > measures.line - 6 for word in words)


@dataclass(frozen=True, kw_only=True)
class _Letter:
    """A letter, digit or picture and when it was said, as far as known. `begins` a word."""

    text: str
    start: float | None
    end: float | None
    begins: bool


@dataclass(frozen=True, kw_only=True)
class _Speech:
    """When the words of one speaker in one cue were said."""

    speaker: str | None
    start: float
    end: float


def _is_said(character: str) -> bool:
    """Letters, digits and pictures are; marks are not."""
    return character.isalnum() or unicodedata.category(character) == "So"


def _letters(segments: Sequence[Segment]) -> dict[str | None, list[_Letter]]:
    spoken: dict[str | None, list[_Letter]] = {}
    for segment in segments:
        theirs = spoken.setdefault(segment.speaker_id, [])
        for text, start, end in [(w.t, w.s, w.e) for w in segment.words] or [(segment.text, None, None)]:
            letters = list(filter(_is_said, text))
            for number, letter in enumerate(letters):
                if start is None or end is None:
                    theirs.append(_Letter(text=letter, start=None, end=None, begins=number == 0))
                    continue
                step = (end - start) / len(letters)
                times = start + number * step, start + (number + 1) * step
                theirs.append(_Letter(text=letter, start=times[0], end=times[1], begins=number == 0))
    return spoken


def _said(cues: Sequence[Shown], segments: Sequence[Segment]) -> list[list[_Speech]]:
    """For each cue, when what it shows was said, a speaker at a time; empty where that is not known. `LookupError` when the
    cues do not show every letter of every speaker once, in its order."""
    remaining = {speaker: iter(letters) for speaker, letters in _letters(segments).items()}
    said = []
    for cue in cues:
        parts: list[_Speech] = []
        known = True
        for speaker in dict.fromkeys(cue.speakers):
            lines = [line for line, whose in zip(cue.lines, cue.speakers, strict=True) if whose == speaker]
            letters = []
            for shown in filter(_is_said, "".join(lines)):
                letter = next(remaining.get(speaker, iter(())), None)
                if letter is None or letter.text != shown:
                    raise LookupError(cue)
                letters.append(letter)
            if (
                not letters
                or not letters[0].begins
                or not any(map(_is_said, lines[0].removeprefix("- ").split()[0]))
                or letters[0].start is None
                or letters[-1].end is None
            ):
                known = False
            else:
                parts.append(_Speech(speaker=speaker, start=letters[0].start, end=letters[-1].end))
        said.append(parts if known else [])
    if any(next(letters, None) is not None for letters in remaining.values()):
        raise LookupError("something is not shown")
    return said


def _time(cues: Sequence[Shown], said: Sequence[Sequence[_Speech]], measures: Measures) -> Iterator[str]:
    surrounded = zip([None, *cues[:-1]], cues, [*cues[1:], None], said, [*said[1:], []], strict=False)
    for before, cue, after, speech, following in surrounded:
        if not speech:
            continue
        start, end = speech[0].start, max(one.end for one in speech)
        waits = before is not None and before.end == cue.start - measures.gap and before.end - before.start == measures.shortest
        no_time_left = (after is not None and after.start - cue.end <= measures.gap) or cue.end - cue.start == measures.longest
        broken = {
            "early": cue.start < start - 1,
            "late": cue.start > start + 1 and not waits,
            "gone before its speech": cue.end < end - 1 and not no_time_left,
            "lingers": cue.end > max(end + measures.tail, cue.start + measures.shortest) + measures.chain + 1,
            "too fast with time to spare": _is_fast(cue, cue.end - cue.start, measures)
            and not (no_time_left or cue.end >= end + measures.tail - 1),
            "faster than said": _is_fast(cue, cue.end - cue.start, measures)
            and not (waits or cue.end - cue.start < end - start or _is_fast(cue, end - start, measures)),
            "shared without need": len(speech) > 1 and bool(following) and _both_have_time(speech, following, measures),
        }
        yield from (rule for rule, is_broken in broken.items() if is_broken)


def _is_fast(cue: Shown, time: float, measures: Measures) -> bool:
    """Whether its text would be faster than the profile's speed in so many milliseconds."""
    return sum(width(line.removeprefix("- "), measures) for line in cue.lines) > measures.rate * (time + 1) / 1000


def _both_have_time(speech: Sequence[_Speech], following: Sequence[_Speech], measures: Measures) -> bool:
    """Whether each of two speakers could have had a cue alone."""
    alone = min(speech[1].start - speech[0].start, following[0].start - speech[1].start)
    return alone - measures.gap >= measures.shortest
