"""A Chinese job: whatever script the engine writes, every file is in the characters its readers want."""

from __future__ import annotations

import io
import json
from typing import Any

import docx
import pypdf

from shared.blobs import BlobStore
from tests.customer import SAMPLE, Customer
from tests.fixtures_installation import StoredKeys

RECOGNISED = "我们先看上一季的数字"
TRADITIONAL = "我們先看上一季的數字"
IN_TAIWAN = "用印表機印出來"
FORMATS = ["md", "txt", "json", "srt", "vtt", "pdf", "docx"]


async def _texts(customer: Customer, job: dict[str, Any]) -> dict[str, str]:
    """Of every file, without line breaks and spaces."""
    files = {format_: await customer.artifact(job, f"transcript.{format_}") for format_ in FORMATS}
    texts = {format_: data.decode() for format_, data in files.items() if format_ not in ("pdf", "docx")}
    texts["pdf"] = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(files["pdf"])).pages)
    texts["docx"] = "".join(paragraph.text for paragraph in docx.Document(io.BytesIO(files["docx"])).paragraphs)
    return {format_: "".join(text.split()) for format_, text in texts.items()}


async def test_every_file_is_written_in_traditional_characters(
    customer: Customer, store: BlobStore, stored_keys: StoredKeys
) -> None:
    """The engine wrote Simplified ones, and the mainland's word for a printer; its answer stays what it was."""
    job = await customer.must_submit(SAMPLE.read_bytes(), engine="scripted", language="zh", formats=FORMATS)
    done = await customer.must_end(job["id"])
    assert done["state"] == "completed", done["failure"]
    assert done["detected_language"] == "zh-Hant-TW"
    for format_, text in (await _texts(customer, done)).items():
        assert TRADITIONAL in text, format_
        assert IN_TAIWAN in text, format_
        assert RECOGNISED not in text, format_
    transcript = json.loads(await customer.artifact(done, "transcript.json"))
    assert [step["config"] for step in transcript["processing"]] == ["s2twp"]
    words = [word for segment in transcript["segments"] for word in segment["words"]]
    assert RECOGNISED in "".join(word.get("raw", word["t"]) for word in words)
    [raw] = [key for key in await stored_keys(job["id"]) if "/raw/" in key]
    assert RECOGNISED in (await store.get(raw)).decode()


async def test_a_job_can_want_the_words_as_they_were_recognised(customer: Customer) -> None:
    """Its `script` decides, whatever the installation prefers."""
    order = {"engine": "scripted", "language": "zh", "script": "as-recognised", "formats": ["txt"]}
    job = await customer.must_submit(SAMPLE.read_bytes(), **order)
    text = (await customer.artifact(await customer.must_end(job["id"]), "transcript.txt")).decode()
    assert RECOGNISED in text
