"""The `audio2txt` command."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from shared.errors import Audio2txtError

COMMANDS = (
    "run",
    "transcribe",
    "retry",
    "deliveries",
    "suppressions",
    "vocabularies",
    "solutions",
    "demo",
    "doctor",
    "migrate",
    "admin",
    "new_key",
    "dead_letters",
    "engines",
    "mail_test",
    "sandbox",
    "settings",
)
"""Modules of `services.commands`; each has `register(subparsers)`, which sets `handler` on its parser."""

DESCRIPTION = """\
Audio2txt turns recordings into documents: transcripts with word times, subtitles and reports.

  audio2txt run all                     the whole platform in one process, nothing else needed
  audio2txt transcribe meeting.m4a      send a recording to it and fetch the results
  audio2txt doctor                      what is reachable, what is missing, what to do
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status. Expected errors are one sentence on standard error."""
    parser = argparse.ArgumentParser(
        prog="audio2txt", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in COMMANDS:
        importlib.import_module(f"services.commands.{name}").register(subparsers)
    arguments = parser.parse_args(argv)
    try:
        status: int = arguments.handler(arguments)
    except Audio2txtError as error:
        print(f"audio2txt: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("services."):
            raise
        print(
            f"audio2txt: this needs {error.name}, which is not part of this installation; the gateway's image has all.",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of a pipe, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


if __name__ == "__main__":
    sys.exit(main())
