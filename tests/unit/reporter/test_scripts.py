"""Scripts whose letters join or stack, and sequences of emoji: one place on the page for what is drawn as one."""

from __future__ import annotations

import struct

import pytest

from services.reporter.renderers.pdf.fonts import Face, cjk, latin, noto
from services.reporter.renderers.pdf.scripts import Places
from services.reporter.renderers.pdf.styles import MISSING_FROM_ALL, Style

TEXTS = {
    "Arabic": "التقرير العربي",
    "Hebrew with points": "שָׁלוֹם",
    "Hindi": "हिन्दी रिपोर्ट",
    "Bengali": "বাংলা প্রতিবেদন",
    "Tamil": "தமிழ் அறிக்கை",
    "Thai": "น้ำที่นี่",
    "Khmer": "ភាសាខ្មែរ",
    "Burmese": "မြန်မာဘာသာ",
    "Georgian": "ქართული ენა",
    "Armenian": "հայերեն",
    "Amharic": "አማርኛ",
    "Vietnamese": "Tiếng Việt",
    "Yoruba": "ẹ̀kọ́",
    "Polytonic Greek": "ἐν ἀρχῇ",
    "emoji": "👩🏽‍💻 🇹🇼 👍🏽 ☕️ 1️⃣ ✅ 🎉",
    "signs": "→ ✓ ★ ☎ ∑ €",
}


def _style(places: Places | None = None) -> Style:
    return Style("text", [latin(400, 14), cjk(3, 400)], 400, places)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_every_letter_has_a_shape_and_keeps_its_text(text: str) -> None:
    """None is missing; what is set can be read back, save the signs that nobody sees."""
    style = _style()
    prepared = style.prepare(text)
    assert all(style.face_of[character] != MISSING_FROM_ALL for character in prepared)
    assert style.plain(prepared).replace("\ufe0f", "") == text.replace("\ufe0f", "")


@pytest.mark.parametrize(("text", "count"), [("👩🏽‍💻", 1), ("🇹🇼", 1), ("👍🏽", 1), ("1️⃣", 1), ("लि", 1), ("ที่", 1)])
def test_what_is_drawn_as_one_is_one_place(text: str, count: int) -> None:
    """A technologist with her skin and computer, a flag, a letter with its vowel."""
    assert len(_style().prepare(text)) == count


def test_the_same_shape_is_the_same_place_and_letters_change_with_their_neighbours() -> None:
    """An Arabic letter has other shapes at the beginning, the middle and the end of a word."""
    prepared = _style().prepare("ببب ب ببب")
    words = prepared.split(" ")
    assert words[0] == words[2]
    assert len({*words[0], words[1]}) == 4


def test_styles_of_one_document_share_places_but_not_shapes() -> None:
    """So that the fonts of two weights never mix up their codes."""
    places = Places()
    light, bold = _style(places), Style("strong", [latin(600, 14), cjk(3, 700)], 600, places)
    assert set(light.prepare("سلام")) & set(bold.prepare("سلام")) == set()


def _advances(data: bytes) -> list[int]:
    tables = {data[at : at + 4]: struct.unpack(">II", data[at + 8 : at + 16]) for at in range(12, 12 + 16 * data[5], 16)}
    start = tables[b"maxp"][0]
    count = int.from_bytes(data[start + 4 : start + 6], "big")
    start = tables[b"hmtx"][0]
    return [int.from_bytes(data[start + 4 * number : start + 4 * number + 2], "big") for number in range(count)]


@pytest.mark.parametrize("face", [noto("SansArabic", 400), noto("SansDevanagari", 600)])
def test_composed_glyphs_are_as_wide_in_the_font_as_in_the_file(face: Face) -> None:
    """Readers disagree about which of the two they believe."""
    text = "التقرير" if "Arabic" in face.name else "क्षत्रिय"
    clusters = {chr(0x100000 + number): cluster for number, (_, cluster) in enumerate(face.shape(text)) if cluster}
    subset = face.subset("", clusters)
    advances = _advances(subset.data)
    assert all(advances[code] == subset.widths[code] for character, code in subset.codes.items() if character in clusters)
