"""Puts a skeleton and a body together into a file: a zip with fixed times, so that the same content gives the same bytes."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from collections.abc import Mapping
from html import escape

from services.reporter.blocks import Document
from services.reporter.renderers.docx.skeleton import TITLE_HERE

COMPRESSION = 3
"""Of deflate. Higher levels take twice the time to save a tenth."""

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The first moment that a zip can tell."""

_MAIN, _PROPERTIES = "word/document.xml", "docProps/core.xml"


def pack(skeleton: Mapping[str, bytes], body: str, document: Document) -> bytes:
    """The package of a document whose content is `body`, in WordprocessingML."""
    file = io.BytesIO()
    title = escape(document.title, quote=False).encode()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION) as package:
        for name, data in skeleton.items():
            if name == _MAIN:
                content = _with_body(data, body)
            elif name == _PROPERTIES:
                content = _properties(document)
            else:
                content = data.replace(TITLE_HERE.encode(), title) if name.startswith("word/header") else data
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            package.writestr(entry, content, compresslevel=COMPRESSION)
    return file.getvalue()


def _with_body(main: bytes, body: str) -> bytes:
    """The main part with content before the section's properties, which end the empty document's body."""
    at = main.index(b"<w:sectPr")
    return main[:at] + body.encode() + main[at:]


def _properties(document: Document) -> bytes:
    created = document.transcript.created_at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    moments = "".join(
        f'<dcterms:{name} xsi:type="dcterms:W3CDTF">{created}</dcterms:{name}>' for name in ("created", "modified")
    )
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
        '<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"<dc:title>{escape(document.title)}</dc:title><dc:subject>{escape(document.kind)}</dc:subject>"
        f"<dc:creator>Audio2txt</dc:creator><dc:language>{document.labels.language}</dc:language>{moments}"
        "</cp:coreProperties>"
    ).encode()
