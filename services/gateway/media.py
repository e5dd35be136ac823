"""Tells recordings from everything else by their first bytes.

It only refuses early what can never be transcribed, in words the customer understands; whether a file really holds
audio is found out by the transcriber, which decodes it away from here. File names and content types are not looked at.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

HEAD_BYTES = 1024
"""How much of a file is looked at."""


class NotMedia(ValueError):
    """The bytes are no recording; the message says what they are, as in "an HTML page"."""


@dataclass(frozen=True)
class _Signature:
    pattern: re.Pattern[bytes]
    meaning: str


def _table(*rows: tuple[bytes, str]) -> tuple[_Signature, ...]:
    return tuple(_Signature(re.compile(pattern, re.DOTALL), meaning) for pattern, meaning in rows)


# An MPEG audio frame: sync, a version and a layer that exist; then a bit rate and a sample rate that exist.
_SYNC = rb"\xff[\xe2-\xe7\xf2-\xf7\xfa-\xff]"
_RATES = b"[" + b"".join(b"\\x%02x" % rates for rates in range(0xF0) if rates & 0x0C != 0x0C) + b"]"
# The first pattern that matches at the very start decides.
_MEDIA = _table(
    (rb"RIFF....WAVE", "audio/wav"),
    (rb"(RF64|BW64)....WAVE", "audio/wav"),
    (rb"RIFF....AVI ", "video/x-msvideo"),
    (rb"riff\x2e\x91\xcf\x11", "audio/x-w64"),
    (rb"fLaC", "audio/flac"),
    (rb"OggS", "audio/ogg"),
    (rb"....ftyp(M4A|M4B|f4a)", "audio/mp4"),
    (rb"....ftypqt", "video/quicktime"),
    (rb"....ftyp3g", "video/3gpp"),
    (rb"....ftyp", "video/mp4"),
    (rb"....(moov|mdat|wide|pnot)", "video/quicktime"),
    (rb"\x1a\x45\xdf\xa3.{0,64}webm", "video/webm"),
    (rb"\x1a\x45\xdf\xa3", "video/x-matroska"),
    (rb"FORM....AIF[FC]", "audio/aiff"),
    (rb"caff\x00\x01", "audio/x-caf"),
    (rb"\.snd", "audio/basic"),
    (rb"#!AMR", "audio/amr"),
    (rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video/x-ms-asf"),
    (rb"\x0b\x77", "audio/ac3"),
    (rb"\x00\x00\x01\xba", "video/mpeg"),
    (rb"FLV\x01", "video/x-flv"),
    (rb"\x47.{187}\x47", "video/mp2t"),
    (rb"\xff[\xf0\xf1\xf8\xf9]", "audio/aac"),
    (rb"ID3", "audio/mpeg"),
    (rb"\x00*" + _SYNC + _RATES, "audio/mpeg"),
)
_OTHER = _table(
    (rb"PK\x03\x04|PK\x05\x06", "a ZIP archive or office document"),
    (rb"\x1f\x8b|BZh|\xfd7zXZ\x00|7z\xbc\xaf|Rar!|\x28\xb5\x2f\xfd", "a compressed archive"),
    (rb"%PDF", "a PDF document"),
    (rb"\x7fELF|MZ|[\xce\xcf]\xfa\xed\xfe|\xfe\xed\xfa[\xce\xcf]|\xca\xfe\xba\xbe", "a program"),
    (rb"\x89PNG|GIF8|\xff\xd8\xff|BM....\x00\x00\x00\x00|RIFF....WEBP", "a picture"),
    (rb"\s*(#EXTM3U|ffconcat|\[playlist\])", "a playlist; send the recording it points to"),
    (rb"(?i)\s*(<!doctype html|<html|<head|<body)", "an HTML page"),
    (rb"\s*<", "an XML document"),
    (rb"\xff\xfe.\x00|\xfe\xff\x00", "a text file"),
)
# MP3 cut out of a stream begins anywhere; two like frames give it away, and the decoder finds its way.
_TWO_FRAMES = re.compile(b"(" + _SYNC + b")" + _RATES + rb".{20,}?\1" + _RATES, re.DOTALL)
_CONTROLS = frozenset(range(32)) - frozenset(b"\t\n\r\f\x1b")


def identify(head: bytes) -> str:
    """The media type of a file that starts with these bytes; raises `NotMedia`."""
    data = _after_id3(head)
    if data and (wrong := _first(_OTHER, data)):
        raise NotMedia(wrong)
    if found := _first(_MEDIA, head):
        return found
    if _is_text(head):
        raise NotMedia("a text file")
    if _TWO_FRAMES.search(head):
        return "audio/mpeg"
    raise NotMedia("no audio or video file that we know")


def _first(table: tuple[_Signature, ...], head: bytes) -> str | None:
    return next((row.meaning for row in table if row.pattern.match(head)), None)


def _after_id3(head: bytes) -> bytes:
    """What follows an ID3v2 tag, as far as it lies inside the head: a tag in front does not make a page a song."""
    if not head.startswith(b"ID3") or len(head) < 10:
        return head
    size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    return head[10 + size :]


def _is_text(head: bytes) -> bool:
    if not _CONTROLS.isdisjoint(head):
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        # A character may be cut in two at the end of the head.
        return len(head) == HEAD_BYTES and error.start >= len(head) - 3
    return True
