"""`python -m tests.bench [SUBJECT …] [--json FILE]`: figures beside what they are compared to, measured in one run.

A missed aim is printed and changes nothing else; the exit status is 1 only when a measurement broke.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import sys
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import uvloop

from shared.logs import configure_logs
from shared.settings import PlatformSettings
from tests.bench.figures import Aim, Table
from tests.bench.ground import Ground

SUBJECTS = (
    "jobs",
    "requests",
    "limits",
    "guards",
    "hop",
    "streams",
    "overhead",
    "hour",
    "uploads",
    "ways",
    "idle",
    "speech",
    "speakers",
    "engines",
    "decoding",
    "documents",
    "extraction",
    "llm",
    "deliveries",
    "claims",
    "hanging",
)


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one run found."""

    machine: str
    began_at: datetime
    load_before: float
    load_after: float
    seconds: float
    tables: dict[str, list[Table]]
    broken: list[str]


def main() -> int:
    """Measure, print, and write the file that was asked for."""
    arguments = _parse()
    configure_logs(PlatformSettings(log_level="warning"))
    began, load_before = time.monotonic(), os.getloadavg()[0]
    began_at = datetime.now(UTC)
    _say(f"# Benchmarks\n\n{_machine()}, load {load_before:.1f} before the run, {began_at:%Y-%m-%d %H:%M} UTC")
    tables: dict[str, list[Table]] = {}
    broken: list[str] = []
    with Ground() as ground:
        for subject in arguments.subjects or SUBJECTS:
            try:
                tables[subject] = uvloop.run(_measure(subject, ground))
            except Exception:
                broken.append(subject)
                _say(f"\n## {subject} broke\n\n{traceback.format_exc()}")
    run = Run(
        machine=_machine(),
        began_at=began_at,
        load_before=load_before,
        load_after=os.getloadavg()[0],
        seconds=time.monotonic() - began,
        tables=tables,
        broken=broken,
    )
    _conclude(run)
    if arguments.json is not None:
        arguments.json.write_bytes(msgspec.json.format(msgspec.json.encode(run), indent=2))
    return 1 if broken else 0


async def _measure(subject: str, ground: Ground) -> list[Table]:
    tables: list[Table] = await importlib.import_module(f"tests.bench.{subject}").measure(ground)
    for table in tables:
        _say(f"\n{table}")
    return tables


def _conclude(run: Run) -> None:
    aims: list[Aim] = [aim for tables in run.tables.values() for table in tables for aim in table.aims]
    missed = [aim for aim in aims if not aim.met]
    _say(f"\n{len(aims) - len(missed)} of {len(aims)} aims met in {run.seconds:.0f} s.")
    for aim in missed:
        _say(f"* {aim}")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return f"{os.cpu_count()} cores of {model}, {memory:.0f} GB, Python {platform.python_version()}"


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("subjects", nargs="*", choices=(*SUBJECTS, []), metavar="SUBJECT", help=", ".join(SUBJECTS))
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write everything to this file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
