"""Chinese leaves the transcriber in the script that is wanted; the engine's answer stays what it was."""

from __future__ import annotations

import msgspec
import pytest

from services.transcriber.engines.script import raw_script
from services.transcriber.recognised import as_recognised
from services.transcriber.rules import RulesChange
from services.transcriber.settings import TranscriberSettings
from shared.blobs import BlobStore
from shared.database import Pool
from shared.schemas.jobs import JobOptions, Script
from shared.schemas.transcripts import Transcript
from tests.transcribing import HouseEngine, Process, job_submitted

pytest_plugins = ["tests.fixtures_transcriber"]
pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture
def house(transcriber_blobs: BlobStore) -> HouseEngine:
    """An engine that writes Simplified characters."""
    house = HouseEngine(transcriber_blobs)
    house.raw = raw_script(30_000, "zh")
    return house


async def _transcribed(process: Process, options: JobOptions) -> Transcript:
    event = job_submitted("house", options=options)
    await process.rules.change(event.tenant_id, RulesChange(vocabulary=("法务",)))
    async with process.running():
        await process.submit(event)
        ready = await process.ready(event)
    transcript = msgspec.json.decode(await process.blobs.get(ready.transcript_key), type=Transcript)
    assert ready.language == transcript.language
    assert await process.blobs.get(ready.raw_key) == raw_script(30_000, "zh")
    return transcript


async def test_the_installation_decides_where_nobody_else_does(
    transcriber_pool: Pool, transcriber_blobs: BlobStore, house: HouseEngine
) -> None:
    """Taiwan's characters and words, save for the tenant's own terms; what was recognised can be had back."""
    process = Process(pool=transcriber_pool, blobs=transcriber_blobs, engines={"house": house})
    transcript = await _transcribed(process, JobOptions(engine="house"))
    text = "".join(segment.text for segment in transcript.segments)
    assert "我們先看上一季的數字" in text
    assert "請法务先看過一次" in text
    assert "用印表機印出來" in text
    assert transcript.language == "zh-Hant-TW"
    assert "".join(segment.text for segment in as_recognised(transcript).segments).startswith("我们先看上一季的数字")


async def test_the_job_decides_before_the_installation(
    transcriber_pool: Pool, transcriber_blobs: BlobStore, house: HouseEngine
) -> None:
    """By its script, or by its language."""
    settings = TranscriberSettings(chinese_script=Script.RECOGNISED)
    process = Process(pool=transcriber_pool, blobs=transcriber_blobs, engines={"house": house}, settings=settings)
    assert (await _transcribed(process, JobOptions(engine="house"))).language == "zh"
    assert (await _transcribed(process, JobOptions(engine="house", language="zh-HK"))).language == "zh-Hant-HK"
    transcript = await _transcribed(process, JobOptions(engine="house", language="zh-HK", script=Script.TRADITIONAL))
    assert transcript.language == "zh-Hant"
    assert "用打印機印出來" in "".join(segment.text for segment in transcript.segments)
