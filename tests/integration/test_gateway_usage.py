"""The ledger of what was used, over real HTTP."""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal
from typing import Any

import asyncpg
import msgspec
import pikepdf
import pytest

from shared.schemas.events import JobSubmitted
from shared.schemas.reports import Usage
from tests.gatewaying import WAV, ApiClient, RunningGateway, ready, report_ready, transcript_ready

NAME = "鼎新法律事務所（臺北）"
USAGE = Usage(model="gpt-test", calls=2, prompt_tokens=900, completion_tokens=100, cost_usd="0.05", kept_tokens=200)


def _text_of(pdf: bytes) -> str:
    """What a reader can copy from the pages: codes of the embedded fonts, by the characters they stand for."""
    told = []
    with pikepdf.open(io.BytesIO(pdf)) as document:
        for page in document.pages:
            fonts = {name: _meanings(font) for name, font in page.resources.Font.items()}
            meanings: dict[int, str] = {}
            instructions: Any = pikepdf.parse_content_stream(page)
            for operands, operator in instructions:
                if str(operator) == "Tf":
                    meanings = fonts[str(operands[0])]
                elif str(operator) == "Tj":
                    told.append("".join(meanings.get(code, "") for code in bytes(operands[0])))
    return " ".join(told)


def _meanings(font: Any) -> dict[int, str]:
    if "/ToUnicode" not in font:
        return {}
    pairs = re.findall(rb"<([0-9A-Fa-f]{2})> <((?:[0-9A-Fa-f]{4})+)>", font.ToUnicode.read_bytes())
    return {int(code, 16): bytes.fromhex(text.decode()).decode("utf-16-be") for code, text in pairs}


async def test_what_was_used_is_on_record_once_and_for_good(gateway: RunningGateway) -> None:
    """News that come twice are counted once; sums, list and table agree; a deleted job stays on record, without a word of
    it; nobody changes a record."""
    async with await gateway.new_tenant(NAME) as http, await gateway.new_tenant("others") as others:
        api = ApiClient(http)
        job = await api.create(title="The secret merger", metadata={"client": "Acme"})
        order = await gateway.others.heard(JobSubmitted, job["id"])
        for _ in range(2):
            await gateway.others.transcribe(order)
        report = msgspec.structs.replace(report_ready(order, ready(order)), usage=USAGE)
        for _ in range(2):
            await gateway.others.say(report)
        await gateway.others.say(transcript_ready(order))
        other = await api.create()
        await gateway.others.complete(await gateway.others.heard(JobSubmitted, other["id"]))
        assert (await http.delete(f"/v1/jobs/{job['id']}")).status_code == 204

        month = (await http.get("/v1/usage")).json()
        totals = month["totals"]
        assert (totals["transcriptions"], totals["reports"], totals["audio_seconds"], totals["tokens"]) == (2, 1, 88.0, 800)
        assert totals["stored_bytes"] == 2 * (len(WAV) + 2000)
        assert totals["costs"] == [{"amount": "0.0552", "currency": "USD"}]
        assert [(one["kind"], one["engine"], one["model"]) for one in month["engines"]] == [
            ("transcription", "scripted", "s1"),
            ("report", None, "gpt-test"),
        ]
        assert [one["totals"]["transcriptions"] for one in month["days"]] == [2]
        assert [one["solution"] for one in month["solutions"]] == ["verbatim"]

        first = (await http.get("/v1/usage/records", params={"limit": 2, "month": month["month"]})).json()
        rest = (await http.get("/v1/usage/records", params={"after": first["next_cursor"], "month": month["month"]})).json()
        records = [*first["data"], *rest["data"]]
        assert sorted(record["job_id"] for record in records) == sorted([job["id"], job["id"], other["id"]])
        exported = await http.get("/v1/usage/records.csv", params={"month": month["month"]})
        assert exported.headers["Content-Type"].startswith("text/csv")
        rows = list(csv.DictReader(io.StringIO(exported.text)))
        assert [row["id"] for row in rows] == [record["id"] for record in records]
        assert sum(Decimal(row["amount"]) for row in rows) == Decimal("0.0552")
        assert "merger" not in exported.text
        for language, title, page in (("en", "Usage statement", "Page 1 of 1"), ("zh-Hant", "用量明細表", "第 1 頁，共 1 頁")):
            answer = await http.get("/v1/usage/statement.pdf", params={"month": month["month"], "language": language})
            assert answer.headers["Content-Type"] == "application/pdf"
            told = _text_of(answer.content)
            assert title in told
            assert page in told
            assert NAME in told
            assert "USD 0.0552" in told
            assert told.count("0:01:28") == 6  # of the engine, the scenario and the day, and each time in all
        assert (await others.get("/v1/usage")).json()["totals"]["transcriptions"] == 0
        assert (await http.get("/v1/usage", params={"month": "2020-01"})).json()["days"] == []
        assert (await http.get("/v1/usage", params={"month": "November"})).json()["code"] == "invalid_query"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await gateway.pool.execute("update gateway.usage_records set amount = 0")
