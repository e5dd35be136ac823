"""What counts as a recording by its first bytes, and what is refused at the door."""

from __future__ import annotations

import random

import pytest

from services.gateway.media import HEAD_BYTES, NotMedia, identify

FRAME = b"\xff\xfb\x90\x64"
PAGE = b"<!DOCTYPE html><html><body>Not found</body></html>"

RECORDINGS = {
    "audio/wav": [b"RIFF\x24\x00\x00\x00WAVEfmt ", b"RF64\xff\xff\xff\xffWAVEds64"],
    "audio/x-w64": [b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"],
    "audio/flac": [b"fLaC\x00\x00\x00\x22"],
    "audio/ogg": [b"OggS\x00\x02"],
    "audio/mp4": [b"\x00\x00\x00\x1cftypM4A \x00\x00\x02\x00"],
    "video/mp4": [b"\x00\x00\x00\x18ftypmp42", b"\x00\x00\x00\x18ftypisom"],
    "video/3gpp": [b"\x00\x00\x00\x18ftyp3gp5"],
    "video/quicktime": [b"\x00\x00\x00\x14ftypqt  ", b"\x00\x00\x00\x08wide\x00\x00\x00\x00mdat"],
    "video/webm": [b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm"],
    "video/x-matroska": [b"\x1a\x45\xdf\xa3\xa3\x42\x82\x88matroska"],
    "audio/aiff": [b"FORM\x00\x00\x00\x2eAIFFCOMM", b"FORM\x00\x00\x00\x2eAIFCFVER"],
    "audio/x-caf": [b"caff\x00\x01\x00\x00desc"],
    "audio/basic": [b".snd\x00\x00\x00\x18"],
    "audio/amr": [b"#!AMR\n", b"#!AMR-WB\n"],
    "audio/aac": [b"\xff\xf1\x50\x80", b"\xff\xf9\x50\x80"],
    "audio/ac3": [b"\x0b\x77\x3a\x5c"],
    "audio/mpeg": [FRAME, b"\xff\xf3\x44\xc4", b"ID3\x04\x00\x00\x00\x00\x00\x00" + FRAME, b"\x00" * 40 + FRAME],
    "video/x-ms-asf": [b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9"],
    "video/mp2t": [b"\x47" + bytes(187) + b"\x47"],
    "video/mpeg": [b"\x00\x00\x01\xba\x44"],
    "video/x-msvideo": [b"RIFF\x24\x00\x00\x00AVI LIST"],
    "video/x-flv": [b"FLV\x01\x05"],
}


@pytest.mark.parametrize(("media_type", "head"), [(kind, head) for kind, heads in RECORDINGS.items() for head in heads])
def test_recordings_are_known_by_their_first_bytes(media_type: str, head: bytes) -> None:
    """Every container that engines read is taken for what it is."""
    assert identify(head + bytes(300)) == media_type


@pytest.mark.parametrize(
    ("head", "word"),
    [
        (PAGE, "HTML"),
        (b"  \n<html lang=en>", "HTML"),
        (b'<?xml version="1.0"?><MPD/>', "XML"),
        (b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd", "playlist"),
        (b"ffconcat version 1.0\nfile a.mp3", "playlist"),
        (b"[playlist]\nFile1=x", "playlist"),
        (b"PK\x03\x04\x14\x00", "ZIP"),
        (b"\x1f\x8b\x08\x00", "archive"),
        (b"%PDF-1.7", "PDF"),
        (b"\x7fELF\x02\x01", "program"),
        (b"MZ\x90\x00", "program"),
        (b"\xcf\xfa\xed\xfe\x07", "program"),
        (b"\x89PNG\r\n\x1a\n", "picture"),
        (b"\xff\xd8\xff\xe0", "picture"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "picture"),
        (b'{"error": "no such file"}', "text"),
        (b"Dear Sir or Madam,", "text"),
        ("各位同仁大家好".encode(), "text"),
        ("hello".encode("utf-16"), "text"),
        (b"\x00\x01\x02\x03" * 20, "know"),
    ],
)
def test_everything_else_is_refused_by_name(head: bytes, word: str) -> None:
    """The customer hears what the file is."""
    with pytest.raises(NotMedia, match=word):
        identify(head)


def test_a_tag_in_front_does_not_make_a_page_a_song() -> None:
    """What follows an ID3 tag is looked at, too."""
    with pytest.raises(NotMedia, match="HTML"):
        identify(b"ID3\x04\x00\x00\x00\x00\x00\x00" + PAGE)


def test_a_tag_with_a_cover_longer_than_the_head_is_a_song() -> None:
    """A big picture in the tag hides the first frame; the decoder will find it."""
    assert identify(b"ID3\x04\x00\x00\x00\x07\x7f\x7f" + bytes(1000)) == "audio/mpeg"


def test_mp3_cut_out_of_a_stream_is_taken() -> None:
    """A recording that begins in the middle of a frame has its next frames to show."""
    noise = random.Random(7).randbytes(180).replace(b"\xff", b"\x00")
    assert identify(b"\x01" + noise + FRAME + noise + b"\x00" * 200 + FRAME + noise) == "audio/mpeg"


def test_a_character_cut_at_the_end_of_the_head_is_still_text() -> None:
    """Long Chinese text is text, wherever the head ends."""
    text = ("逐字稿" * 400).encode()
    for shift in range(3):
        with pytest.raises(NotMedia, match="text"):
            identify(b"a" * shift + text[: HEAD_BYTES - shift])


def test_random_bytes_are_hardly_ever_taken_for_a_recording() -> None:
    """The search for frames does not make an allow-list of everything."""
    generator = random.Random(11)
    taken = 0
    for _ in range(500):
        try:
            identify(generator.randbytes(HEAD_BYTES))
            taken += 1
        except NotMedia:
            pass
    assert taken < 15
