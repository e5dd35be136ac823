"""The Word document, read back by python-docx and as XML."""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any

import docx
import msgspec
import pytest
from lxml import etree

from services.reporter.blocks import (
    Block,
    Break,
    Bullets,
    Citation,
    Document,
    EvidenceEntry,
    EvidenceList,
    Fields,
    Heading,
    Mark,
    Notice,
    Prose,
    Questions,
    Quotes,
    Statement,
    Table,
    TableCell,
    TableRow,
    Terms,
    Timeline,
    Voice,
)
from services.reporter.renderers.docx import render
from tests.speech import INSIGHTS, conversation, document, said, transcript

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
MEETING = transcript(
    conversation(("A", "Good morning, see https://example.com/plan?a=1&b=2 for the plan."), ("B", "大家早，預算是三百萬。")),
    names={"A": "Anna", "B": "王美玲"},
)
FIRST = Citation(number=1, segment_id="s000000", start_ms=0)
SECOND = Citation(number=2, segment_id="s004000", start_ms=4000)
EVIDENCE = EvidenceList(
    entries=(
        EvidenceEntry(number=1, segment_id="s000000", start_ms=0, quote="Good morning"),
        EvidenceEntry(number=2, segment_id="s004000", start_ms=4000, quote="預算是三百萬"),
    )
)


def with_blocks(*blocks: Block, source: Document | None = None) -> Document:
    """The meeting's document, with some blocks before its own."""
    base = source or document(MEETING)
    return msgspec.structs.replace(base, blocks=(*blocks, *base.blocks))


def opened(data: bytes) -> Any:
    """Read by python-docx."""
    return docx.Document(io.BytesIO(data))


def main_part(data: bytes) -> Any:
    """The XML of the content."""
    return etree.fromstring(zipfile.ZipFile(io.BytesIO(data)).read("word/document.xml"))


def lines(data: bytes) -> list[tuple[str, str]]:
    """Style and text of every paragraph outside tables."""
    return [(paragraph.style.name, paragraph.text) for paragraph in opened(data).paragraphs]


def test_words_of_the_recording_stand_under_their_speakers() -> None:
    """With real styles, so that Word's own tools find them."""
    found = lines(render(document(MEETING)))
    assert ("Title", "Weekly meeting") in found
    assert ("Speaker", "Anna") in found
    assert ("Utterance", "0:04\t大家早，預算是三百萬。") in found


def test_every_text_of_every_block_is_there() -> None:
    """None of the ways to set a section loses anything."""
    statement = Statement(text="Ship on Friday.", citations=(FIRST,), label="When?", doubt="Nobody said so.")
    blocks: list[Block] = [
        Heading(text="Results", level=2),
        Notice(text="Read with care.", warning=True),
        *(kind(statements=(statement,)) for kind in (Prose, Bullets, Quotes, Timeline, Questions, Fields)),
        Terms(statements=(Statement(text="budget"), Statement(text="launch"))),
        Table(
            columns=("Task", "Owner"), rows=(TableRow(cells=(TableCell(text="Order"), TableCell(text="Ben")), doubt="Who?"),)
        ),
        Break(),
        EVIDENCE,
    ]
    text = "\n".join(etree.tostring(main_part(render(with_blocks(*blocks))), method="text", encoding="unicode").split())
    for expected in ("Results", "Read", "budget", "launch", "Task", "Order", "Who?"):
        assert expected in text
    assert text.replace("\n", " ").count("Ship on Friday.") == 7  # The doubt about a part of a paragraph names it again.
    assert text.replace("\n", " ").count("Nobody said so.") == 6


def test_links_lead_to_places_that_exist() -> None:
    """From a citation to the transcript and to the evidence, and from there to the transcript."""
    root = main_part(render(with_blocks(Bullets(statements=(Statement(text="Both.", citations=(FIRST, SECOND)),)), EVIDENCE)))
    places = [place.get(f"{W}name") for place in root.iter(f"{W}bookmarkStart")]
    wanted = [link.get(f"{W}anchor") for link in root.iter(f"{W}hyperlink")]
    assert sorted(places) == ["evidence_1", "evidence_2", "said_1", "said_2"]
    assert set(wanted) == set(places)
    numbers = [place.get(f"{W}id") for place in root.iter(f"{W}bookmarkStart")]
    assert len(set(numbers)) == len(numbers)


def test_without_the_transcript_links_lead_to_the_evidence() -> None:
    """A report may be sent on without the words around it."""
    base = document(MEETING)
    alone = msgspec.structs.replace(base, blocks=(Bullets(statements=(Statement(text="One.", citations=(FIRST,)),)), EVIDENCE))
    root = main_part(render(alone))
    assert {link.get(f"{W}anchor") for link in root.iter(f"{W}hyperlink")} == {"evidence_1"}


def test_decisions_and_actions_are_lists_with_their_own_signs() -> None:
    """They are lists for whoever cannot see the signs, too."""
    marks = (Mark.POINT, Mark.DECISION, Mark.ACTION)
    bullets = Bullets(statements=tuple(Statement(text=mark.name, mark=mark) for mark in marks))
    read = opened(render(with_blocks(bullets)))
    styles = {paragraph.text: paragraph.style for paragraph in read.paragraphs}
    assert [styles[mark.name].name for mark in marks] == ["List Bullet", "Decision", "Action"]
    assert len({styles[mark.name].element.pPr.numPr.numId.val for mark in marks}) == 3


def test_the_head_of_a_table_stands_on_every_page() -> None:
    """And no row is cut in two."""
    rows = tuple(TableRow(cells=(TableCell(text=f"Task {number}"), TableCell(text="Ben"))) for number in range(100))
    root = main_part(render(with_blocks(Table(columns=("Task", "Owner"), rows=rows))))
    table = next(table for table in root.iter(f"{W}tbl") if "Task 99" in "".join(table.itertext()))
    assert len(list(table.iter(f"{W}tblHeader"))) == 1
    assert len(list(table.iter(f"{W}cantSplit"))) == 101


def test_nothing_is_left_alone_at_the_foot_of_a_page() -> None:
    """A remark stays between its heading and its table, the first row with the second, the last with the one before."""
    rows = tuple(TableRow(cells=(TableCell(text=f"Task {number}"),)) for number in range(5))
    blocks = Heading(text="Actions"), Notice(text="Perhaps incomplete."), Table(columns=("Task",), rows=rows)
    root = main_part(render(with_blocks(*blocks)))
    kept = {"".join(one.itertext()): one.find(f"{W}pPr/{W}keepNext") is not None for one in root.iter(f"{W}p")}
    assert [kept[text] for text in ("Perhaps incomplete.", *(f"Task {number}" for number in range(5)))] == [
        True, True, False, False, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize("kind", [Prose, Terms])
def test_doubts_about_parts_of_a_paragraph_follow_it(kind: type[Prose | Terms]) -> None:
    """With what they are about, since more stands in the paragraph."""
    sound, gone = Statement(text="budget", citations=(FIRST,)), Statement(text="launch", doubt="Edited since.")
    [text] = [text for _, text in lines(render(with_blocks(kind(statements=(gone, sound))))) if "budget" in text]
    assert text.replace(" \n", "\n").endswith("budget\u00a00:00\nlaunch – Edited since.")


def test_a_doubtful_row_says_why_where_there_is_room() -> None:
    """In its widest column."""
    row = TableRow(cells=(TableCell(text="Ben"), TableCell(text="Order the larger server today.")), doubt="Edited since.")
    cells = list(main_part(render(with_blocks(Table(columns=("Owner", "Task"), rows=(row,))))).iter(f"{W}tc"))
    assert "Order the larger server today.Edited since." in ["".join(cell.itertext()) for cell in cells]


@pytest.mark.parametrize(("text", "line"), [("On Friday.", "On Friday.\u00a00:00"), ("星期五。", "星期五。 0:00")])
def test_a_moment_stays_with_the_last_word(text: str, line: str) -> None:
    """Not so in Chinese, which breaks between characters: programs would break the moment instead."""
    point = Bullets(statements=(Statement(text=text, citations=(FIRST,)),))
    assert ("List Bullet", line) in lines(render(with_blocks(point)))


def test_an_answer_says_whose_it_is() -> None:
    """And its moment does not stand on a line alone."""
    asked = Statement(label="When?", text="On Friday.", voice=Voice(id="spk_B", name="Ben Carter", rank=1), citations=(FIRST,))
    assert ("Answer", "On Friday. Ben Carter\u00a00:00") in lines(render(with_blocks(Questions(statements=(asked,)))))


def test_columns_fill_the_measure_whatever_they_hold() -> None:
    """Widths are fixed: programs that lay tables out anew make them all look alike."""
    wide = Table(
        columns=("A", "B"), rows=(TableRow(cells=(TableCell(text="x" * 500), TableCell(text="y")), citations=(FIRST,)),)
    )
    root = main_part(render(with_blocks(wide)))
    for table in root.iter(f"{W}tbl"):
        widths = [int(column.get(f"{W}w")) for column in table.find(f"{W}tblGrid")]
        assert sum(widths) == 9638
        assert min(widths) > 400


def test_chinese_is_set_in_a_chinese_font() -> None:
    """Word looks for the East Asian font by name; a theme's would win, so there is none."""
    styles = zipfile.ZipFile(io.BytesIO(render(document(transcript([said("大家早")], language="zh-Hant"))))).read(
        "word/styles.xml"
    )
    root = etree.fromstring(styles)
    for fonts in root.iter(f"{W}rFonts"):
        assert fonts.get(f"{W}eastAsia") == "Microsoft JhengHei"
        assert not [name for name in fonts.attrib if name.endswith(("Theme", "cstheme"))]
    assert next(root.iter(f"{W}lang")).get(f"{W}eastAsia") == "zh-TW"


def test_quotations_keep_the_shapes_of_their_own_language() -> None:
    """A Japanese meeting's words are not set with Chinese shapes because the report has English headings."""
    read = opened(render(document(transcript([said("おはようございます")], language="ja"))))
    fonts = read.styles["Utterance"].element.rPr.rFonts
    assert fonts.get(f"{W}eastAsia") == "Yu Gothic"


def test_arabic_runs_from_right_to_left() -> None:
    """Paragraph and run say so; Latin text beside it does not."""
    root = main_part(render(document(transcript(conversation(("A", "مرحبا بالجميع"), ("A", "Hello"))))))
    directions = {
        "".join(paragraph.itertext()): paragraph.find(f"{W}pPr/{W}bidi") is not None for paragraph in root.iter(f"{W}p")
    }
    assert directions["0:00مرحبا بالجميع"] is True
    assert directions["0:04Hello"] is False


def test_web_addresses_lead_there() -> None:
    """Also with characters that mean something to XML."""
    root = main_part(render(document(MEETING)))
    assert [field.get(f"{W}instr") for field in root.iter(f"{W}fldSimple")] == ['HYPERLINK "https://example.com/plan?a=1&b=2"']


def test_nothing_that_was_said_becomes_markup() -> None:
    """Neither tags nor entities nor what XML cannot hold."""
    hostile = "</w:t></w:r><w:br/> & < > \" ' ]]> &amp; \x00\x08\ufffe <w:p>"
    source = transcript([said(hostile)], names={"A": "<b>Eve</b>"})
    data = render(document(source, title="<title> & co"))
    texts = [paragraph.text for paragraph in opened(data).paragraphs]
    assert "<title> & co" in texts
    assert "<b>Eve</b>" in texts
    assert any("</w:t></w:r><w:br/> & < > \" ' ]]> &amp;" in text for text in texts)
    assert opened(data).core_properties.title == "<title> & co"


def test_the_file_says_what_it_is() -> None:
    """Title, subject, language and date, for document management systems."""
    properties = opened(render(document(MEETING))).core_properties
    assert (properties.title, properties.subject, properties.author) == ("Weekly meeting", "Verbatim transcript", "Audio2txt")
    assert properties.created.isoformat() == "2026-11-22T10:00:00+00:00"


def test_pages_are_numbered_and_carry_the_title() -> None:
    """From the second page on; the first has the title itself."""
    section = opened(render(document(MEETING))).sections[0]
    assert section.different_first_page_header_footer
    assert section.header.paragraphs[0].text == "Weekly meeting"
    for footer in (section.footer, section.first_page_footer):
        instructions = [field.get(f"{W}instr") for field in footer._element.iter(f"{W}fldSimple")]
        assert instructions == ["PAGE", "NUMPAGES"]


def test_the_same_document_gives_the_same_bytes() -> None:
    """Zip files carry times; ours do not."""
    assert render(document(MEETING)) == render(document(MEETING))


@pytest.mark.parametrize("segments", [[], [said("Yes.")]], ids=["empty", "one word"])
def test_next_to_nothing_is_a_document(segments: list[Any]) -> None:
    """It opens, and says that there is little."""
    assert opened(render(document(transcript(segments)))).paragraphs


def test_thirty_speakers_and_five_thousand_segments() -> None:
    """Every one of them is there."""
    source = transcript(conversation(*((f"{number % 30}", f"Line {number}.") for number in range(5000)), seconds=2.0))
    texts = re.findall(
        rb"<w:t[^>]*>(Line \d+\.)</w:t>", zipfile.ZipFile(io.BytesIO(render(document(source)))).read("word/document.xml")
    )
    assert len(texts) == 5000


def test_insights_of_the_engine_are_kept_apart() -> None:
    """Under their subjects."""
    found = lines(render(document(msgspec.structs.replace(MEETING, insights=INSIGHTS))))
    assert ("Question", "Chapters") in found
    assert ("Moment", "0:04\tThe plan: They talk *a lot*.") in found
