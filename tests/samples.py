"""`python -m tests.samples` makes docs/samples anew: a report after every scenario, in both languages, as PDF and as DOCX.

The conversations are those of `audio2txt solutions preview`, and so is the code.
"""

from __future__ import annotations

import sys
from pathlib import Path

from services.commands.preview import preview
from shared.schemas.jobs import ArtifactFormat
from shared.schemas.solutions import REPORT_LANGUAGES
from shared.solutions import load_solutions

FOLDER = Path(__file__).parent.parent / "docs" / "samples"
FORMATS = (ArtifactFormat.PDF, ArtifactFormat.DOCX)


def names() -> set[str]:
    """The files there are to be."""
    return {f"{id_}.{language}.{end}" for id_ in load_solutions() for language in REPORT_LANGUAGES for end in FORMATS}


def make(folder: Path) -> int:
    """Write all of them; how many bytes they have."""
    folder.mkdir(parents=True, exist_ok=True)
    written = 0
    for solution in load_solutions().values():
        for language in REPORT_LANGUAGES:
            for file_format in FORMATS:
                data = preview(solution, file_format, language=language, transcript=None, inputs={})
                written += (folder / f"{solution.id}.{language}.{file_format}").write_bytes(data)
    return written


if __name__ == "__main__":
    sys.stdout.write(f"docs/samples: {len(names())} files, {make(FOLDER) / 1e6:.1f} MB\n")
