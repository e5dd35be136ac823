"""API keys as their owners know them: made, narrowed, rotated, revoked, over real HTTP."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.gateway.auth import LastUses
from services.gateway.keys import digest, is_well_formed
from services.gateway.store.keys import KeyStore
from shared.schemas.ids import new_id
from tests.gatewaying import RunningGateway, running_gateway


@pytest.fixture
async def gateway(database_url: str, tmp_path: Path) -> AsyncIterator[RunningGateway]:
    """A gateway on an empty database that lets a tenant have five keys."""
    async with running_gateway(database_url, tmp_path, settings={"AUDIO2TXT_KEYS_PER_TENANT": "5"}) as running:
        yield running


@pytest.fixture
async def owner(gateway: RunningGateway) -> AsyncIterator[httpx.AsyncClient]:
    """A tenant's owner."""
    async with await gateway.new_tenant("acme") as http:
        yield http


async def _made(http: httpx.AsyncClient, **wish: Any) -> dict[str, Any]:
    answer = await http.post("/v1/keys", json={"name": "importer", "role": "viewer", **wish})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_a_key_is_shown_once_and_stored_nowhere(gateway: RunningGateway, owner: httpx.AsyncClient) -> None:
    """The answer that makes it has it; the list, the page and the database have its digest and its ends."""
    answer = await owner.post("/v1/keys", json={"name": " The\u202e importer ", "role": "editor"})
    made = answer.json()
    key = made.pop("key")
    assert is_well_formed(key)
    assert key.startswith("a2t_live_")
    assert answer.headers["Cache-Control"] == "no-store"
    assert (made["name"], made["role"], made["state"], made["scopes"]) == ("The importer", "editor", "active", None)
    shown = await owner.get(answer.headers["Location"])
    assert shown.json() == made
    listed = (await owner.get("/v1/keys")).json()["data"]
    assert listed[0] == made
    assert key not in shown.text + str(listed)
    rows = await gateway.pool.fetch("select * from gateway.api_keys")
    assert key not in str(rows)
    assert digest(key) in [row["digest"] for row in rows]
    async with gateway.client(key) as http:
        account = (await http.get("/v1/account")).json()
    assert account["key"]["id"] == made["id"]
    assert account["key"]["permissions"] == made["permissions"]


async def test_a_key_does_what_its_scopes_leave_of_its_role(gateway: RunningGateway, owner: httpx.AsyncClient) -> None:
    """And is told what it lacks for the rest."""
    made = await _made(owner, role="editor", scopes=["jobs:read", "account:read"])
    assert made["permissions"] == ["account:read", "jobs:read"]
    async with gateway.client(made["key"]) as http:
        assert (await http.get("/v1/jobs")).status_code == 200
        refused = await http.post("/v1/uploads", content=b"x")
    assert (refused.status_code, refused.json()["code"], refused.json()["permission"]) == (403, "forbidden", "uploads:write")
    assert "editor" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("wish", "code", "pointer"),
    [
        ({"scopes": ["jobs:write"]}, "scope_not_of_role", "/scopes/0"),
        ({"scopes": []}, "invalid_request", "/scopes"),
        ({"scopes": ["jobs:fly"]}, "invalid_request", "/scopes/0"),
        ({"role": "emperor"}, "invalid_request", "/role"),
        ({"name": "\u202e"}, "invalid_request", "/name"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "invalid_request", "/expires_at"),
        ({"tenant_id": str(new_id())}, "invalid_request", "/tenant_id"),
    ],
)
async def test_a_wish_that_makes_no_sense_is_refused(
    gateway: RunningGateway, owner: httpx.AsyncClient, wish: dict[str, Any], code: str, pointer: str
) -> None:
    """With a pointer to what is wrong."""
    del gateway
    answer = await owner.post("/v1/keys", json={"name": "importer", "role": "viewer", **wish})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_nobody_hands_out_more_than_they_have(gateway: RunningGateway, owner: httpx.AsyncClient) -> None:
    """An admin makes, rotates and revokes no owner's key, nor a narrowed key one that is less narrow."""
    admin = await _made(owner, role="admin")
    mine = (await owner.get("/v1/account")).json()["key"]["id"]
    narrow = await _made(owner, role="admin", scopes=["keys:read", "keys:write", "jobs:read"])
    async with gateway.client(admin["key"]) as http:
        for refused in (
            await http.post("/v1/keys", json={"name": "x", "role": "owner"}),
            await http.post(f"/v1/keys/{mine}/rotate"),
            await http.delete(f"/v1/keys/{mine}"),
        ):
            assert (refused.status_code, refused.json()["permission"]) == (403, "owners:write")
        assert (await http.post("/v1/keys", json={"name": "x", "role": "admin"})).status_code == 201
    async with gateway.client(narrow["key"]) as http:
        assert (await http.post("/v1/keys", json={"name": "x", "role": "viewer"})).status_code == 403
        assert (await http.post(f"/v1/keys/{admin['id']}/rotate")).status_code == 403
        assert (await _made(http, scopes=["jobs:read"]))["permissions"] == ["jobs:read"]


async def test_a_revoked_key_is_refused_at_once(gateway: RunningGateway, owner: httpx.AsyncClient) -> None:
    """The process that revoked it does not know it any more; doing it twice is doing it once."""
    made = await _made(owner)
    async with gateway.client(made["key"]) as http:
        assert (await http.get("/v1/account")).status_code == 200
        assert (await owner.delete(f"/v1/keys/{made['id']}")).status_code == 204
        refused = await http.get("/v1/account")
        assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
        unknown = await http.get("/v1/account", headers={"Authorization": "Bearer nonsense"})
        assert unknown.json()["detail"] == refused.json()["detail"]
    revoked = (await owner.get(f"/v1/keys/{made['id']}")).json()
    assert revoked["state"] == "revoked"
    assert (await owner.delete(f"/v1/keys/{made['id']}")).status_code == 204
    assert (await owner.get(f"/v1/keys/{made['id']}")).json() == revoked
    assert (await owner.post(f"/v1/keys/{made['id']}/rotate")).json()["code"] == "key_not_current"


async def test_a_key_is_rotated_without_an_outage(gateway: RunningGateway, owner: httpx.AsyncClient) -> None:
    """Old and new work side by side; the new one may do the same, and lives as long as the old one was to."""
    ends = dt.datetime.now(dt.UTC) + dt.timedelta(days=30)
    old = await _made(owner, role="editor", scopes=["jobs:read", "account:read"], expires_at=ends.isoformat())
    new = (await owner.post(f"/v1/keys/{old['id']}/rotate", json={"overlap_hours": 1})).json()
    assert new["id"] != old["id"]
    assert all(new[name] == old[name] for name in ("name", "role", "scopes", "permissions"))
    assert dt.datetime.fromisoformat(new["expires_at"]) > ends
    for key in (old["key"], new["key"]):
        async with gateway.client(key) as http:
            assert (await http.get("/v1/account")).status_code == 200
    before = (await owner.get(f"/v1/keys/{old['id']}")).json()
    assert before["replaced_by"] == new["id"]
    assert before["state"] == "active"
    assert dt.datetime.fromisoformat(before["expires_at"]) < ends
    again = await owner.post(f"/v1/keys/{old['id']}/rotate")
    assert (again.status_code, again.json()["code"]) == (409, "key_not_current")
    await owner.post(f"/v1/keys/{new['id']}/rotate", json={"overlap_hours": 0})
    async with gateway.client(new["key"]) as http:
        assert (await http.get("/v1/account")).status_code == 401
    assert (await owner.get(f"/v1/keys/{new['id']}")).json()["state"] == "expired"


async def test_of_two_rotations_at_once_one_comes_too_late(gateway: RunningGateway, owner: httpx.AsyncClient) -> None:
    """A key has one successor."""
    del gateway
    made = await _made(owner)
    answers = await asyncio.gather(*(owner.post(f"/v1/keys/{made['id']}/rotate") for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]


async def test_keys_have_an_end_and_a_number(gateway: RunningGateway, owner: httpx.AsyncClient) -> None:
    """Two at once do not get past the limit; ended keys do not count, and are not rotated."""
    made = await asyncio.gather(*(owner.post("/v1/keys", json={"name": str(number), "role": "viewer"}) for number in range(7)))
    assert sorted(answer.status_code for answer in made) == [201] * 4 + [409] * 3
    taken = next(answer for answer in made if answer.status_code == 201).json()
    await owner.delete(f"/v1/keys/{taken['id']}")
    over = await _made(owner)
    await gateway.pool.execute("update gateway.api_keys set expires_at = now() where id = $1", UUID(over["id"]))
    assert (await owner.post(f"/v1/keys/{over['id']}/rotate")).json()["code"] == "key_not_current"
    await _made(owner)


async def test_the_list_of_keys_goes_on_page_by_page(gateway: RunningGateway, owner: httpx.AsyncClient) -> None:
    """Newest first, each once."""
    del gateway
    for number in range(3):
        await _made(owner, name=f"key {number}")
    names, path = [], "/v1/keys?limit=2"
    while path:
        answer = await owner.get(path)
        names += [key["name"] for key in answer.json()["data"]]
        path = answer.links.get("next", {}).get("url", "")
    assert names == ["key 2", "key 1", "key 0", "test"]


async def test_the_last_use_of_a_key_is_known(gateway: RunningGateway, owner: httpx.AsyncClient) -> None:
    """It is written together with others', and never goes back."""
    made = await _made(owner)
    store, key_id = KeyStore(gateway.pool), UUID(made["id"])
    uses = LastUses(store)
    uses.note(key_id)
    await uses.write()
    used = (await owner.get(f"/v1/keys/{key_id}")).json()["last_used_at"]
    assert used is not None
    await store.used({key_id: dt.datetime(2020, 1, 1, tzinfo=dt.UTC)})
    assert (await owner.get(f"/v1/keys/{key_id}")).json()["last_used_at"] == used
