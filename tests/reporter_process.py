"""A reporter with a language model, for tests that kill it: reports once on the meeting, then ends.

`python -m tests.reporter_process DATA_DIR SERVER_URL ATTEMPT`
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from services.reporter import language_model as asking
from tests.reporting import MEETING, PLENTY, language_model, newsroom, scenario

REQUEST_SECONDS = 2.0
TOLERANCE_SECONDS = 1.0


async def main(data_dir: Path, url: str, attempt: int) -> None:
    """Report, and print who wrote and what is noted."""
    asking.CLOCK_TOLERANCE_SECONDS = TOLERANCE_SECONDS
    settings = language_model(url, llm_request_seconds=REQUEST_SECONDS)
    async with newsroom(data_dir, settings, solutions=[scenario()]) as room:
        written = await room.report(MEETING, solution="trial", attempt=attempt, llm=PLENTY)
    sys.stdout.write(" ".join([str(written.ready.mode), *written.report.notes]) + "\n")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
