"""Whatever a file claims to be, decoding it ends in samples or in one clear sentence, and touches nothing else."""

from __future__ import annotations

import asyncio
import io
import os
import signal
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from services.transcriber import audio
from services.transcriber.decoding import BYTES_PER_MS, Recording
from services.transcriber.lengths import Lengths, LongerThanHeld
from services.transcriber.scratch import Scratch
from shared.blobs import open_blobs
from shared.errors import JobError
from tests.customer import SAMPLE
from tests.recordings import long_silence, silence, silent_film

HOUR_MS = 3_600_000
LETTER = b"Dear Sir or Madam, this is a letter and no recording at all.\n" * 20


async def _decode(tmp_path: Path, data: bytes, *, most_ms: int = 12 * HOUR_MS) -> Recording:
    (tmp_path / "source").write_bytes(data)
    return await audio.decode(tmp_path / "source", tmp_path / "pcm", most_ms=most_ms)


async def _refusal(tmp_path: Path, data: bytes, *, most_ms: int = 12 * HOUR_MS) -> JobError:
    with pytest.raises(JobError) as caught:
        await _decode(tmp_path, data, most_ms=most_ms)
    assert caught.value.failure.message.endswith(".")
    assert not caught.value.failure.retryable
    return caught.value


def _converted(codec: str, container: str, folder: Path, *, rate: int = 16_000, options: dict[str, str] | None = None) -> bytes:
    """The sample in another format."""
    path = folder / f"converted.{container}"
    with av.open(str(path), "w", format=container, options=options or {}) as out, av.open(str(SAMPLE)) as source:
        stream: Any = out.add_stream(codec, rate=rate, layout="mono")
        stream.bit_rate = 64_000
        resampler = av.AudioResampler(format=stream.format.name, layout="mono", rate=rate)
        for frame in source.decode(audio=0):
            for chunk in resampler.resample(frame):
                chunk.pts = None
                out.mux(stream.encode(chunk))
        out.mux(stream.encode(None))
    return path.read_bytes()


def _flac_of_slow_silence(hours: int) -> bytes:
    """Hours of silence in a few kilobytes: a hundred samples a second, in blocks that hold one number."""
    file = io.BytesIO()
    with av.open(file, "w", format="flac") as out:
        stream = out.add_stream("flac", rate=100, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 6_000), dtype=np.int16), format="s16", layout="mono")
        frame.sample_rate = 100
        for minute in range(hours * 60):
            frame.pts, frame.time_base = minute * 6_000, Fraction(1, 100)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()


@pytest.mark.parametrize(
    ("codec", "container", "rate"),
    [
        ("pcm_s16le", "wav", 8_000),
        ("flac", "flac", 16_000),
        ("libmp3lame", "mp3", 44_100),
        ("aac", "mp4", 48_000),
        ("aac", "adts", 16_000),
        ("aac", "matroska", 16_000),
        ("libopus", "webm", 48_000),
        ("pcm_s16be", "aiff", 16_000),
        ("ac3", "ac3", 48_000),
        ("aac", "mpegts", 48_000),
        ("wmav2", "asf", 44_100),
    ],
)
async def test_usual_formats_are_decoded(tmp_path: Path, codec: str, container: str, rate: int) -> None:
    """What people record and export comes out as 44 seconds of samples, at any rate."""
    data = await asyncio.to_thread(_converted, codec, container, tmp_path, rate=rate)
    recording = await _decode(tmp_path, data)
    assert abs(recording.duration_ms - 44_372) < 200
    assert (tmp_path / "pcm").stat().st_size // BYTES_PER_MS == recording.duration_ms
    assert not recording.truncated


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (LETTER, "not_audio"),
        (b"<html><body>Not found</body></html>", "not_audio"),
        (b"%PDF-1.7\n" + bytes(2000), "not_audio"),
        (b"ID3\x04\x00\x00\x00\x00\x00\x00" + LETTER, "damaged_audio"),
        (SAMPLE.read_bytes()[:600], "damaged_audio"),
        (b"RIFF\xff\xff\xff\xffWAVEfmt ", "damaged_audio"),
    ],
    ids=["empty", "letter", "page", "pdf", "letter behind an ID3 tag", "nothing but a header", "half a header"],
)
async def test_what_is_no_recording_is_told_apart_from_a_broken_one(tmp_path: Path, data: bytes, code: str) -> None:
    """A letter is not audio; a file that begins like audio is damaged."""
    assert (await _refusal(tmp_path, data)).failure.code == code


async def test_a_film_without_sound_is_told_so(tmp_path: Path) -> None:
    """The file is fine, but there is nothing to hear."""
    assert (await _refusal(tmp_path, silent_film())).failure.code == "no_audio_track"


async def test_a_film_with_sound_is_heard(tmp_path: Path) -> None:
    """The sound track of a video is a recording; where it starts late, silence keeps its times true."""
    path = tmp_path / "film.mkv"
    with av.open(str(path), "w", format="matroska") as out:
        picture = out.add_stream("mpeg4", rate=10)
        picture.width, picture.height, picture.pix_fmt = 64, 64, "yuv420p"
        sound = out.add_stream("flac", rate=16_000, layout="mono")
        image = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), dtype=np.uint8), format="rgb24")
        for _ in range(50):
            out.mux(picture.encode(image))
        noise = av.AudioFrame.from_ndarray(np.full((1, 16_000), 9_000, dtype=np.int16), format="s16", layout="mono")
        noise.sample_rate, noise.time_base = 16_000, Fraction(1, 16_000)
        for second in (2, 3):
            noise.pts = second * 16_000
            out.mux(sound.encode(noise))
        out.mux(sound.encode(None))
        out.mux(picture.encode(None))
    recording = await _decode(tmp_path, path.read_bytes())
    assert abs(recording.duration_ms - 4_000) < 100
    samples = np.fromfile(tmp_path / "pcm", dtype="<i2")
    assert not samples[: 16 * 1_800].any()
    assert samples[16 * 2_200 : 16 * 2_800].all()


async def test_a_clock_that_does_not_start_at_zero_adds_no_silence(tmp_path: Path) -> None:
    """Cuts from a broadcast go on with its clock; players show them from zero, and so do we."""
    path = tmp_path / "cut.mka"
    with av.open(str(path), "w", format="matroska") as out:
        sound: Any = out.add_stream("flac", rate=16_000, layout="mono")
        noise = av.AudioFrame.from_ndarray(np.full((1, 16_000), 9_000, dtype=np.int16), format="s16", layout="mono")
        noise.sample_rate, noise.time_base = 16_000, Fraction(1, 16_000)
        for second in (60, 61, 62):
            noise.pts = second * 16_000
            out.mux(sound.encode(noise))
        out.mux(sound.encode(None))
    assert abs((await _decode(tmp_path, path.read_bytes())).duration_ms - 3_000) < 100


@pytest.mark.parametrize("make", [lambda: _flac_of_slow_silence(25), lambda: long_silence(25)], ids=["flac", "aac"])
async def test_a_bomb_of_25_hours_is_refused(tmp_path: Path, make: object) -> None:
    """Whether the file admits its length or not."""
    assert callable(make)
    data = await asyncio.to_thread(make)
    assert len(data) < 10_000_000
    error = await _refusal(tmp_path, data, most_ms=HOUR_MS)
    assert error.failure.code == "audio_too_long"
    assert "1 h;" in error.failure.message


async def test_a_bomb_that_hides_its_length_is_counted_while_it_is_decoded(tmp_path: Path) -> None:
    """The header says nothing; the samples do."""
    data = bytearray(await asyncio.to_thread(_flac_of_slow_silence, 3))
    data[21] &= 0xF0
    data[22:26] = bytes(4)  # the count of samples in STREAMINFO: unknown
    assert (await _refusal(tmp_path, bytes(data), most_ms=HOUR_MS)).failure.code == "audio_too_long"


@pytest.mark.parametrize(("codec", "container"), [("flac", "flac"), ("pcm_s16le", "wav"), ("aac", "mp4")])
async def test_a_file_cut_short_gives_what_there_is(tmp_path: Path, codec: str, container: str) -> None:
    """Half a file is half a recording, and is marked as that."""
    options = {"movflags": "faststart"} if container == "mp4" else None
    data = await asyncio.to_thread(_converted, codec, container, tmp_path, options=options)
    recording = await _decode(tmp_path, data[: len(data) // 2])
    assert 15_000 < recording.duration_ms < 30_000
    assert recording.truncated


async def test_ogg_cut_short_is_noticed_though_it_states_no_length(tmp_path: Path) -> None:
    """Its last page is missing."""
    data = SAMPLE.read_bytes()
    assert (await _decode(tmp_path, data[: len(data) // 2])).truncated
    assert not (await _decode(tmp_path, data)).truncated


async def test_damage_in_the_middle_costs_only_what_is_damaged(tmp_path: Path) -> None:
    """Decoding goes on behind it."""
    data = bytearray(await asyncio.to_thread(_converted, "libmp3lame", "mp3", tmp_path))
    middle = len(data) // 2
    data[middle : middle + 4_000] = os.urandom(4_000)
    assert (await _decode(tmp_path, bytes(data))).duration_ms > 40_000


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{neighbour}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile {neighbour}\n",
        "#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:9/secret.mp3\n",
        '<?xml version="1.0"?><MPD><Period><BaseURL>{neighbour}</BaseURL></Period></MPD>',
    ],
    ids=["playlist", "concat", "playlist of the network", "dash"],
)
async def test_a_file_that_points_elsewhere_is_no_recording(tmp_path: Path, text: str) -> None:
    """Playlists would read other tenants' files, or the network from inside."""
    (tmp_path / "neighbour.ogg").write_bytes(SAMPLE.read_bytes())
    data = text.format(neighbour=tmp_path / "neighbour.ogg").encode()
    assert (await _refusal(tmp_path, data)).failure.code == "not_audio"


async def test_the_decoder_does_not_see_our_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """It handles hostile files; its environment holds nothing worth stealing."""
    from services.transcriber import children

    monkeypatch.setenv("AUDIO2TXT_SECRET_KEY", "a secret of the tests, long enough for everyone")
    async with children.running("services.transcriber.decoding", "/nowhere", "/nowhere", "1000", "60") as process:
        environment = Path(f"/proc/{process.pid}/environ").read_bytes()
    assert b"SECRET" not in environment


async def test_a_decoder_that_is_killed_is_not_the_files_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When memory runs out the kernel kills somebody; the job is tried again."""
    from services.transcriber import children

    start = children.start

    async def start_and_kill(*arguments: str) -> asyncio.subprocess.Process:
        process = await start(*arguments)
        process.send_signal(signal.SIGKILL)
        return process

    monkeypatch.setattr(children, "start", start_and_kill)
    with pytest.raises(audio.DecoderDied):
        await _decode(tmp_path, silence(2))


async def test_a_file_that_keeps_the_decoder_busy_without_end_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its processor time is bounded."""
    monkeypatch.setattr(audio, "CPU_SECONDS", 1)
    error = await _refusal(tmp_path, await asyncio.to_thread(long_silence, 25))
    assert error.failure.code == "damaged_audio"


async def test_a_recording_that_may_only_be_so_long_is_heard_to_its_end_first(tmp_path: Path) -> None:
    """What is longer than what is held for it is refused with its true length, whatever it claims; the rest goes on."""
    blobs = await open_blobs("file://", data_dir=tmp_path, credentials={})
    await blobs.put("t/x/source", SAMPLE.read_bytes())
    exact = (await _decode(tmp_path, SAMPLE.read_bytes())).duration_ms
    with closing(Scratch.open(tmp_path / "scratch", "owner")) as scratch:
        lengths = Lengths(blobs=blobs, scratch=scratch, most_ms=HOUR_MS)
        await lengths.check("t/x/source", None)
        await lengths.check("t/x/source", exact)
        with pytest.raises(LongerThanHeld) as caught:
            await lengths.check("t/x/source", exact - 1)
    assert caught.value.duration_ms == exact
