"""One renderer for each file format: from a document to bytes, and nothing else. Each is imported when it is first used."""

from __future__ import annotations

import msgspec

from services.reporter.blocks import Document
from shared.schemas.jobs import ArtifactFormat


class Rendering(msgspec.Struct, frozen=True, kw_only=True):
    """A rendered file. `substituted` counts the characters that it could not show and marked."""

    data: bytes
    substituted: int = 0


def render(document: Document, file_format: ArtifactFormat) -> Rendering:  # noqa: PLR0911 -- a case for each format
    """Render a document; the same document gives the same bytes."""
    match file_format:
        case ArtifactFormat.MARKDOWN:
            from services.reporter.renderers import markdown

            return Rendering(data=markdown.render(document).encode())
        case ArtifactFormat.TEXT:
            from services.reporter.renderers import text

            return Rendering(data=text.render(document).encode())
        case ArtifactFormat.JSON:
            from services.reporter.renderers import json

            return Rendering(data=json.render(document))
        case ArtifactFormat.SRT:
            from services.reporter.renderers import subtitles

            return Rendering(data=subtitles.render_srt(document).encode())
        case ArtifactFormat.VTT:
            from services.reporter.renderers import subtitles

            return Rendering(data=subtitles.render_vtt(document).encode())
        case ArtifactFormat.PDF:
            from services.reporter.renderers import pdf

            data, substituted = pdf.render(document)
            return Rendering(data=data, substituted=substituted)
        case ArtifactFormat.DOCX:
            from services.reporter.renderers import docx

            return Rendering(data=docx.render(document))
