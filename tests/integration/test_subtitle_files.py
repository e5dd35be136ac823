"""Subtitle files of eight hours: independent parsers and ffmpeg read every cue, and no cue breaks a rule of its profile."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av
import pysubs2
import pytest
import srt
import webvtt
from av.subtitles.subtitle import AssSubtitle

from services.reporter.renderers import render
from shared.schemas.jobs import ArtifactFormat
from shared.schemas.transcripts import Transcript
from tests.captioning import CHINESE, LATIN, read_vtt, violations, width
from tests.conversations import conversation
from tests.speech import document

HOURS = 8


@dataclass(frozen=True, kw_only=True)
class Files:
    """The two files of a transcript, and what they were made of."""

    source: Transcript
    names: dict[str, str]
    """Of speakers, with their ids."""
    srt: Path
    vtt: Path


@pytest.fixture(scope="module", params=["en", "zh-Hant"])
def files(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Of a long conversation."""
    source = conversation(request.param, HOURS)
    made, folder = document(source), tmp_path_factory.mktemp("subtitles")
    for file_format in (ArtifactFormat.SRT, ArtifactFormat.VTT):
        (folder / f"x.{file_format}").write_bytes(render(made, file_format).data)
    names = {voice.name: id_ for id_, voice in made.voices.items()}
    return Files(source=source, names=names, srt=folder / "x.srt", vtt=folder / "x.vtt")


def test_no_cue_of_eight_hours_breaks_a_rule(files: Files) -> None:
    """Lines, marks, words, times, speed, speakers, and that nothing is lost."""
    cues = read_vtt(files.vtt.read_text(), files.names)
    assert len(cues) > 4000
    assert not violations(cues, files.source.segments, CHINESE if files.source.language == "zh-Hant" else LATIN)


def test_names_find_room_in_subrip(files: Files) -> None:
    """Before a speaker's first words, on lines that stay within the profile's width."""
    measures = CHINESE if files.source.language == "zh-Hant" else LATIN
    texts = [cue.content.split("\n") for cue in srt.parse(files.srt.read_text())]
    assert all(1 <= len(lines) <= 2 for lines in texts)
    assert max(width(line, measures) for lines in texts for line in lines) <= measures.line
    starts = tuple({line.removeprefix("- ")[:20] for lines in texts for line in lines})
    assert all(any(start.startswith(name[:15]) for start in starts) for name in files.names)


def test_independent_parsers_agree_about_every_cue(files: Files) -> None:
    """Times, and in SubRip the text too, to the letter and after writing it again."""
    vtt = webvtt.read(str(files.vtt)).captions
    parsed = list(srt.parse(files.srt.read_text(), ignore_errors=False))
    times = [(cue.start_time.in_milliseconds(), cue.end_time.in_milliseconds()) for cue in vtt]
    assert [(round(cue.start.total_seconds() * 1000), round(cue.end.total_seconds() * 1000)) for cue in parsed] == times
    for path in (files.srt, files.vtt):
        assert [(cue.start, cue.end) for cue in pysubs2.load(str(path), encoding="utf-8")] == times
    assert srt.compose(parsed, reindex=False) == files.srt.read_text()
    assert [cue.plaintext for cue in pysubs2.load(str(files.srt), encoding="utf-8")] == [cue.content for cue in parsed]
    assert [cue.plaintext for cue in pysubs2.load(str(files.vtt), encoding="utf-8")] == [cue.text for cue in vtt]


@pytest.mark.parametrize("name", ["srt", "vtt"])
def test_ffmpeg_reads_every_cue(files: Files, name: str) -> None:
    """As a stream of subtitles, with its own demuxer and decoder: each at its time and with its text."""
    path: Path = getattr(files, name)
    expected = [
        (cue.start_time.in_milliseconds(), cue.end_time.in_milliseconds() - cue.start_time.in_milliseconds())
        for cue in webvtt.read(str(files.vtt)).captions
    ]
    texts = [cue.content for cue in srt.parse(files.srt.read_text())] if name == "srt" else None
    found, read = [], []
    with av.open(str(path)) as container:
        [stream] = container.streams
        assert stream.type == "subtitle"
        for packet in container.demux(stream):
            if packet.size:
                found.append((packet.pts, packet.duration))
                read += [line.dialogue.decode() for line in packet.decode() if isinstance(line, AssSubtitle)]
    assert found == expected
    assert len(read) == len(found)
    assert texts is None or read == texts
