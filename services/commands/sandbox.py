"""`audio2txt sandbox assemblyai`: a provider on this machine, to develop and test clients against."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

DESCRIPTION = """\
Play AssemblyAI on this machine: its HTTP interface, with state, webhooks, and faults on demand. Recordings are really
transcribed, with the local engine; with --script, everything is heard as the same canned conversation.

  audio2txt sandbox assemblyai                            listens on a free port, prints its URL first
  audio2txt sandbox assemblyai --port 8090 --data var/aai keeps transcripts and audio over restarts
  audio2txt sandbox assemblyai --script --seconds 2       hears nothing, answers after two seconds
  audio2txt sandbox assemblyai --script saved.json        answers with a transcript that you saved
  audio2txt sandbox assemblyai --script --fault accepted_then_dropped=0.05 --fault throttled@get=0.1:2 --seed 7

Any key is accepted unless --key is given; each key is a project of its own. What went on, and faults while it runs:

  curl URL/sandbox/transcripts        what was accepted, and how often it was asked for
  curl URL/sandbox/requests           how many requests, by call and status
  curl URL/sandbox/faults             every fault there is, what it does, and how often it happened
  curl -X POST URL/sandbox/faults/next -d '{"name": "job_error", "argument": "no_audio"}'

docs/sandbox.md tells the rest.
"""

STARTED = """\
sandbox: {url}

The official SDK:

  import assemblyai as aai
  aai.settings.api_key, aai.settings.base_url = "any", "{url}"
  print(aai.Transcriber().transcribe("speech.mp3").text)

Audio2txt:

  AUDIO2TXT_ASSEMBLYAI_API_KEY=any AUDIO2TXT_ASSEMBLYAI_URL={url}
"""


def register(subparsers: Any) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser("sandbox", help="play a provider on this machine, for developers of clients")
    vendors = parser.add_subparsers(title="providers", metavar="PROVIDER", required=True)
    assemblyai = vendors.add_parser(
        "assemblyai",
        help="AssemblyAI's speech-to-text and LLM gateway",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_place(assemblyai)
    _add_behaviour(assemblyai)
    assemblyai.set_defaults(handler=handle)


def _add_place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="keep everything here over restarts (default: a temporary folder, removed at the end)",
    )
    parser.add_argument("--key", action="append", default=[], help="accept this key only; repeat for more")


def _add_behaviour(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--script",
        nargs="?",
        const="",
        metavar="FILE",
        help="do not listen: answer with a canned conversation, or a saved answer",
    )
    parser.add_argument(
        "--script-seconds", type=float, default=60.0, metavar="S", help="length of the canned conversation (default: 60)"
    )
    parser.add_argument(
        "--seconds", type=float, default=0.0, metavar="S", help="how long a transcript takes at least (default: 0)"
    )
    parser.add_argument(
        "--speed", type=float, default=0.0, metavar="S", help="and besides, for each second of audio (default: 0)"
    )
    parser.add_argument(
        "--at-once",
        type=int,
        metavar="N",
        help="transcripts in the works, the rest queue (default: 200, or what this machine can)",
    )
    parser.add_argument("--no-fetch", action="store_true", help="with --script: do not fetch an audio_url that is no upload")
    parser.add_argument(
        "--unknown-id", type=int, choices=(400, 404), default=400, help="status for unknown transcripts (default: 400)"
    )
    parser.add_argument("--webhook-seconds", type=float, default=10.0, metavar="S", help="between attempts (default: 10)")
    parser.add_argument(
        "--redaction-seconds", type=float, default=0.0, metavar="S", help="until redacted audio is ready, too (default: 0)"
    )
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME[@CALL]=P[:ARG]",
        help="let something go wrong now and then; repeatable",
    )
    parser.add_argument("--seed", type=int, help="the same faults again")


def handle(arguments: argparse.Namespace) -> int:
    """Serve until interrupted."""
    from services.sandbox.assemblyai.faults import parse_chance
    from services.sandbox.assemblyai.settings import SandboxSettings

    settings = SandboxSettings(
        host=arguments.host,
        port=arguments.port,
        data=arguments.data,
        keys=frozenset(arguments.key),
        script=arguments.script is not None,
        script_file=Path(arguments.script) if arguments.script else None,
        script_seconds=arguments.script_seconds,
        seconds=arguments.seconds,
        speed=arguments.speed,
        at_once=arguments.at_once,
        fetch=not arguments.no_fetch,
        unknown_id_status=arguments.unknown_id,
        webhook_seconds=arguments.webhook_seconds,
        redaction_seconds=arguments.redaction_seconds,
        faults=tuple(parse_chance(text) for text in arguments.fault),
        seed=arguments.seed,
    )
    _run(_serve(settings))
    return 0


async def _serve(settings: Any) -> None:
    import structlog

    from services.sandbox.assemblyai.server import serving

    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serving(settings) as sandbox:
        print(STARTED.format(url=sandbox.url), flush=True)
        await stop.wait()


def _run(main: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)
