"""`audio2txt vocabularies`: sets of terms and replacements, as tables that spreadsheets read and write."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.commands.connecting import GatewayRefused, add_connection, handler
from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from audio2txt_client import AsyncClient, VocabularySummary

DESCRIPTION = """\
A vocabulary has terms that are likely to be said, and words that are always written in one way. Its table has the columns
kind (term or replace), text, sounds_like (several with | between them), to, case (ignore, exact or follow).

  audio2txt vocabularies list
  audio2txt vocabularies export Board -o board.csv          open it with Excel or LibreOffice
  audio2txt vocabularies import board.csv --name Board      makes it, or puts the table in the place of what is in it
  audio2txt transcribe meeting.m4a --vocabulary-set Board
"""


def register(subparsers: Any) -> None:
    """Add the subcommand and its actions."""
    parser = subparsers.add_parser(
        "vocabularies",
        help="sets of terms and replacements: list, export, import",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="show them, newest first")
    listing.set_defaults(handler=handler(_list))
    export = actions.add_parser("export", help="write one as CSV")
    export.add_argument("name", metavar="NAME", help="name or id")
    export.add_argument("-o", "--output", type=Path, metavar="FILE", help="file to write (default: the terminal)")
    export.set_defaults(handler=handler(_export))
    importing = actions.add_parser("import", help="make one of a CSV, or fill one with it")
    importing.add_argument("file", type=Path, metavar="FILE")
    importing.add_argument("--name", required=True, help="of the set; it is made where there is none of the name")
    importing.set_defaults(handler=handler(_import))
    for action in (listing, export, importing):
        add_connection(action)


async def _list(client: AsyncClient, arguments: argparse.Namespace) -> None:
    del arguments
    found = [vocabulary async for vocabulary in client.vocabularies.list(page_size=100)]
    print("\n".join(map(_line, found)) or "There are no vocabularies; `audio2txt vocabularies import` makes one.")


async def _export(client: AsyncClient, arguments: argparse.Namespace) -> None:
    vocabulary = await _named(client, arguments.name)
    if vocabulary is None:
        raise GatewayRefused(f"There is no vocabulary {arguments.name!r}; `audio2txt vocabularies list` shows which there are.")
    table = await client.vocabularies.export(vocabulary.id)
    if arguments.output is None:
        sys.stdout.buffer.write(table)
        return
    try:
        arguments.output.write_bytes(table)
    except OSError as error:
        raise ConfigurationError(f"{arguments.output} cannot be written: {error}.") from None
    print(f"{arguments.output}: {_line(vocabulary)}")


async def _import(client: AsyncClient, arguments: argparse.Namespace) -> None:
    from audio2txt_client import ApiError

    try:
        table = arguments.file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{arguments.file} cannot be read: {error}.") from None
    there = await _named(client, arguments.name)
    vocabulary = there or await client.vocabularies.create(arguments.name)
    try:
        print(_line(await client.vocabularies.fill(vocabulary.id, table, version=vocabulary.version)))
    except ApiError:
        if there is None:  # a table that is refused leaves no empty set behind
            await client.vocabularies.delete(vocabulary.id)
        raise


async def _named(client: AsyncClient, name: str) -> VocabularySummary | None:
    async for vocabulary in client.vocabularies.list(page_size=100):
        if name.lower() in (vocabulary.name.lower(), str(vocabulary.id)):
            return vocabulary
    return None


def _line(vocabulary: VocabularySummary) -> str:
    counts = f"{vocabulary.term_count:>5} terms  {vocabulary.replacement_count:>5} replacements"
    default = "  (default)" if vocabulary.default else ""
    return f"{vocabulary.id}  {counts}  {vocabulary.name}, version {vocabulary.version}{default}"
