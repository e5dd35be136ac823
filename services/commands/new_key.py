"""`audio2txt new-key`: an API key for a distributed installation's first start."""

from __future__ import annotations

import argparse
from typing import Any

DESCRIPTION = """\
Print a fresh API key. Nothing is stored: set it as AUDIO2TXT_BOOTSTRAP_API_KEY for the gateway's first start, which makes
it the first tenant's key. (`audio2txt run all` makes its first key by itself.) Further keys: `audio2txt admin keys add`, or
`POST /v1/keys`.
"""


def register(subparsers: Any) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "new-key",
        help="make an API key for the first start of a distributed installation",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(handler=handle)


def handle(arguments: argparse.Namespace) -> int:
    """Print it."""
    from services.gateway.keys import new_key

    del arguments
    print(new_key())
    return 0
