"""A transcriber with the local engine, for tests that kill it: `python -m tests.transcriber_process DATABASE_URL DATA_DIR`."""

from __future__ import annotations

import asyncio
import sys
from contextlib import closing
from pathlib import Path
from uuid import uuid4

from services.transcriber.engines.local import LocalEngine
from services.transcriber.engines.local.models import Model
from services.transcriber.scratch import Scratch
from services.transcriber.settings import TranscriberSettings
from shared.blobs import open_blobs
from shared.database import open_pool
from tests.transcribing import Process

WINDOW_MS = 15_000


async def main(database_url: str, data_dir: Path) -> None:
    """Work until killed."""
    pool = await open_pool(database_url, size=4)
    blobs = await open_blobs("file://", data_dir=data_dir, credentials={})
    with closing(Scratch.open(data_dir / "scratch", str(uuid4()))) as scratch:
        engine = LocalEngine(
            settings=TranscriberSettings(local_beam_size=1),
            model=Model.find(None),
            blobs=blobs,
            scratch=scratch,
            window_ms=WINDOW_MS,
        )
        process = Process(pool=pool, blobs=blobs, engines={"local": engine})
        async with process.running():
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
