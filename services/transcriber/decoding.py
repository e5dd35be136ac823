"""Decodes one recording, in a process of its own: `python -m services.transcriber.decoding SOURCE PCM MOST_MS CPU_SECONDS`.

Whatever the file is, it may only open as one of the listed formats and read nothing but itself: playlists and the like
would read other files or the network. What it claims about its length is not believed; samples are counted as they
come. The outcome is one JSON line on standard output.
"""

from __future__ import annotations

import hashlib
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec

from services.transcriber.children import claim_stdout, die_with_parent

if TYPE_CHECKING:
    import av.container

SAMPLE_RATE = 16_000
BYTES_PER_MS = SAMPLE_RATE // 1000 * 2
"""The output is 16 kHz, mono, signed 16 bit, little endian, without a header."""

FORMATS = "aac,ac3,aiff,amr,amrnb,amrwb,asf,au,avi,caf,dts,eac3,flac,flv,matroska,mov,mp3,mpeg,mpegts,ogg,rm,tta,voc,w64,wav,wv"
# These state their length in the file; of others the demuxer guesses it from a bit rate.
_STATES_LENGTH = {"asf", "aiff", "avi", "caf", "flac", "matroska", "mov", "wav", "w64"}
_MEMORY_BYTES = 2 * 1024**3
_MOST_STREAMS = 64
_MOST_CHANNELS = 32
_HIGHEST_RATE = 768_000
# Gaps up to this long become silence, so that times stay true; a longer one is a broken clock, not a pause.
_SHORTEST_GAP_MS = 100
_LONGEST_GAP_MS = 10 * 60_000
_TRUNCATED_SHARE = 0.02
_TRUNCATED_MS = 1_000
_UNKNOWN_SIZE = 0xFFFFFFFF
_LONGEST_OGG_PAGE = 65_307
_OGG_FLAGS, _OGG_END = 5, 4

_SIGNATURES = (
    b"RIFF", b"RF64", b"BW64", b"riff", b"fLaC", b"OggS", b"\x1a\x45\xdf\xa3", b"FORM", b"caff", b".snd", b"#!AMR",
    b"\x30\x26\xb2\x75", b"\x0b\x77", b"\x00\x00\x01\xba", b"\x47", b"FLV\x01", b"ID3", b".RMF", b"TTA", b"wvpk",
    b"Creative Voice File", b"\x7f\xfe\x80\x01",
)  # fmt: skip
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"pnot", b"free", b"skip")


class Recording(msgspec.Struct, frozen=True, kw_only=True, tag="recording"):
    """What was found in the file."""

    duration_ms: int
    channels: int
    container: str
    codec: str
    sha256: str
    truncated: bool
    """Less could be decoded than the file says it holds."""


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag="refused"):
    """Why the file cannot be transcribed, as a `Failure` says it."""

    code: str
    message: str


class Outage(msgspec.Struct, frozen=True, kw_only=True, tag="outage"):
    """Why it could not be decoded here and now."""

    message: str


Outcome = Recording | Refused | Outage


class _Refusal(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.refused = Refused(code=code, message=message)


def main(arguments: list[str]) -> None:
    """Decode as told, and say what came of it."""
    die_with_parent()
    messages = claim_stdout()
    source, pcm, most_ms, cpu_seconds = Path(arguments[0]), Path(arguments[1]), int(arguments[2]), int(arguments[3])
    limit_resources(cpu_seconds=cpu_seconds, file_bytes=(most_ms + _LONGEST_GAP_MS) * BYTES_PER_MS)
    os.write(messages, msgspec.json.encode(outcome(source, pcm, most_ms)) + b"\n")


def limit_resources(*, cpu_seconds: int, file_bytes: int) -> None:
    """What a hostile file can make the decoder use, at most."""
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 5))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))


def outcome(source: Path, pcm: Path, most_ms: int) -> Outcome:
    """Decode, with every failure in words."""
    try:
        if source.stat().st_size == 0:
            raise _Refusal("empty_file", "The file is empty; upload the recording again.")
        return _decode(source, pcm, most_ms)
    except _Refusal as refusal:
        return refusal.refused
    except MemoryError:
        return _damaged()
    except OSError as error:
        return Outage(message=f"The recording cannot be read or its audio cannot be written: {error.strerror}.")


def _decode(source: Path, pcm: Path, most_ms: int) -> Recording:
    with _open(source) as container:
        claimed_ms = (container.duration or 0) // 1000
    if claimed_ms > most_ms and _packets_ms(source, most_ms) > most_ms:
        raise _too_long(most_ms)  # without decoding it all to find out
    with _open(source) as container, pcm.open("wb") as out:
        stream = _audio_stream(container)
        decoded_ms = _write_pcm(container, stream, out, most_ms)
        if not decoded_ms:
            raise _unreadable(source)
        return Recording(
            duration_ms=decoded_ms,
            channels=stream.codec_context.channels,
            container=container.format.name.partition(",")[0],
            codec=stream.codec_context.name,
            sha256=_digest(source),
            truncated=_falls_short(_stated_ms(container, stream), decoded_ms) or _is_cut_off(source),
        )


def _open(source: Path) -> av.container.InputContainer:
    import av

    try:
        return av.open(str(source), options={"protocol_whitelist": "file", "format_whitelist": FORMATS})
    except av.FFmpegError:
        raise _unreadable(source) from None


def _packets_ms(source: Path, enough_ms: int) -> int:
    """How much audio the packets say they hold, counted until it is more than enough."""
    import av

    with _open(source) as container:
        stream = _audio_stream(container)
        tick, enough, ticks = stream.time_base, enough_ms / 1000 / stream.time_base, 0
        with suppress(av.FFmpegError):
            for packet in container.demux(stream):
                ticks += packet.duration or 0
                if ticks > enough:
                    break
        return int(ticks * tick * 1000)


def _audio_stream(container: av.container.InputContainer) -> Any:
    stream = container.streams.best("audio")
    if stream is None:
        raise _Refusal("no_audio_track", "The file holds no audio track; upload one with sound.")
    context: Any = stream.codec_context
    if context is None:
        raise _Refusal(
            "unsupported_audio", "The sound is in a format that we cannot decode; upload it as MP3, M4A, WAV or FLAC."
        )
    if len(container.streams) > _MOST_STREAMS or context.channels > _MOST_CHANNELS or context.sample_rate > _HIGHEST_RATE:
        raise _Refusal("unsupported_audio", "The file has more tracks, channels or samples a second than recordings have.")
    return stream


def _stated_ms(container: av.container.InputContainer, stream: Any) -> int | None:
    """What the file says about the length of its sound; null when it says nothing, or speaks of its pictures."""
    if container.format.name.partition(",")[0] not in _STATES_LENGTH:
        return None
    if stream.duration is not None:
        return int(stream.duration * stream.time_base * 1000)
    return None if container.duration is None or container.streams.video else int(container.duration // 1000)


def _write_pcm(container: av.container.InputContainer, stream: Any, out: BinaryIO, most_ms: int) -> int:
    """Write what can be decoded; returns its milliseconds. Stops at damage that the decoder cannot get over."""
    import av

    resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
    began = (container.start_time or 0) / av.time_base
    written = 0
    for frame in _frames(container, stream):
        written += _fill_gap(frame, began, written, out)
        frame.pts = None  # the resampler would fill or cut by itself
        for chunk in resampler.resample(frame):
            written += out.write(memoryview(chunk.planes[0])[: chunk.samples * 2])
        if written > most_ms * BYTES_PER_MS:
            raise _too_long(most_ms)
    for chunk in resampler.resample(None) if written else ():
        written += out.write(memoryview(chunk.planes[0])[: chunk.samples * 2])
    return written // BYTES_PER_MS


def _frames(container: av.container.InputContainer, stream: Any) -> Iterator[Any]:
    """Every frame that can be decoded; a damaged packet is skipped, as players do."""
    import av

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError:
            return
        if packet is None:
            return
        try:
            yield from packet.decode()
        except av.FFmpegError:
            continue


def _fill_gap(frame: Any, began: float, written: int, out: BinaryIO) -> int:
    """Silence where the recording has nothing, as before a late sound track: returns its bytes."""
    if frame.time is None:
        return 0
    gap_ms = int((frame.time - began) * 1000) - written // BYTES_PER_MS
    if not _SHORTEST_GAP_MS <= gap_ms <= _LONGEST_GAP_MS:
        return 0
    return out.write(bytes(gap_ms * BYTES_PER_MS))


def _falls_short(stated_ms: int | None, decoded_ms: int) -> bool:
    return stated_ms is not None and stated_ms - decoded_ms > max(_TRUNCATED_MS, stated_ms * _TRUNCATED_SHARE)


def _is_cut_off(source: Path) -> bool:
    """Whether the end is missing of a file whose demuxer would not tell: RIFF states its size, Ogg marks its last page."""
    size = source.stat().st_size
    with source.open("rb") as file:
        head = file.read(8)
        if head.startswith(b"RIFF"):
            stated = int.from_bytes(head[4:], "little")
            return stated != _UNKNOWN_SIZE and stated + len(head) > size
        if not head.startswith(b"OggS"):
            return False
        file.seek(max(0, size - _LONGEST_OGG_PAGE))
        tail = file.read()
    page = tail[tail.rfind(b"OggS") :]
    return len(page) > _OGG_FLAGS and not page[_OGG_FLAGS] & _OGG_END


def _digest(source: Path) -> str:
    with source.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unreadable(source: Path) -> _Refusal:
    with source.open("rb") as file:
        head = file.read(32)
    known = head.startswith(_SIGNATURES) or head[4:8] in _BOXES or (head[0] == 0xFF and head[1:2] >= b"\xe0")
    if known:
        return _Refusal(_damaged().code, _damaged().message)
    return _Refusal("not_audio", "The file is not a recording in a format that we know; upload audio, or video with sound.")


def _damaged() -> Refused:
    return Refused(
        code="damaged_audio",
        message="The file is damaged: nothing in it can be decoded; upload it again, or a copy that a player can open.",
    )


def _too_long(most_ms: int) -> _Refusal:
    return _Refusal(
        "audio_too_long", f"The recording is longer than {most_ms / 3_600_000:g} h; cut it into parts and upload those."
    )


if __name__ == "__main__":
    main(sys.argv[1:])
