"""The samples of docs/samples say what the documents say from which they are made: every text, Chinese included."""

from __future__ import annotations

import io
import re
import zipfile
from itertools import product

import msgspec
import pytest
from lxml import etree
from pypdf import PdfReader

from services.commands.preview import assigned
from services.reporter.blocks import Document, TalkTime
from services.reporter.document import compose
from services.reporter.protocol import Done, Open
from services.reporter.worker import Session
from shared.schemas.jobs import ArtifactFormat, ReportLanguage
from shared.schemas.reports import Report
from shared.schemas.solutions import REPORT_LANGUAGES, Solution
from shared.schemas.transcripts import Transcript
from shared.solutions import load_solutions
from tests import samples
from tests.pdf_reading import ReadPdf, squeezed, texts_of

EVERY = [pytest.param(*pair, id=f"{pair[0].id}.{pair[1]}") for pair in product(load_solutions().values(), REPORT_LANGUAGES)]


def _document(solution: Solution, language: ReportLanguage) -> Document:
    assignment = assigned(solution, language=language, transcript=None, inputs={})
    opened = Session().answer(Open(assignment=assignment))
    assert isinstance(opened, Done)
    heard = msgspec.json.decode(assignment.transcript, type=Transcript)
    return compose(msgspec.json.decode(opened.data, type=Report), heard, solution)


def _sample(solution: Solution, language: ReportLanguage, file_format: ArtifactFormat) -> bytes:
    return (samples.FOLDER / f"{solution.id}.{language}.{file_format}").read_bytes()


def _assert_in_order(document: Document, text: str) -> None:
    """Every text of every block stands there, and no block before the one it follows."""
    assert squeezed(document.title) in text
    place = 0
    for block in document.blocks:
        wanted = [squeezed(one) for one in texts_of(block)] if not isinstance(block, TalkTime) else []
        places = [text.find(one, place) for one in wanted]
        assert -1 not in places, f"{wanted[places.index(-1)]!r} of {type(block).__name__}; stale? `make samples`"
        place = min(places, default=place)


def test_there_is_a_sample_of_every_scenario_in_every_language() -> None:
    """As PDF and as DOCX, and no other file."""
    assert {path.name for path in samples.FOLDER.iterdir()} == samples.names()


@pytest.mark.parametrize(("solution", "language"), EVERY)
def test_what_a_pdf_reads_aloud_is_its_document(solution: Solution, language: ReportLanguage) -> None:
    """Along its structure, as a screen reader goes; nothing stands on a page that is neither read nor a running head."""
    read = ReadPdf(_sample(solution, language, ArtifactFormat.PDF))
    _assert_in_order(_document(solution, language), squeezed(read.document.text))
    assert not read.unmarked


@pytest.mark.parametrize(("solution", "language"), EVERY)
def test_what_is_copied_from_a_pdf_is_its_document(solution: Solution, language: ReportLanguage) -> None:
    """By an independent program that knows nothing of the structure."""
    document = _document(solution, language)
    pages = PdfReader(io.BytesIO(_sample(solution, language, ArtifactFormat.PDF))).pages
    edge = re.escape(squeezed(document.details[0][1] + document.title))
    copied = "".join(re.sub(rf"({edge})?Audio2txt\d+/\d+$", "", squeezed(page.extract_text())) for page in pages)
    _assert_in_order(document, copied)


@pytest.mark.parametrize(("solution", "language"), EVERY)
def test_what_stands_in_a_word_document_is_its_document(solution: Solution, language: ReportLanguage) -> None:
    """In the order in which Word shows it."""
    with zipfile.ZipFile(io.BytesIO(_sample(solution, language, ArtifactFormat.DOCX))) as package:
        body = etree.fromstring(package.read("word/document.xml"))
    _assert_in_order(_document(solution, language), squeezed("".join(body.itertext())))
