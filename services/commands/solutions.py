"""`audio2txt solutions`: the scenarios that reports are written after, for whoever writes one of their own."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.commands import installation
from services.commands.wishes import read_pairs
from shared.errors import ConfigurationError, JobError
from shared.schemas.jobs import ArtifactFormat

if TYPE_CHECKING:
    from shared.schemas.solutions import Solution
    from shared.solutions import Solutions

DESCRIPTION = """\
The scenarios that reports are written after.

  audio2txt solutions list                             those of this installation
  audio2txt solutions show lecture > mine.yaml         one as a file, to begin your own with
  audio2txt solutions check mine.yaml                  every mistake in it, by line and key
  audio2txt solutions preview mine --from mine.yaml    a sample report after it, on the terminal
  audio2txt solutions preview lecture --language zh-Hant --format pdf -o lecture.pdf
  audio2txt solutions schema -o solutions.schema.json  JSON Schema, for editors

Set AUDIO2TXT_SOLUTIONS to your file, or to a folder of *.yaml, for the gateway and the reporter.
"""

BINARY = (ArtifactFormat.PDF, ArtifactFormat.DOCX)


def register(subparsers: Any) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "solutions",
        help="list, check and preview the scenarios of reports",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="those of this installation")
    listing.set_defaults(handler=handle_list)
    showing = actions.add_parser("show", help="one as a solutions file")
    showing.add_argument("solution", metavar="ID", help="id or alias")
    showing.set_defaults(handler=handle_show)
    checking = actions.add_parser("check", help="name every mistake in files")
    checking.add_argument("files", nargs="*", type=Path, metavar="FILE", help="files or folders (default: AUDIO2TXT_SOLUTIONS)")
    checking.set_defaults(handler=handle_check)
    schema = actions.add_parser("schema", help="JSON Schema of solutions files")
    schema.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: standard output")
    schema.set_defaults(handler=handle_schema)
    _add_preview(actions.add_parser("preview", help="a sample report, written by code"))
    for one in (listing, showing):
        _add_origin(one)


def handle_list(arguments: argparse.Namespace) -> int:
    """A line for each."""
    rows = [("ID", "VERSION", "WRITTEN BY", "FILES", "TITLE")]
    for solution in _solutions(arguments.origin).values():
        names = f" (also {', '.join(solution.aliases)})" if solution.aliases else ""
        titles = f"{solution.title['en']} / {solution.title['zh-Hant']}{names}"
        writers = " ".join(solution.writers) or "nobody"
        rows.append((solution.id, str(solution.version), writers, " ".join(solution.artifacts), titles))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join([*(cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False)), row[-1]]))
    return 0


def handle_show(arguments: argparse.Namespace) -> int:
    """The solution as YAML, which is a solutions file again."""
    import msgspec
    import yaml

    solution = _find(_solutions(arguments.origin), arguments.solution)
    file = {"schema": "audio2txt.solutions/1", "solutions": [msgspec.to_builtins(solution)]}
    print(yaml.safe_dump(file, allow_unicode=True, sort_keys=False, width=120), end="")
    return 0


def handle_check(arguments: argparse.Namespace) -> int:
    """Print every mistake, or what each file has; 1 when there is a mistake."""
    from shared.solutions import examine, files_of

    named = [file for path in arguments.files for file in files_of(str(path))]
    files = named or files_of(_own())
    if not files:
        raise ConfigurationError("Name a file, or set AUDIO2TXT_SOLUTIONS.")
    examined = examine(files)
    for mistake in examined.mistakes:
        print(mistake)
    wrong = {mistake.file for mistake in examined.mistakes}
    for file in files:
        if str(file) not in wrong:
            print(f"{file}: ok")
    return 1 if wrong else 0


def handle_schema(arguments: argparse.Namespace) -> int:
    """Print or store the JSON Schema."""
    from shared.solutions.schema import json_schema

    if arguments.output is None:
        print(json_schema().decode(), end="")
    else:
        arguments.output.write_bytes(json_schema())
    return 0


def handle_preview(arguments: argparse.Namespace) -> int:
    """Render a sample report."""
    from services.commands.preview import preview

    file_format = ArtifactFormat(arguments.format)
    if file_format in BINARY and arguments.output is None:
        raise ConfigurationError(f"--format {file_format} needs -o FILE.")
    solution = _find(_solutions(arguments.origin), arguments.solution)
    inputs = read_pairs("--input", arguments.input)
    data = preview(solution, file_format, language=arguments.language, transcript=arguments.transcript, inputs=inputs)
    if arguments.output is not None:
        arguments.output.write_bytes(data)
        print(f"{arguments.output}  ({len(data):,} bytes)")
    else:
        sys.stdout.write(data.decode())
    return 0


def _add_preview(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("solution", metavar="ID", help="id or alias")
    parser.add_argument("--language", choices=("zh-Hant", "en"), help="of sample and report (default: en, or the transcript's)")
    parser.add_argument("--format", default="md", choices=[*ArtifactFormat], help="default: md")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: standard output")
    parser.add_argument("--input", action="append", default=[], metavar="NAME=VALUE", help="a value for one of its inputs")
    parser.add_argument("--transcript", type=Path, metavar="FILE", help="of your own, as /v1/jobs/…/transcript gives it")
    _add_origin(parser)
    parser.set_defaults(handler=handle_preview)


def _add_origin(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--from", dest="origin", metavar="FILE", help="your own solutions, file or folder (default: AUDIO2TXT_SOLUTIONS)"
    )


def _solutions(origin: str | None) -> Solutions:
    from shared.solutions import examine, files_of, load_solutions

    if origin is None:
        return load_solutions(_own())
    examined = examine(files_of(origin))
    if examined.mistakes:
        raise ConfigurationError(f"{origin} is not right yet; `audio2txt solutions check {origin}` says what to mend.")
    return examined.solutions


def _own() -> str | None:
    return installation.read_settings()[0].solutions


def _find(solutions: Solutions, name: str) -> Solution:
    from shared.solutions import find

    try:
        return find(solutions, name)
    except JobError as error:
        raise ConfigurationError(str(error)) from None
