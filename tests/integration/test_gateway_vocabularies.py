"""A tenant's vocabularies: kept, changed, brought in and out as tables, and taken along by jobs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.schemas.events import JobSubmitted
from tests.gatewaying import ApiClient, RunningGateway, ready, running_gateway

BOARD = {
    "name": "Board",
    "terms": [{"text": "Kowloon", "sounds_like": ["cow loon"]}, {"text": "王小明"}],
    "replacements": [{"from": "colour", "to": "color", "case": "follow"}],
}


@pytest.fixture
async def gateway(database_url: str, tmp_path: Path) -> AsyncIterator[RunningGateway]:
    """A gateway on an empty database, whose tenants have four vocabularies at most."""
    settings = {"AUDIO2TXT_VOCABULARIES_PER_TENANT": "4"}
    async with running_gateway(database_url, tmp_path, settings=settings) as running:
        yield running


async def _make(api: ApiClient, **wish: Any) -> dict[str, Any]:
    answer = await api.http.post("/v1/vocabularies", json={**BOARD, **wish})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    assert answer.headers["Location"].endswith(made["id"])
    return made


def _refused(answer: httpx.Response, status: int, code: str, pointer: str | None = None) -> None:
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), answer.text
    assert problem["detail"].endswith(".")
    if pointer is not None:
        assert problem["errors"][0]["pointer"] == pointer


async def test_a_vocabulary_lives(gateway: RunningGateway, api: ApiClient) -> None:
    """Made, listed, shown, changed by whoever knows it as it is, and deleted; all of it in the audit log, without its words."""
    made = await _make(api)
    path = f"/v1/vocabularies/{made['id']}"
    [listed] = (await api.http.get("/v1/vocabularies")).json()["data"]
    assert (listed["name"], listed["term_count"], listed["replacement_count"], "terms" in listed) == ("Board", 2, 1, False)
    shown = await api.http.get(path)
    assert shown.json() == made
    assert made["terms"] == BOARD["terms"]
    assert made["replacements"] == BOARD["replacements"]

    wish = {**BOARD, "name": "Names", "replacements": []}
    _refused(await api.http.put(path, json=wish), 428, "precondition_required")
    _refused(await api.http.put(path, json=wish, headers={"If-Match": '"7"'}), 412, "vocabulary_changed")
    changes = [api.http.put(path, json=wish, headers={"If-Match": shown.headers["ETag"]}) for _ in range(2)]
    assert sorted(answer.status_code for answer in await asyncio.gather(*changes)) == [200, 412]
    assert (await api.http.get(path)).json()["version"] == 2
    _refused(await api.http.delete(path, headers={"If-Match": shown.headers["ETag"]}), 412, "vocabulary_changed")
    assert (await api.http.delete(path)).status_code == 204
    _refused(await api.http.get(path), 404, "vocabulary_not_found")

    entries = await gateway.pool.fetch("select entry from gateway.audit_intake union all select entry from gateway.audit_log")
    about = [row["entry"] for row in entries if "vocabulary." in row["entry"]]
    assert len(about) == 3
    assert not [entry for entry in about if "Kowloon" in entry]


async def test_what_makes_no_sense_is_refused_and_points_to_it(gateway: RunningGateway, api: ApiClient) -> None:
    """Names are the tenant's own and told apart in any case, entries say something, and no word is written in two ways."""
    del gateway
    await _make(api)
    wishes: list[tuple[dict[str, Any], int, str, str | None]] = [
        ({"name": "BOARD"}, 409, "vocabulary_name_taken", "/name"),
        ({"name": " \u200b"}, 422, "invalid_request", "/name"),
        ({"name": "0198c2de-8b1c-7d3e-9f5a-2b6c4d8e0f1a"}, 422, "invalid_request", "/name"),
        ({"terms": [{"text": "a"}, {"text": "\u200b"}]}, 422, "invalid_vocabulary", "/terms/1/text"),
        ({"terms": [{"text": "a", "colour": "red"}]}, 422, "invalid_request", "/terms/0/colour"),
        (
            {"replacements": [{"from": "Us", "to": "U"}, {"from": "us", "to": "we"}]},
            422,
            "invalid_vocabulary",
            "/replacements/1/from",
        ),
        ({"terms": [{"text": f"{n:04}" + "長" * 90} for n in range(600)]}, 422, "vocabulary_too_large", None),
    ]
    for wish, status, code, pointer in wishes:
        _refused(await api.http.post("/v1/vocabularies", json={**BOARD, "name": "Other", **wish}), status, code, pointer)
    for number in range(3):
        await _make(
            api, name=f"Set {number}", replacements=[{"from": "US", "to": "USA", "case": "exact"}, {"from": "us", "to": "we"}]
        )
    _refused(await api.http.post("/v1/vocabularies", json={"name": "Fifth"}), 409, "too_many_vocabularies")


async def test_spreadsheets_bring_it_in_and_out(gateway: RunningGateway, api: ApiClient) -> None:
    """What goes out comes in again as it was, Excel's own ways of saving too; what is wrong is named by row and column."""
    del gateway
    terms = [{"text": "=Kowloon", "sounds_like": ["cow, loon", "cologne"]}, {"text": '\'tis "x"'}]
    made = await _make(api, terms=terms, default=True)
    path = f"/v1/vocabularies/{made['id']}"
    table = await api.http.get(f"{path}/csv")
    assert table.content.startswith(b"\xef\xbb\xbfkind,text,")
    assert b"term,'=Kowloon," in table.content
    assert table.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert 'filename="Board.csv"' in table.headers["Content-Disposition"]
    text = table.content.decode("utf-8-sig")
    semicolons = (
        'kind;text;sounds_like;to;case\nTerm;=Kowloon;cow, loon|cologne\nterm;"\'tis ""x"""\n\nreplace;colour;;color;FOLLOW\n'
    )
    for number, data in enumerate(
        (table.content, text.encode(), text.replace("cow, loon", "cow, loon").encode("utf-16"), semicolons.encode()), start=1
    ):
        headers = {"Content-Type": "text/csv; charset=utf-8", "If-Match": f'"{number}"'}
        answer = await api.http.put(f"{path}/csv", content=data, headers=headers)
        assert answer.status_code == 200, answer.text
        assert answer.json() == {**made, "version": number + 1, "updated_at": answer.json()["updated_at"]}

    head = "kind,text,sounds_like,to,case\n"
    for data, place in (
        (b"", "/rows/1/kind"),
        (b"text,to\n", "/rows/1/kind"),
        (b"kind,text,wrong\n", "/rows/1/wrong"),
        (head.encode() + b"term,K\xf6ln\n", "/rows/2/kind"),
        (f"{head}term,a\nother,b\n".encode(), "/rows/3/kind"),
        (f"{head}term,a,,b\n".encode(), "/rows/2/to"),
        (f"{head}replace,a,,\n".encode(), "/rows/2/to"),
        (f"{head}replace,a,,b,loud\n".encode(), "/rows/2/case"),
        (f"{head}replace,a,,b,,c\n".encode(), "/rows/2/?"),
        (f"{head}replace,a,,b\n\nreplace,A,,c\n".encode(), "/rows/4/text"),
        (f"{head}term,{'a' * 101}\n".encode(), "/rows/2/text"),
        (f'{head}term,"a\n'.encode(), "/rows/2/kind"),
    ):
        answer = await api.http.put(f"{path}/csv", content=data, headers={"Content-Type": "text/csv", "If-Match": '"5"'})
        _refused(answer, 422, "invalid_csv", place)
        assert answer.json()["detail"].startswith(f"Row {place.split('/')[2]}, column {place.split('/')[3]}: ")
        assert "`" not in answer.json()["errors"][0]["message"], "it is told in words"
    _refused(
        await api.http.put(f"{path}/csv", content=b"{}", headers={"Content-Type": "application/json"}),
        415,
        "unsupported_media_type",
    )


async def test_a_job_takes_sets_along_as_they_are(gateway: RunningGateway, api: ApiClient) -> None:
    """By name or id, or the default where it names none; later changes reach neither it nor a retry that names none."""
    board = await _make(api)
    other = await _make(api, name="Names", terms=[], default=True)

    async def used(job: dict[str, Any]) -> list[tuple[str, int]]:
        return [(one["name"], one["version"]) for one in job["vocabularies"]]

    job = await api.create(vocabularies=["bOARD", other["id"], board["id"]])
    order = await gateway.others.heard(JobSubmitted, job["id"])
    assert await used(job) == [("Board", 1), ("Names", 1)]
    assert [term.text for term in order.options.vocabularies[0].terms] == ["Kowloon", "王小明"]
    assert await used(await api.create()) == [("Names", 1)]
    assert await used(await api.create(vocabularies=[])) == []
    unknown = await api.http.post("/v1/jobs", json={"audio_url": "https://example.com/a", "vocabularies": ["Board", "Bored"]})
    _refused(unknown, 422, "unknown_vocabulary", "/vocabularies/1")

    path = f"/v1/vocabularies/{board['id']}"
    await api.http.put(path, json={**BOARD, "default": True}, headers={"If-Match": '"1"'})
    assert (await api.http.get(f"/v1/vocabularies/{other['id']}")).json()["default"] is False
    await gateway.others.complete(order)
    refused = await api.http.post(f"/v1/jobs/{job['id']}/retry", json={})
    _refused(refused, 409, "nothing_to_retry")
    again = await api.http.post(f"/v1/jobs/{job['id']}/retry", json={"formats": ["md"]})
    assert (again.json()["run"], await used(again.json())) == (1, [("Board", 1), ("Names", 1)])
    order = await gateway.others.heard(JobSubmitted, job["id"], count=2)
    await gateway.others.report(order, *(ready(order, one) for one in order.options.formats or ()))
    newer = await api.http.post(f"/v1/jobs/{job['id']}/retry", json={"vocabularies": ["Board"]})
    assert (newer.status_code, newer.json()["run"], await used(newer.json())) == (202, 2, [("Board", 2)])


async def test_nobody_sees_or_takes_anothers_set(gateway: RunningGateway, api: ApiClient) -> None:
    """Neither by its id nor by its name; and each tenant has a default of its own."""
    made = await _make(api, default=True)
    async with await gateway.new_tenant("other") as http:
        other = ApiClient(http)
        for name in (made["id"], made["name"]):
            answer = await http.post("/v1/jobs", json={"audio_url": "https://example.com/a", "vocabularies": [name]})
            _refused(answer, 422, "unknown_vocabulary")
        assert (await other.create())["vocabularies"] == []
        await _make(other, default=True)
    assert (await api.http.get(f"/v1/vocabularies/{made['id']}")).json()["default"] is True
