"""`audio2txt admin tenants`."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from services.commands.admin.desk import Desk, handler
from shared.errors import ConfigurationError

LONGEST_NAME = 100


def register(subparsers: Any) -> None:
    """Add the subject and its actions."""
    parser = subparsers.add_parser("tenants", help="add, list, rename, disable and enable tenants")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="show them")
    listing.set_defaults(handler=handler(_list))
    add = actions.add_parser("add", help="make one; give it a key with `admin keys add`")
    add.add_argument("name", metavar="NAME")
    add.set_defaults(handler=handler(_add))
    rename = actions.add_parser("rename", help="call one something else; its id, keys and data stay")
    rename.add_argument("tenant", metavar="TENANT", help="name or id")
    rename.add_argument("name", metavar="NAME")
    rename.set_defaults(handler=handler(_rename))
    disable = actions.add_parser("disable", help="let nobody of it in; its data stays, and jobs that run go on")
    enable = actions.add_parser("enable", help="let those in again who have a key")
    export = actions.add_parser("export", help="everything of one into a ZIP file, without what is secret")
    export.add_argument("tenant", metavar="TENANT", help="name or id")
    export.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="where to write it")
    export.set_defaults(handler=handler(_export))
    erase = actions.add_parser("erase", help="everything of one, for good; asks for its name")
    erase.add_argument("tenant", metavar="TENANT", help="name or id")
    erase.add_argument("--name", help="its name, where nobody can be asked")
    erase.set_defaults(handler=handler(_erase))
    for action, carry_out in ((disable, _disable), (enable, _enable)):
        action.add_argument("tenant", metavar="TENANT", help="name or id")
        action.set_defaults(handler=handler(carry_out))


async def _list(desk: Desk, arguments: argparse.Namespace) -> None:
    del arguments
    rows = await desk.tenants.all()
    width = max((len(row.name) for row in rows), default=0)
    for row in rows:
        state = f"disabled since {row.disabled_at:%Y-%m-%d}" if row.disabled_at else f"keys: {row.keys}"
        print(f"{row.id}  {row.name:<{width}}  since {row.created_at:%Y-%m-%d}  {state}")
    if not rows:
        print("There are no tenants yet; `audio2txt admin tenants add NAME` makes one.")


async def _add(desk: Desk, arguments: argparse.Namespace) -> None:
    name = _name(arguments.name)
    tenant_id = await desk.tenants.add(name)
    print(f"{tenant_id}  {name} is there; `audio2txt admin keys add {tenant_id} --role owner` lets it in.")


async def _rename(desk: Desk, arguments: argparse.Namespace) -> None:
    row, name = await desk.tenant(arguments.tenant), _name(arguments.name)
    await desk.tenants.rename(row, name)
    print(f"{row.name} is called {name} now.")


async def _disable(desk: Desk, arguments: argparse.Namespace) -> None:
    row = await desk.tenant(arguments.tenant)
    await desk.tenants.disable(row)
    print(f"Nobody of {row.name} gets in any more, at gateways that run within half a minute.")


async def _enable(desk: Desk, arguments: argparse.Namespace) -> None:
    row = await desk.tenant(arguments.tenant)
    await desk.tenants.enable(row)
    print(f"{row.name} gets in with the keys it has.")


async def _export(desk: Desk, arguments: argparse.Namespace) -> None:
    from services.gateway.audit import Action, entry_of
    from services.gateway.privacy.exports import write_archive

    row = await desk.tenant(arguments.tenant)
    with _new_file(arguments.output) as file:

        async def write(piece: bytes) -> None:
            await asyncio.to_thread(file.write, piece)

        async with desk.blobs() as blobs:
            await write_archive(desk.exports, blobs, row.id, write)
    if (entry := entry_of(Action.EXPORT_CREATED, row.id, row.id)) is not None:
        await desk.audit.take_in([entry])
    print(f"{arguments.output}: everything of {row.name}, {arguments.output.stat().st_size:,} bytes")


@contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    """One that only its owner reads, and that is there only if it becomes whole. Raises `ConfigurationError`."""
    try:
        file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    except FileExistsError:
        raise ConfigurationError(f"{path} exists; name another file.") from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}.") from None
    try:
        with file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise


async def _erase(desk: Desk, arguments: argparse.Namespace) -> None:
    row = await desk.tenant(arguments.tenant)
    print(
        f"Everything of {row.name} goes for good: recordings, transcripts, reports, endpoints, keys. Its audit log and its "
        "usage records stay, which have neither text nor sound, and the certificates of what was erased.",
        file=sys.stderr,
    )
    if (_asked(row.name) if arguments.name is None else arguments.name) != row.name:
        raise ConfigurationError("That is not its name; nothing was erased.")
    order_id = await desk.erasures.erase_tenant(row.id)
    print(
        f"Nobody of {row.name} gets in any more, at gateways that run within half a minute. They erase it; an hour later, at "
        "the earliest, that is verified."
    )
    print(f"audio2txt admin erasure show {row.id} {order_id} > certificate.json   has the certificate then.")


def _asked(name: str) -> str:
    if not sys.stdin.isatty():
        raise ConfigurationError("Nobody can be asked here; confirm with --name NAME.")
    return input(f"Type the tenant's name ({name}) to go on: ")


def _name(text: str) -> str:
    """A name that can be read and written. Raises `ConfigurationError`."""
    from services.gateway.texts import clean_line

    name = clean_line(text)
    if name is None or len(name) > LONGEST_NAME:
        raise ConfigurationError(f"A tenant's name has 1 to {LONGEST_NAME} visible characters.")
    return name
