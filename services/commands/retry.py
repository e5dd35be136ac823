"""`audio2txt retry`: another report of a finished job from the transcript that is there, or what failed once more."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from services.commands.connecting import add_connection, connected, connection
from services.commands.transcribe import add_output, failed_artifacts, fetch
from services.commands.wishes import add_report_wishes, listed, read_pairs
from shared.schemas.jobs import ArtifactFormat, Script

if TYPE_CHECKING:
    from audio2txt_client import RetryWishes

DESCRIPTION = """\
Try a failed job again where it broke off, or make another report of a finished one: then the recording is not transcribed
a second time, and the language model is paid for the new report only. What is asked of the speech engine (--engine,
--language, --script, --term, --vocabulary-set) transcribes it again, from the recording that was kept.

  audio2txt retry 0198c2de-8b1c-7d3e-9f5a-2b6c4d8e0f1a
  audio2txt retry 0198c2de-8b1c-7d3e-9f5a-2b6c4d8e0f1a --solution legal_consultation --input matter_no=2026-117
  audio2txt retry 0198c2de-8b1c-7d3e-9f5a-2b6c4d8e0f1a --report-mode llm --report-language en --formats docx
  audio2txt retry 0198c2de-8b1c-7d3e-9f5a-2b6c4d8e0f1a --language yue --script zh-Hant-HK
"""


def register(subparsers: Any) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "retry",
        help="make another report of a job, or try a failed one again",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("job", type=UUID, metavar="JOB", help="its id, which `transcribe` told")
    parser.add_argument("--solution", metavar="ID", help="another scenario; see `solutions list`")
    add_report_wishes(parser)
    parser.add_argument("--formats", help="comma-separated, in addition, of " + ", ".join(ArtifactFormat))
    add_transcript_wishes(parser)
    add_output(parser)
    add_connection(parser)
    parser.set_defaults(handler=handle)


def add_transcript_wishes(parser: argparse.ArgumentParser) -> None:
    """Add the options that make another transcript."""
    group = parser.add_argument_group("to transcribe it again")
    group.add_argument("--engine", help="another speech engine")
    group.add_argument("--language", help="the language that is spoken, such as en or zh-Hant")
    group.add_argument("--script", choices=[*Script], help="Chinese script of the text")
    group.add_argument("--term", action="append", metavar="TERM", help="a name that is likely to be said; may be repeated")
    group.add_argument("--vocabulary-set", action="append", metavar="NAME", help="a vocabulary as it is now; may be repeated")


def handle(arguments: argparse.Namespace) -> int:
    """Retry, wait and fetch; 1 when a file is missing."""
    url, api_key = connection(arguments)
    return asyncio.run(_retry(arguments.job, change_of(arguments), url=url, api_key=api_key, folder=arguments.output))


def change_of(arguments: argparse.Namespace) -> RetryWishes:
    """What is to be different; raises `ConfigurationError` that names the option."""
    wishes: RetryWishes = {
        "engine": arguments.engine,
        "language": arguments.language,
        "script": arguments.script,
        "vocabulary": arguments.term,
        "vocabularies": arguments.vocabulary_set,
        "formats": listed("--formats", arguments.formats, ArtifactFormat),
        "solution": arguments.solution,
        "report_language": arguments.report_language,
        "report_mode": arguments.report_mode,
        "inputs": read_pairs("--input", arguments.input),
    }
    return cast("RetryWishes", {name: wish for name, wish in wishes.items() if wish})


async def _retry(job_id: UUID, change: RetryWishes, *, url: str, api_key: str, folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    async with connected(url=url, api_key=api_key) as client:
        job = await client.jobs.retry(job_id, **change)
        async for job in client.jobs.events(job_id):
            print(f"{job.state} …", file=sys.stderr)
        for file in await fetch(client, job, folder, Path(job.file_name or str(job.id)).stem):
            print(f"{file}  ({file.stat().st_size:,} bytes)")
    if missing := failed_artifacts(job):
        print(missing, file=sys.stderr)
    return 1 if missing else 0
