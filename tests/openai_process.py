"""A transcriber before a server that speaks like OpenAI, for tests that kill it.

`python -m tests.openai_process DATABASE_URL DATA_DIR SERVER_URL`
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import closing
from pathlib import Path
from uuid import uuid4

from services.transcriber.engines.openai import HouseServerEngine, OpenAIEngine, open_engine
from services.transcriber.engines.surroundings import Surroundings, unpaced
from services.transcriber.scratch import Scratch
from services.transcriber.settings import TranscriberSettings
from shared.blobs import BlobStore, open_blobs
from shared.database import open_pool
from tests.transcribing import Process


def engine_before(url: str, blobs: BlobStore, scratch: Scratch) -> OpenAIEngine | HouseServerEngine:
    """An engine that sends small pieces one after the other."""
    environment = {
        "AUDIO2TXT_OPENAI_URL": url,
        "AUDIO2TXT_OPENAI_MODEL": "whisper-1",
        "AUDIO2TXT_OPENAI_MAX_BYTES": "1000000",
        "AUDIO2TXT_OPENAI_REQUESTS": "1",
    }
    return open_engine(
        Surroundings(
            environment=environment,
            settings=TranscriberSettings(),
            blobs=blobs,
            scratch=scratch,
            reserve=unpaced,
            hooks=None,
        )
    )


async def main(database_url: str, data_dir: Path, url: str) -> None:
    """Work until killed."""
    pool = await open_pool(database_url, size=4)
    blobs = await open_blobs("file://", data_dir=data_dir, credentials={})
    with closing(Scratch.open(data_dir / "scratch", str(uuid4()))) as scratch:
        process = Process(pool=pool, blobs=blobs, engines={"openai": engine_before(url, blobs, scratch)})
        async with process.running():
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
