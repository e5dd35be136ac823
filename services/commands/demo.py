"""`audio2txt demo`: the whole platform on one real recording, from the upload to the verified webhook."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.errors import Audio2txtError

if TYPE_CHECKING:
    from services.commands.webhook_receiver import Received

START_SECONDS = 60
WEBHOOK_SECONDS = 30
STOP_SECONDS = 30
TRANSCRIPT_LINES, REPORT_LINES = 12, 36
COLUMNS = 110

DESCRIPTION = """\
Start the platform in one process on a free port, send it 44 seconds of real speech, and show what comes back: the
transcript, every artifact, and the webhook with its signature verified. Then write the minutes of a small invented meeting,
in English and Chinese. Needs no network and no key.
"""


class DemoFailed(Audio2txtError):
    """The demonstration did not reach its end; the message says where it stopped."""


def register(subparsers: Any) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "demo",
        help="the whole platform on one real recording",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-o", "--output", type=Path, default=Path("out/demo"), metavar="DIR", help="default: out/demo")
    parser.add_argument("--data-dir", type=Path, default=Path("var/demo"), metavar="DIR", help="default: var/demo")
    parser.set_defaults(handler=handle)


def handle(arguments: argparse.Namespace) -> int:
    """Run it; anything that goes wrong is an error with its place."""
    asyncio.run(_demo(arguments.output, arguments.data_dir))
    write_report(arguments.output)
    print("\nTo keep the platform running: make run. To send it a recording:")
    print("  .venv/bin/audio2txt transcribe FILE --solution meeting_minutes")
    return 0


async def _demo(output: Path, data_dir: Path) -> None:
    from services.commands.webhook_receiver import listening

    _say("Starting the platform in one process (PostgreSQL, gateway, transcriber, reporter, notifier)")
    began = time.monotonic()
    async with _platform(data_dir) as url:
        print(f"  up at {url} after {time.monotonic() - began:.1f} s; log in {data_dir / 'platform.log'}")
        async with listening() as receiver:
            files, secret = await _transcribe(url, data_dir, output, callback_url=receiver.url)
            webhook = await _webhook(receiver.received(), secret)
    _show(files, webhook)


async def _transcribe(url: str, data_dir: Path, output: Path, *, callback_url: str) -> tuple[list[Path], str]:
    from services.commands.connecting import connected
    from services.commands.transcribe import transcribe

    api_key = (data_dir / "api-key").read_text(encoding="utf-8").strip()
    with resources.as_file(resources.files("services.commands") / "sample" / "two_cities.ogg") as sample:
        _say("Transcribing real speech: 44 s of Dickens, read aloud, with the local engine")
        outcomes = await transcribe(
            [sample], {"language": "en", "callback_url": callback_url}, url=url, api_key=api_key, output=output
        )
    if errors := [outcome.error for outcome in outcomes if outcome.error]:
        raise DemoFailed(f"The demonstration failed: {'; '.join(errors)}")
    async with connected(url=url, api_key=api_key) as client:
        secret = await client.account.webhook_secret()
    return [file for outcome in outcomes for file in outcome.files], secret


async def _webhook(arriving: Any, secret: str) -> Received:
    try:
        async with asyncio.timeout(WEBHOOK_SECONDS):
            webhook: Received = await arriving
    except TimeoutError:
        raise DemoFailed(f"No webhook arrived within {WEBHOOK_SECONDS} s.") from None
    if not webhook.is_signed_with(secret):
        raise DemoFailed("The webhook's signature does not verify.")
    return webhook


def _show(files: list[Path], webhook: Received) -> None:
    import msgspec

    from shared.schemas.webhooks import WebhookBody

    _say("The transcript")
    text = next(file for file in files if file.suffix == ".txt").read_text(encoding="utf-8")
    _quote(text, "Transcript", TRANSCRIPT_LINES)
    body = msgspec.json.decode(webhook.body, type=WebhookBody)
    _say("The webhook")
    print(f"  {body.type} of job {body.data.id}, {webhook.webhook_id}: signature verified")
    _say("The artifacts")
    _list(files)


def write_report(output: Path) -> None:
    """Show and store what a report is, of a meeting, since a novel has neither decisions nor tasks."""
    from services.commands.preview import preview
    from shared.schemas.jobs import ArtifactFormat
    from shared.schemas.solutions import REPORT_LANGUAGES
    from shared.solutions import load_solutions

    _say("A report: the minutes of an invented meeting, written by code without a language model")
    solution = load_solutions()["meeting_minutes"]
    formats = (ArtifactFormat.TEXT, ArtifactFormat.PDF, ArtifactFormat.DOCX)
    files = []
    for language in REPORT_LANGUAGES:
        for form in formats:
            files.append(output / f"sample_meeting.{language}.report.{form}")
            files[-1].write_bytes(preview(solution, form, language=language, transcript=None, inputs={}))
    text = (output / f"sample_meeting.en.report.{ArtifactFormat.TEXT}").read_text(encoding="utf-8")
    _quote(text, solution.sections[0].title["en"], REPORT_LINES)
    print("  Each moment leads to the words it rests on; in the PDF and the Word document by a click.\n")
    _list(files)


def _quote(text: str, heading: str, count: int) -> None:
    """Some lines of a text from a heading on."""
    _, found, rest = text.partition(f"\n{heading}\n")
    if not found:
        raise DemoFailed(f"The text has no part called {heading!r}.")
    lines = (heading + "\n" + rest).splitlines()
    for line in lines[:count]:
        print(textwrap.fill(line, COLUMNS, initial_indent="  ", subsequent_indent="    ") if line else "")
    if len(lines) > count:
        print("  …")


def _list(files: Sequence[Path]) -> None:
    for file in files:
        print(f"  {file}  {file.stat().st_size:>9,} bytes")


@asynccontextmanager
async def _platform(data_dir: Path) -> AsyncIterator[str]:
    """`audio2txt run all` as a process of its own; its log goes to the data folder."""
    data_dir.mkdir(parents=True, exist_ok=True)
    ready = data_dir / "ready"
    ready.unlink(missing_ok=True)
    log_path = data_dir / "platform.log"
    with log_path.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services", "run", "all", "--ready-file", str(ready),
            env=_environment(data_dir), stdout=log, stderr=log,
        )  # fmt: skip
    try:
        yield await _when_ready(process, ready, log_path)
    finally:
        await _stop(process)


def _environment(data_dir: Path) -> Mapping[str, str]:
    """The demonstration's own settings: whatever is configured here must not change what it shows."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AUDIO2TXT_")}
    ours = {
        "AUDIO2TXT_DATA_DIR": str(data_dir.absolute()),
        "AUDIO2TXT_PORT": "0",
        "AUDIO2TXT_DATABASE_URL": "embedded://",
        "AUDIO2TXT_BUS_URL": "memory://",
        "AUDIO2TXT_BLOBS_URL": "file://",
        "AUDIO2TXT_LOG_FORMAT": "json",
        # The receiver of the demonstration listens on this machine, which webhooks may not reach otherwise.
        "AUDIO2TXT_EGRESS_ALLOW_CIDRS": "127.0.0.1/32",
    }
    return {**inherited, **ours}


async def _when_ready(process: asyncio.subprocess.Process, ready: Path, log_path: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.returncode is not None:
            raise DemoFailed(f"The platform ended at its start:\n{_tail(log_path)}")
        if ready.exists() and (url := ready.read_text(encoding="utf-8").strip()):
            return url
        await asyncio.sleep(0.05)
    raise DemoFailed(f"The platform was not up within {START_SECONDS} s; see {log_path}.")


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _tail(path: Path) -> str:
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-10:])


def _say(text: str) -> None:
    print(f"\n== {text}", flush=True)
