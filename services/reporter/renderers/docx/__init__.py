"""The Word document: real styles, headings, lists and tables, so that its readers can go on working with it.

`skeleton` makes what is the same in every document (styles, numbering, page edges) with python-docx, once for each pair of
languages; `body` writes the content as text, since building it node by node takes ten times as long; `package` zips both.
"""

from __future__ import annotations

from services.reporter.blocks import Document
from services.reporter.renderers.docx.body import write_body
from services.reporter.renderers.docx.package import pack
from services.reporter.renderers.docx.skeleton import skeleton


def render(document: Document) -> bytes:
    """The file; the same document gives the same bytes."""
    return pack(skeleton(document.labels.language, document.transcript.language), write_body(document), document)
