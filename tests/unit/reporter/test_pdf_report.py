"""Reports as PDFs: what is read aloud, where links lead, what each thing is, and what hostile text cannot do."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import msgspec
import pikepdf
import pytest
from pdfua import validate
from pypdf import PdfReader

from services.reporter.blocks import (
    Break,
    Bullets,
    Citation,
    Dialogue,
    Document,
    EvidenceList,
    FactCards,
    Fields,
    Heading,
    Mark,
    Notice,
    Questions,
    Quotes,
    Statement,
    Table,
    TableCell,
    TableRow,
    TalkTime,
    Terms,
    Timeline,
    Voice,
)
from services.reporter.renderers import pdf
from services.reporter.renderers.speaker_colours import SPEAKERS, speaker_colour
from tests.every_block import every_block
from tests.pdf_reading import Element, ReadPdf, squeezed, texts_of
from tests.speech import conversation, document, said, transcript

LANGUAGES = ("zh-Hant", "en")


def _rendered(source: Document) -> bytes:
    return pdf.render(source)[0]


def _read(source: Document) -> ReadPdf:
    return ReadPdf(_rendered(source))


def _with(*blocks: Any, source: Document | None = None) -> Document:
    base = source or document(transcript(conversation(("A", "hello"), ("B", "good morning"))))
    return msgspec.structs.replace(base, blocks=blocks)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_read_aloud_is_the_document(language: str) -> None:
    """Every text of every block, in the document's order, right-to-left and shaped scripts as they are written."""
    source = every_block(language)
    aloud = squeezed(_read(source).document.text)
    for block in source.blocks:
        if not isinstance(block, TalkTime):
            for text in texts_of(block):
                assert squeezed(text) in aloud, text
    headings = [squeezed(block.text) for block in source.blocks if isinstance(block, Heading)]
    places = [aloud.index(heading) for heading in headings[:1]]
    for heading in headings[1:]:
        places.append(aloud.index(heading, places[-1] + 1))
    assert places == sorted(places)


@pytest.mark.parametrize("language", LANGUAGES)
def test_whoever_copies_the_text_gets_it(language: str) -> None:
    """An independent reader finds every Chinese and Latin sentence; it may take gaps for spaces."""
    source = every_block(language)
    reader = PdfReader(io.BytesIO(_rendered(source)))
    copied = squeezed("".join(page.extract_text() for page in reader.pages))
    said_ = next(block for block in source.blocks if isinstance(block, Dialogue))
    for turn in said_.turns[:4]:
        for utterance in turn.utterances:
            assert squeezed(utterance.text) in copied


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_on_the_page_is_read_or_an_artifact(language: str) -> None:
    """Nothing is left unmarked, nothing marked is left out; running heads and page numbers are not read."""
    read = _read(every_block(language))
    assert read.unmarked == []
    assert {(page, number) for page, texts in enumerate(read.marked) for number in texts} <= read.read
    pages = len(read.marked)
    assert all(f"{number} / {pages}" in text for number, text in enumerate(read.artifacts, start=1))
    assert f"{pages} / {pages}" not in read.document.text


def test_the_structure_is_made_of_the_right_elements() -> None:
    """Headings in order, lists of items, tables whose heads say that they are, a figure with words for it."""
    source = every_block("en")
    root = _read(source).document
    assert root.role == "Document"
    assert [one.text for one in root.all("H1")] == [source.title]
    levels = {1: "H2", 2: "H3"}
    wanted = [(levels[block.level], block.text) for block in source.blocks if isinstance(block, Heading)]
    assert [(one.role, one.text) for one in root.all("H2", "H3")] == wanted
    [table] = root.all("Table")
    rows = next(block for block in source.blocks if isinstance(block, Table)).rows
    assert [one.text for one in table.all("TH")] == ["Task", "Owner", "Due", "Evidence"]
    assert all("Scope" in one.entries["/A"] for one in table.all("TH"))
    assert len(table.all("TR")) == len(rows) + 1
    assert all(len(one.all("TD")) == 4 for one in table.all("TR")[1:])
    assert all({kid.role for kid in one.kids if isinstance(kid, Element)} <= {"LI"} for one in root.all("L"))
    [figure] = root.all("Figure")
    assert "陳怡君 33%" in figure.entries["/Alt"]
    assert "BBox" in figure.entries["/A"]


def test_every_link_has_words_and_belongs_to_the_structure() -> None:
    """Each annotation is held by one Link element and says where it leads."""
    read = _read(every_block("zh-Hant"))
    held = [link.objgen for one in read.document.all("Link") for link in one.links]
    placed = [note.objgen for page in read.pdf.pages for note in page.get("/Annots", [])]
    assert sorted(held) == sorted(placed)
    assert len(set(held)) == len(held)
    for page in read.pdf.pages:
        for note in page.get("/Annots", []):
            assert str(note.Contents)
            assert "/StructParent" in note


def _leads_to(read: ReadPdf, link: Any) -> tuple[int, float]:
    page, _, _, top, _ = link.Dest
    return next(number for number, one in enumerate(read.pdf.pages) if one.objgen == page.objgen), float(top)


def test_statements_and_evidence_and_words_lead_to_each_other() -> None:
    """A number leads to the list of evidence, a moment to the words, and both come back; every place exists."""
    source = every_block("en")
    read = _read(source)
    pages = len(read.pdf.pages)
    links = [(str(note.Contents), note) for page in read.pdf.pages for note in page.get("/Annots", []) if "/Dest" in note]
    assert len(links) > 60
    assert all(0 <= _leads_to(read, note)[0] < pages for _, note in links)
    reader = PdfReader(io.BytesIO(_rendered(source)))
    starts = {
        str(entry["/Title"]): reader.get_destination_page_number(entry) or 0
        for entry in reader.outline
        if not isinstance(entry, list)
    }
    evidence, words = starts["Evidence"], starts["Transcript"]
    assert {_leads_to(read, note)[0] for contents, note in links if contents.startswith("Transcript")} <= set(
        range(words, pages)
    )
    numbers = [note for contents, note in links if contents.startswith("Evidence")]
    assert {_leads_to(read, note)[0] for note in numbers} >= {0, evidence}


def test_where_the_transcript_is_left_out_moments_lead_to_the_evidence() -> None:
    """And where there is neither, there are no dead links."""
    source = every_block("en")
    without_words = msgspec.structs.replace(source, blocks=tuple(one for one in source.blocks if not isinstance(one, Dialogue)))
    contents = [str(note.Contents) for page in _read(without_words).pdf.pages for note in page.get("/Annots", [])]
    assert sum(one.startswith("Transcript") for one in contents) > 20
    bare = msgspec.structs.replace(
        source, blocks=tuple(one for one in source.blocks if not isinstance(one, Dialogue | EvidenceList | TalkTime))
    )
    assert not [note for page in _read(bare).pdf.pages for note in page.get("/Annots", [])]
    assert "0:31" in _read(bare).document.text


def test_the_same_document_gives_the_same_bytes() -> None:
    """Whatever the process has set before."""
    first = _rendered(every_block("zh-Hant"))
    _rendered(every_block("en"))
    assert _rendered(every_block("zh-Hant")) == first


def test_parts_and_parts_of_parts_are_in_the_outline() -> None:
    """With the doubts below the section they belong to."""
    outline: list[Any] = PdfReader(io.BytesIO(_rendered(every_block("en")))).outline
    titles = [entry["/Title"] for entry in outline if not isinstance(entry, list)]
    assert titles[:3] == ["Summary", "Decisions", "Action items"]
    assert [entry["/Title"] for entry in outline if isinstance(entry, list) for entry in entry] == ["Could not be verified"]


def test_the_file_says_that_it_is_accessible() -> None:
    """Marked, in a language, with its title shown, and metadata that name the standard; no font that is not embedded."""
    read = _read(every_block("zh-Hant"))
    root = read.pdf.Root
    assert root.MarkInfo.Marked
    assert str(root.Lang) == "zh-Hant"
    assert root.ViewerPreferences.DisplayDocTitle
    metadata = root.Metadata.read_bytes().decode()
    assert "<pdfuaid:part>1</pdfuaid:part>" in metadata
    assert "Audio2txt v2.0 上線時程與 GPU 預算會議" in metadata
    assert all(page.Tabs == "/S" for page in read.pdf.pages)
    for font in read.pdf.pages[0].resources.Font.values():
        assert re.match("/[A-Z]{6}[+]", str(font.BaseFont))
        descriptor = font.DescendantFonts[0].FontDescriptor
        assert "/FontFile2" in descriptor or "/FontFile3" in descriptor


def test_independent_checkers_find_nothing(tmp_path: Path) -> None:
    """`pdfua`, which knows a part of what machines can check of PDF/UA-1, and qpdf's check of the syntax."""
    data = _rendered(every_block("zh-Hant"))
    with pikepdf.open(io.BytesIO(data)) as file:
        assert file.check_pdf_syntax() == []
    path = tmp_path / "report.pdf"
    path.write_bytes(data)
    report = validate(str(path))
    assert report.findings == ()
    assert [outcome.skipped_reason for outcome in report.outcomes if outcome.skipped_reason] == []


def test_speakers_have_thirty_colours_that_can_be_read() -> None:
    """Against white, as WCAG wants for small print: 4.5 to 1."""

    def light(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (0, 2, 4)]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    assert len({speaker_colour(rank) for rank in range(30)}) == 30
    assert all(1.05 / (light(colour) + 0.05) >= 4.5 for colour in SPEAKERS)


HOSTILE = [
    "\u202eevil\u202c \x00\x07 \ufffe \U000e0041",
    "(endstream endobj) Tj ET >> << /JS (x) \\",
    "W" * 20_000,
    "山" * 20_000,
    "مرحبا" * 2_000,
    "👩🏽‍💻🇹🇼👨‍👩‍👧‍👦☕️1️⃣" * 500,
    "\u0301" * 1_000,
    "a\u0301\u0302\u0303" * 200,
    "\U00100000\U0010fffd\ue000",
    "‍‌️" * 50,
    "ﷺ ﷽ ૱ ༀ",
    "",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_just_text_wherever_it_stands(text: str) -> None:
    """In every place that takes text the file stays valid, and nothing runs off the page."""
    from services.reporter.characters import clean

    shown = clean(text)
    voice = Voice(id="spk_A", name=shown[:200] or "A", rank=0)
    cited = (Citation(number=1, segment_id="s000000", start_ms=0),)
    statement = Statement(text=shown, label=shown[:300] or None, citations=cited, voice=voice)
    source = _with(
        FactCards(facts=((shown[:100], shown[:100]),)),
        Heading(text=shown[:300] or "x"),
        Notice(text=shown, warning=True),
        Bullets(statements=(statement,)),
        Table(
            columns=(shown[:50], "b"),
            rows=(TableRow(cells=(TableCell(text=shown), TableCell(text="", voice=voice)), citations=cited),),
        ),
        source=document(transcript([said(text)], names={"A": text[:500]}), title=text[:300]),
    )
    read = _read(source)
    assert read.pdf.check_pdf_syntax() == []
    assert read.unmarked == []


def test_a_megabyte_in_one_word_and_five_thousand_segments() -> None:
    """As long as it takes, but a page is never overfull."""
    word = _rendered(document(transcript([said("x" * 1_000_000)])))
    assert len(PdfReader(io.BytesIO(word)).pages) > 200
    many = transcript(
        conversation(*[("ABCDEFGHIJKLMNOPQRSTUVWXYZabcd"[number % 30], f"Line {number}.") for number in range(5_000)])
    )
    reader = PdfReader(io.BytesIO(_rendered(document(many))))
    assert f"Line {4_999}." in reader.pages[-1].extract_text()


def test_long_rows_are_broken_and_the_head_repeated() -> None:
    """A row longer than a page goes on under the same head; short rows stay whole; no text is lost."""
    long = " ".join(f"Word{number}" for number in range(1_500))
    rows = [
        TableRow(
            cells=(
                TableCell(text="short"),
                TableCell(text=f"row {number} stays together in its two or more lines, since it is not so very long"),
            ),
        )
        for number in range(60)
    ]
    rows.insert(30, TableRow(cells=(TableCell(text="long"), TableCell(text=long))))
    source = _with(Heading(text="Tables"), Table(columns=("Kind", "Content"), rows=tuple(rows), widths=(0.2, 0.3)))
    read = _read(source)
    assert len(read.document.all("TH")) == 2
    assert len(read.document.all("TR")) == 62
    assert long in read.document.text
    assert len(read.marked) > 4
    heads = ["Kind Content" in re.sub(r"\s+", " ", read.artifacts[number]) for number in range(1, len(read.marked))]
    assert all(heads)
    for row in read.document.all("TR")[1:]:
        if "stays together" in row.text:
            assert "very long" in row.text


@pytest.mark.parametrize("count", [2, 3, 4, 9])
def test_no_row_is_left_alone(count: int) -> None:
    """Wherever a table begins, each page it stands on has two of its rows at least."""
    rows = tuple(TableRow(cells=(TableCell(text=f"Row {number}."),)) for number in range(count))
    for filled in range(24, 48):
        notices = [Notice(text=f"Notice {number}.") for number in range(filled)]
        read = PdfReader(io.BytesIO(_rendered(_with(*notices, Heading(text="Table"), Table(columns=("Rows",), rows=rows)))))
        assert 1 not in [page.extract_text().count("Row ") for page in read.pages], filled


@pytest.mark.parametrize(("filled", "pages"), [(5, 1), (35, 2)])
def test_an_appendix_begins_a_page_unless_much_of_it_is_free(filled: int, pages: int) -> None:
    """So that a few words do not stand on a page alone."""
    notices = [Notice(text=f"Notice {number}.") for number in range(filled)]
    read = PdfReader(io.BytesIO(_rendered(_with(*notices, Break(), Heading(text="Appendix"), Notice(text="Words.")))))
    assert len(read.pages) == pages
    assert "Appendix" in read.pages[-1].extract_text()


def test_the_label_of_a_card_is_whole() -> None:
    """However narrow the card."""
    cards = FactCards(facts=(*((f"Label {number}", "1") for number in range(5)), ("Actions and their owners", "3")))
    assert "Actions and their owners" in re.sub(r"\s+", " ", _read(_with(cards)).document.text)


def test_a_term_whose_words_are_gone_is_told_apart() -> None:
    """Below all terms, with the reason."""
    terms = Terms(statements=(Statement(text="budget"), Statement(text="launch", doubt="Edited since.")))
    assert "launch – Edited since." in _read(_with(terms)).document.text


def test_a_speaker_is_named_right_below_the_words() -> None:
    """Beside the citations, when these reach further down than the words."""
    cited = tuple(Citation(number=number, segment_id="s000000", start_ms=0) for number in range(1, 6))
    voice = Voice(id="spk_A", name="Somebody with a name that is longer than the rest of the line", rank=0)
    texts: dict[str, float] = {}

    def visit(text: str, _current: Any, at: Any, _font: Any, _size: Any) -> None:
        texts.setdefault(text.strip()[:8], at[5])

    source = _with(Questions(statements=(Statement(label="Question?", text="Answer " * 9, voice=voice, citations=cited),)))
    for page in PdfReader(io.BytesIO(_rendered(source))).pages:
        page.extract_text(visitor_text=visit)
    assert 0 < texts["Answer A"] - texts["Somebody"] < 20


PARTS: dict[str, Any] = {
    "points": Bullets(statements=tuple(Statement(text=f"First {number}.") for number in range(3))),
    "table": Table(columns=("a", "b"), rows=(TableRow(cells=(TableCell(text="First " * 60), TableCell(text="b"))),)),
    "doubts": Bullets(statements=(Statement(text="First " * 30, mark=Mark.DOUBTED, doubt="So it is."),)),
    "questions": Questions(statements=(Statement(label="First " * 20, text="Answer " * 40),)),
    "timeline": Timeline(statements=(Statement(label="First", text="Text " * 60),)),
    "quotes": Quotes(statements=(Statement(text="First " * 80),)),
    "fields": Fields(statements=(Statement(label="First", text="Text " * 60),)),
}


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_no_heading_is_left_alone_at_the_foot_of_a_page(part: Any) -> None:
    """Whatever stands before it, a heading has some of its part below it."""
    for filled in (26, 29, 32, 35, 38):
        notices = [Notice(text=f"Notice {number}.") for number in range(filled)]
        doubts = [Notice(text="Beware.", warning=True)] if part is PARTS["doubts"] else []
        reader = PdfReader(io.BytesIO(_rendered(_with(*notices, Heading(text="Lonely?", level=2), *doubts, part))))
        page = next(text for text in (page.extract_text() for page in reader.pages) if "Lonely?" in text)
        assert "First" in page, filled
