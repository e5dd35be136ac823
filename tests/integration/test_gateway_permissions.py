"""Every route as every role, and as another tenant: what the OpenAPI document says is replayed over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.gateway.permissions import ROLES, Role
from shared.schemas.events import JobSubmitted
from shared.schemas.ids import new_id
from tests.gatewaying import PASSWORD, WAV, ApiClient, RunningGateway

BODIES: Mapping[tuple[str, str], Any] = {
    ("POST", "/v1/jobs"): {"audio_url": "https://example.com/a.wav"},
    ("POST", "/v1/estimates"): {"duration_ms": 60_000},
    ("POST", "/v1/batches"): {"items": [{"audio_url": "https://example.com/a.wav"}]},
    ("PATCH", "/v1/jobs/{job_id}"): {"tags": ["theirs"]},
    ("PATCH", "/v1/jobs/{job_id}/transcript"): {"speakers": [{"id": "spk_1", "name": "Chen"}]},
    ("POST", "/v1/jobs/{job_id}/transcript/restore"): {"revision": 0},
    ("POST", "/v1/endpoints"): {"kind": "webhook", "url": "https://example.com/theirs"},
    ("PATCH", "/v1/endpoints/{endpoint_id}"): {"description": "theirs"},
    ("POST", "/v1/endpoints/{endpoint_id}/replay"): {"since": "2026-01-01T00:00:00Z"},
    ("PUT", "/v1/policy"): {"outside": True},
    ("PUT", "/v1/retention"): {"tenant": {"audio": 36500}},
    ("POST", "/v1/erasures"): {"job_id": str(new_id()), "speaker_id": "spk_1"},
    ("POST", "/v1/keys"): {"name": "theirs", "role": "auditor"},
    ("POST", "/v1/vocabularies"): {"name": "theirs"},
    ("PUT", "/v1/vocabularies/{vocabulary_id}"): {"name": "theirs"},
    ("POST", "/v1/users"): {"email": "theirs@example.com", "role": "auditor"},
    ("PATCH", "/v1/users/{user_id}"): {"name": "theirs"},
    ("PATCH", "/v1/me"): {"name": "theirs"},
    ("PUT", "/v1/me/password"): {"old_password": "a password of theirs", "new_password": "another password of theirs"},
}


@dataclass(frozen=True, kw_only=True)
class Route:
    """One operation of the API."""

    method: str
    path: str
    permission: str
    conditions: Mapping[str, str]

    async def call(self, http: httpx.AsyncClient, things: Mapping[str, str]) -> httpx.Response:
        """Call it about these things."""
        path, body = self.path.format(**things), BODIES.get((self.method, self.path))
        if self.path == "/v1/uploads":
            return await http.request(self.method, path, content=WAV + bytes(2000))
        if self.path == "/v1/events":
            async with http.stream(self.method, path, params={"snapshot": "true"}) as stream:
                return httpx.Response(stream.status_code, content=await _begin(stream))
        if self.path.endswith("/events"):
            async with http.stream(self.method, path) as stream:
                return stream if stream.status_code == 200 else httpx.Response(stream.status_code, content=await stream.aread())
        if (self.method, self.path) == ("PATCH", "/v1/uploads/{upload_id}"):
            tus = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
            return await http.request(self.method, path, content=b"more", headers=tus)
        if self.path.endswith("/csv") and self.method == "PUT":
            headers = {**self.conditions, "Content-Type": "text/csv"}
            return await http.request(self.method, path, content=b"kind,text\n", headers=headers)
        return await http.request(self.method, path, json=body, headers=self.conditions)


async def _begin(stream: httpx.Response) -> bytes:
    """What a stream that never ends says at first."""
    begin = b""
    async for chunk in stream.aiter_bytes():
        begin += chunk
        if b"event: synced" in begin:
            break
    return begin


@pytest.fixture
async def owner(gateway: RunningGateway) -> AsyncIterator[ApiClient]:
    """The owner of the things that are asked for."""
    async with await gateway.new_tenant("acme") as http:
        yield ApiClient(http)


async def _routes(gateway: RunningGateway) -> list[Route]:
    async with httpx.AsyncClient(base_url=gateway.url) as http:
        paths = (await http.get("/v1/openapi.json")).json()["paths"]
    return [
        Route(method=method.upper(), path=path, permission=operation["x-permission"], conditions=_conditions(operation))
        for path, item in paths.items()
        for method, operation in item.items()
        if operation.get("security") != []
    ]


def _conditions(operation: dict[str, Any]) -> dict[str, str]:
    """Such as keep what is there from being changed, where the route looks at them."""
    takes = any(parameter.get("name") == "If-Match" for parameter in operation["parameters"])
    return {"If-Match": '"older"'} if takes else {}


async def _things(gateway: RunningGateway, owner: ApiClient) -> dict[str, str]:
    """A completed job, an upload, an endpoint, a delivery, a key, a vocabulary, and a user who has a token."""
    job = await owner.create()
    await gateway.others.complete(await gateway.others.heard(JobSubmitted, job["id"]))
    erased = await owner.create()
    await owner.http.delete(f"/v1/jobs/{erased['id']}")
    endpoint = (await owner.http.post("/v1/endpoints", json={"kind": "webhook", "url": "https://example.com/mine"})).json()
    key = (await owner.http.post("/v1/keys", json={"name": "mine", "role": "viewer"})).json()
    user = await gateway.new_user(UUID((await owner.http.get("/v1/account")).json()["tenant"]["id"]), Role.VIEWER)
    token = (await owner.http.post("/v1/tokens", auth=(user.email, PASSWORD))).json()
    return {
        "job_id": job["id"],
        "upload_id": (await owner.upload())["id"],
        "endpoint_id": endpoint["id"],
        "delivery_id": str(new_id()),
        "key_id": key["id"],
        "erasure_id": erased["id"],
        "export_id": (await owner.http.post("/v1/exports")).json()["id"],
        "vocabulary_id": (await owner.http.post("/v1/vocabularies", json={"name": "mine"})).json()["id"],
        "batch_id": await _batch(owner),
        "user_id": str(user.id),
        "token_id": token["id"],
        "session_id": str(new_id()),
        "suppression_id": str(new_id()),
        "name": "transcript.txt",
        "solution": "verbatim",
    }


async def _batch(owner: ApiClient) -> str:
    order = {"items": [{"audio_url": "https://example.com/b.wav"}]}
    return str((await owner.http.post("/v1/batches", json=order)).json()["id"])


@pytest.mark.parametrize("role", list(Role))
async def test_every_route_is_open_to_whom_the_table_says(gateway: RunningGateway, owner: ApiClient, role: Role) -> None:
    """Whoever lacks the permission gets 403 with its name, before anything is looked up; whoever has it never does."""
    things = await _things(gateway, owner)
    tenant_id = (await owner.http.get("/v1/account")).json()["tenant"]["id"]
    refused = set()
    async with await gateway.new_client(tenant_id, role=role) as http:
        for route in sorted(await _routes(gateway), key=lambda route: route.method == "DELETE"):
            answer = await route.call(http, things)
            allowed = route.permission in ROLES[role]
            assert (answer.status_code == 403) is not allowed, f"{role}: {route}: {answer.status_code} {answer.text}"
            assert answer.status_code < 500, f"{role}: {route}: {answer.text}"
            if not allowed and route.method != "HEAD":
                assert (answer.json()["code"], answer.json()["permission"]) == ("forbidden", route.permission)
                refused.add(route.permission)
    assert bool(refused) is (role is not Role.OWNER and role is not Role.ADMIN)


async def test_another_tenants_things_are_not_there(gateway: RunningGateway, owner: ApiClient) -> None:
    """An owner of another tenant who knows every id gets what they would for one that nobody has, and sees it in no list."""
    things = await _things(gateway, owner)
    nothing = {**{name: str(new_id()) for name in things}, "name": things["name"], "solution": "verbatim"}
    own = {name for name in things if name.endswith("_id")}
    asked = 0
    async with await gateway.new_tenant("others") as stranger:
        for route in await _routes(gateway):
            if any(f"{{{name}}}" in route.path for name in own):
                theirs, nobodys = await route.call(stranger, things), await route.call(stranger, nothing)
                assert theirs.status_code == nobodys.status_code == 404, f"{route}: {theirs.status_code} {theirs.text}"
                if route.method != "HEAD":
                    assert theirs.json()["detail"] == nobodys.json()["detail"]
                asked += 1
            elif route.method == "GET":
                listed = (await route.call(stranger, things)).text
                assert not [name for name in own if things[name] in listed], f"{route} shows another tenant's things"
    assert asked >= 20
    for path in ("jobs/{job_id}", "uploads/{upload_id}", "endpoints/{endpoint_id}", "keys/{key_id}"):
        assert (await owner.http.get("/v1/" + path.format(**things))).status_code == 200
    assert (await owner.http.get(f"/v1/keys/{things['key_id']}")).json()["state"] == "active"


SWAPPED = {
    "job_id": "endpoint_id",
    "upload_id": "key_id",
    "endpoint_id": "job_id",
    "key_id": "token_id",
    "user_id": "key_id",
    "token_id": "user_id",
    "session_id": "token_id",
    "delivery_id": "endpoint_id",
    "suppression_id": "job_id",
}


async def test_an_id_means_nothing_where_another_kind_is_asked_for(gateway: RunningGateway, owner: ApiClient) -> None:
    """One's own ids, swapped, are answered as those that nobody has."""
    things = await _things(gateway, owner)
    swapped = things | {name: things[other] for name, other in SWAPPED.items()}
    asked = 0
    for route in await _routes(gateway):
        if any(f"{{{name}}}" in route.path for name in SWAPPED):
            answer = await route.call(owner.http, swapped)
            assert answer.status_code == 404, f"{route}: {answer.status_code} {answer.text}"
            asked += 1
    assert asked >= 20


async def test_another_tenants_ids_lead_nowhere_in_bodies_queries_and_cursors(
    gateway: RunningGateway, owner: ApiClient
) -> None:
    """Their upload becomes nobody else's job, their endpoint filters nothing, their place in a list begins no other."""
    things = await _things(gateway, owner)
    await owner.create()
    cursor = (await owner.http.get("/v1/jobs", params={"limit": 1})).json()["next_cursor"]
    async with await gateway.new_tenant("others") as stranger:
        mine = (await ApiClient(stranger).create())["id"]
        order = {"upload_id": things["upload_id"]}
        theirs = await stranger.post("/v1/jobs", json=order)
        nobodys = await stranger.post("/v1/jobs", json={"upload_id": str(new_id())})
        assert (theirs.status_code, theirs.json()["code"]) == (nobodys.status_code, nobodys.json()["code"])
        assert theirs.status_code >= 400
        for name in ("endpoint_id", "job_id"):
            found = [await stranger.get("/v1/deliveries", params={name: value}) for value in (things[name], str(new_id()))]
            assert len({(answer.status_code, answer.json().get("detail")) for answer in found}) == 1
            assert not found[0].json().get("data")
        listed = (await stranger.get("/v1/jobs", params={"after": cursor})).json()["data"]
        assert [job["id"] for job in listed] in ([], [mine])
    assert (await owner.http.post("/v1/jobs", json=order)).status_code < 300


async def test_what_methods_there_are_needs_a_key_and_no_permission(gateway: RunningGateway, owner: ApiClient) -> None:
    """OPTIONS says what else there is, to anybody with a key."""
    tenant_id = (await owner.http.get("/v1/account")).json()["tenant"]["id"]
    async with await gateway.new_client(tenant_id, role=Role.AUDITOR) as http:
        answer = await http.options("/v1/jobs")
        assert answer.status_code == 204
        assert "POST" in answer.headers["Allow"]
        assert (await http.options("/v1/jobs", headers={"Authorization": ""})).status_code == 401
