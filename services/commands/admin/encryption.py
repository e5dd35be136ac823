"""`audio2txt admin encryption`."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

from services.commands import installation
from shared.errors import ConfigurationError


def register(subparsers: Any) -> None:
    """Add the subject and its action."""
    parser = subparsers.add_parser("encryption", help="the keys of encrypted recordings and files in a folder")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    rewrap = actions.add_parser("rewrap", help="wrap every tenant's key by the master key that is set now")
    rewrap.set_defaults(handler=handle_rewrap)


def handle_rewrap(arguments: argparse.Namespace) -> int:
    """After the master key was replaced: the one before may be forgotten then. Blobs stay as they are."""
    del arguments
    print(f"{asyncio.run(_rewrap())} keys were wrapped anew; AUDIO2TXT_BLOBS_PREVIOUS_KEY is needed no more.")
    return 0


async def _rewrap() -> int:
    from shared.blobs import open_blobs
    from shared.blobs.file import FileBlobs
    from shared.runtime import SERVICES, encryption_of

    settings, _ = installation.read_settings()
    settings = installation.with_secret_key(settings, list(SERVICES))
    if not settings.blobs_url.startswith("file:"):
        raise ConfigurationError("Only blobs in a folder (file://) are encrypted by us; an S3 store looks after its own keys.")
    blobs = await open_blobs(
        settings.blobs_url, data_dir=settings.data_path, credentials={}, encryption=encryption_of(settings)
    )
    assert isinstance(blobs, FileBlobs)
    return await blobs.rewrap()
