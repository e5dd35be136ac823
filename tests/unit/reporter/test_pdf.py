from __future__ import annotations

import io
import re
from typing import Any

import msgspec
import pytest
from pypdf import PdfReader

from services.reporter.renderers import Rendering, render
from shared.schemas.jobs import ArtifactFormat
from shared.schemas.transcripts import Transcript
from tests.speech import INSIGHTS, conversation, document, said, transcript

CHINESE = "我補充一下，這禮拜我們用240小時的內部錄音測試。他說：「這個feature要不要rollback？」"


def _rendered(source: Transcript, *, title: str | None = "Weekly meeting") -> Rendering:
    return render(document(source, title=title), ArtifactFormat.PDF)


def _read(source: Transcript, *, title: str | None = "Weekly meeting") -> PdfReader:
    return PdfReader(io.BytesIO(_rendered(source, title=title).data), strict=True)


def _text_of(reader: PdfReader) -> str:
    return "\n".join(page.extract_text() for page in reader.pages)


def _fonts(reader: PdfReader) -> list[Any]:
    found = {str(font): font.get_object() for page in reader.pages for font in page["/Resources"]["/Font"].values()}  # type: ignore[index]
    return list(found.values())


def _long_talk(turns: int = 120) -> Transcript:
    line = "This is what I have been saying all along, and it does not become any less true by being said again and again."
    return transcript(conversation(*[("AB"[number % 2], f"{number}. {line}") for number in range(turns)], seconds=20.0))


def test_the_words_can_be_copied_and_searched() -> None:
    """Chinese and English, whole; readers may take the thin gap between them for a space."""
    source = transcript([said(CHINESE), said("What's left is the PDF — right now.", by="B", start=4)], language="zh-Hant")
    text = _text_of(_read(source))
    assert CHINESE in text.replace("\n", "").replace(" ", "")
    assert "What's left is the PDF — right now." in text
    assert "發言時間" in text


def test_every_font_is_embedded_as_a_subset() -> None:
    """Nothing depends on the reader's machine, and no file carries a whole font."""
    reader = _read(transcript([said(CHINESE)], language="zh-Hant"))
    assert {font["/Encoding"] for font in _fonts(reader)} == {"/Identity-H"}
    for font in _fonts(reader):
        descendant = font["/DescendantFonts"][0].get_object()
        descriptor = descendant["/FontDescriptor"]
        assert re.match(r"/[A-Z]{6}\+", font["/BaseFont"])
        assert "/FontFile2" in descriptor or "/FontFile3" in descriptor
        assert "/ToUnicode" in font
    assert len(_rendered(transcript([said(CHINESE)], language="zh-Hant")).data) < 100_000


@pytest.mark.parametrize("text", [CHINESE, "Plain English.", "日本語と한국어 Ελληνικά Русский ①→", "“好”……—"])
def test_no_character_is_shown_as_an_empty_box(text: str) -> None:
    """Every code on the page is a glyph that the font has."""
    reader = _read(transcript([said(text)], language="zh-Hant"))
    for page in reader.pages:
        shown = page.get_contents().get_data()  # type: ignore[union-attr]
        assert b"\x00\x00" not in b"".join(re.findall(rb"\((.*?)\) Tj", shown, re.DOTALL))
    assert _rendered(transcript([said(text)])).substituted == 0


def test_what_no_font_has_is_marked_counted_and_still_copied() -> None:
    """A visible sign, a sentence about it, and the true text underneath."""
    source = transcript([said("Hello ⴰⴱⴲⴳ there")])
    assert _rendered(source).substituted == 4
    text = _text_of(_read(source))
    assert "〓〓〓〓" in text
    assert "lack 4 of the characters" in text
    page = _read(source).pages[0].get_contents().get_data()  # type: ignore[union-attr]
    assert f"/ActualText<{'ⴰⴱⴲⴳ'.encode('utf-16').hex()}>".encode() in page


def test_the_file_says_what_it_is() -> None:
    """Title, subject, the transcript's language and its date; the title is shown instead of the file's name."""
    reader = _read(transcript([said("你好")], language="zh-Hant"), title="週會 (1)")
    assert reader.metadata is not None
    assert (reader.metadata.title, reader.metadata.subject) == ("週會 (1)", "逐字稿")
    assert str(reader.metadata["/CreationDate"]) == "D:20261122100000Z"
    assert str(reader.root_object["/Lang"]) == "zh-Hant"
    assert reader.root_object["/ViewerPreferences"]["/DisplayDocTitle"]  # type: ignore[index]


def test_pages_are_numbered_and_carry_the_title() -> None:
    """From the second page on there is a running head."""
    reader = _read(_long_talk())
    assert len(reader.pages) > 4
    for number, page in enumerate(reader.pages, start=1):
        text = page.extract_text()
        assert f"{number} / {len(reader.pages)}" in text
        assert "Weekly meeting" in text


def test_a_speaker_is_named_again_after_a_page_break() -> None:
    """Whoever turns the page still knows who is talking."""
    monologue = transcript(
        [said(f"{number}. " + "All this I have to say myself. " * 6, start=number * 10.0) for number in range(60)]
    )
    for page in _read(monologue).pages[1:]:
        assert "Speaker A continued" in page.extract_text().replace("\n", " ")


def test_the_outline_leads_through_a_long_recording() -> None:
    """Its parts, and every ten minutes."""
    outline: list[Any] = _read(_long_talk()).outline
    assert [entry["/Title"] for entry in outline if not isinstance(entry, list)] == ["Speaking time", "Transcript"]
    [times] = [entry for entry in outline if isinstance(entry, list)]
    assert [entry["/Title"] for entry in times] == ["10:00", "20:00", "30:00"]


def _links(reader: PdfReader) -> list[Any]:
    return [note.get_object() for page in reader.pages for note in page.get("/Annots", [])]


def test_web_addresses_can_be_clicked() -> None:
    """Only http and https; one that is broken over two lines has two pieces."""
    address = "https://example.com/" + "path/" * 25 + "end?x=(1)&y=2"
    source = transcript([said(f"see {address}, or javascript:alert(1) or file:///etc/passwd", by=None)])
    targets = [link["/A"]["/URI"] for link in _links(_read(source))]
    assert set(targets) == {address}
    assert len(targets) == 2


def test_a_speaker_in_the_chart_leads_to_their_first_words() -> None:
    """Each name is a link inside the file."""
    internal = [link for link in _links(_read(_long_talk())) if "/Dest" in link]
    assert len(internal) == 2


def test_a_speaker_who_said_nothing_that_shows_leads_nowhere() -> None:
    """They have their row in the chart and no link."""
    reader = _read(transcript(conversation(("A", "hello"), ("B", " \u200b "))))
    assert len(_links(reader)) == 1
    assert "Speaker B" in _text_of(reader)


def test_an_endless_name_is_cut_short() -> None:
    """It neither runs over the chart nor takes the processor's time."""
    text = _text_of(_read(transcript([said("hello")], names={"A": "Wolfeschlegelstein" * 5000})))
    assert re.search("Wolfeschl[a-z]*…", text)


@pytest.mark.parametrize(
    "text",
    [
        "<b>x</b> <para> & ]]> ${x} %s {0}",
        "(unbalanced \\ parentheses ))((",
        "W" * 5000,
        "(endstream endobj) Tj ET",
        "\u202eevil\u202c \x00\x07 \ufffe \U000e0041",
        "𠮷野家 𝔘nicode 🎉",
    ],
)
def test_hostile_text_is_just_text(text: str) -> None:
    """The file stays a valid PDF."""
    reader = _read(transcript([said(text)]), title=text[:200])
    assert "Transcript" in _text_of(reader)


def test_a_file_names_only_what_it_shows() -> None:
    """No title, no speakers, nothing said: a page nevertheless."""
    text = _text_of(_read(transcript([], language="zh-Hant"), title=None))
    assert "未命名錄音" in text
    assert "這段錄音中沒有辨識到語音。" in text
    assert "發言時間" not in text


def test_different_recordings_are_different_files() -> None:
    """Readers tell files apart by their identifier."""
    first, second = (str(_read(transcript([said(text)])).trailer["/ID"]) for text in ("one", "two"))
    assert first != second


def test_what_the_engine_found_is_in_the_file_however_long() -> None:
    """With the moments it speaks of, over as many pages as it takes."""
    insights = msgspec.structs.replace(INSIGHTS, summary=" ".join(f"Sentence {number} of many." for number in range(1_000)))
    reader = _read(msgspec.structs.replace(transcript([said("Good morning.")]), insights=insights))
    text = _text_of(reader)
    assert len(reader.pages) > 2
    assert text.replace("\n", " ").count("of many.") == 1_000
    for wanted in ("What the speech engine found", "0:04", "The plan: They talk *a lot*.", "Nothing was found."):
        assert wanted in text
    assert [entry.title for entry in reader.outline] == ["Speaking time", "What the speech engine found", "Transcript"]  # type: ignore[union-attr]
