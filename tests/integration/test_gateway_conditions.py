"""Conditional requests over real HTTP: what a client has is not sent again, and nobody's change is overwritten unseen."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from services.gateway.permissions import Role
from tests.gatewaying import ApiClient, RunningGateway


async def test_nobodys_change_is_overwritten_unseen(gateway: RunningGateway, api: ApiClient) -> None:
    """Of endpoints, users, policy and retention alike: the ETag that was read, or answered, fits until somebody changes the
    thing; then it is 412, and nothing was done. `*` is for any, and without the header everything is as before."""
    http = api.http
    tenant_id = await gateway.pool.fetchval("select id from gateway.tenants")
    user = await gateway.new_user(tenant_id, Role.EDITOR)
    wish = {"kind": "webhook", "url": "https://93.184.216.34/hooks", "events": ["job.*"]}
    endpoint = (await http.post("/v1/endpoints", json=wish)).json()
    things: list[tuple[str, str, Any, Any]] = [
        ("PATCH", f"/v1/endpoints/{endpoint['id']}", {"description": "mine"}, {"description": "theirs"}),
        ("PATCH", f"/v1/users/{user.id}", {"role": "viewer"}, {"name": "Chen"}),
        ("PUT", "/v1/policy", {"outside": False}, {"outside": True}),
        ("PUT", "/v1/retention", {"tenant": {"audio": 30}}, {"tenant": {"audio": 7}}),
    ]
    for method, path, mine, theirs in things:
        etag = (await http.get(path)).headers["ETag"]
        assert (await http.head(path)).headers["ETag"] == etag
        assert (await http.get(path, headers={"If-None-Match": etag})).status_code == 304
        first = await http.request(method, path, json=theirs if method == "PATCH" else mine, headers={"If-Match": etag})
        assert (first.status_code, first.headers["ETag"] != etag) == (200, True), first.text
        late = await http.request(method, path, json=mine, headers={"If-Match": etag})
        assert (late.status_code, late.json()["code"]) == (412, "precondition_failed"), path
        assert (await http.get(path, headers={"If-None-Match": etag})).json() == first.json()
        weak = await http.request(method, path, json=mine, headers={"If-Match": f"W/{first.headers['ETag']}"})
        assert (weak.status_code, "Accept-Encoding" in weak.json()["detail"]) == (412, True), path
        again = await http.request(method, path, json=mine, headers={"If-Match": first.headers["ETag"]})
        assert again.status_code == 200, again.text
        assert (await http.get(path, headers={"If-None-Match": again.headers["ETag"]})).status_code == 304
        for headers in ({"If-Match": "*"}, {}):
            assert (await http.request(method, path, json=theirs, headers=headers)).status_code == 200
    for _, path, _, _ in things[:2]:
        known = (await http.get(path)).headers["ETag"]
        assert (await http.delete(path, headers={"If-Match": '"other"'})).status_code == 412
        assert (await http.delete(path, headers={"If-Match": known})).status_code == 204
        assert (await http.get(path)).status_code == 404

    etag = (await http.get("/v1/retention")).headers["ETag"]
    wishes = [http.put("/v1/retention", json={"tenant": {"raw": days}}, headers={"If-Match": etag}) for days in (1, 2, 3)]
    assert sorted(answer.status_code for answer in await asyncio.gather(*wishes)) == [200, 412, 412]


async def test_how_a_thing_fares_stands_in_nobodys_way(gateway: RunningGateway, api: ApiClient) -> None:
    """A new sign-in changes what is shown of a user, so it is sent again; whoever changes the name need not know of it."""
    tenant_id = await gateway.pool.fetchval("select id from gateway.tenants")
    user = await gateway.new_user(tenant_id, Role.EDITOR)
    path = f"/v1/users/{user.id}"
    etag = (await api.http.get(path)).headers["ETag"]
    async with await gateway.new_session(user) as browser:
        seen = await api.http.get(path, headers={"If-None-Match": etag})
        assert (seen.status_code, seen.headers["ETag"] != etag) == (200, True)
        assert (await api.http.patch(path, json={"name": "Chen"}, headers={"If-Match": etag})).status_code == 200
        me = (await browser.get("/v1/me")).headers["ETag"]
        assert (await browser.patch("/v1/me", json={"language": "zh-Hant"}, headers={"If-Match": me})).status_code == 200
        assert (await browser.patch("/v1/me", json={"language": "en"}, headers={"If-Match": me})).status_code == 412


async def test_jobs_and_lists_are_sent_when_they_changed(gateway: RunningGateway, api: ApiClient) -> None:
    """A list has the ETag of what it shows. A job is deleted as it is known, or not; routes that look at no If-Match say so,
    and secrets have no ETag."""
    http = api.http
    job = await api.create()
    path = f"/v1/jobs/{job['id']}"
    page = await http.get("/v1/jobs", params={"limit": 1})
    same = await http.get("/v1/jobs", params={"limit": 1}, headers={"If-None-Match": page.headers["ETag"]})
    assert (same.status_code, same.content, "Content-Type" in same.headers) == (304, b"", False)
    known = (await http.get(path)).headers["ETag"]
    assert (await http.patch(path, json={"title": "new"})).status_code == 200
    changed = await http.get("/v1/jobs", params={"limit": 1}, headers={"If-None-Match": page.headers["ETag"]})
    assert (changed.status_code, changed.json()["data"][0]["title"]) == (200, "new")
    assert (await http.get(path, headers={"If-None-Match": f"W/{known}"})).status_code == 200
    stale = await http.delete(path, headers={"If-Match": known})
    assert (stale.status_code, stale.json()["code"]) == (412, "job_changed")
    refused = await http.post(f"{path}/cancel", headers={"If-Match": known})
    assert (refused.status_code, refused.json()["code"]) == (400, "precondition_refused")
    assert (await api.job(job["id"]))["state"] == "queued"
    current = (await http.get(path)).headers["ETag"]
    assert (await http.delete(path, headers={"If-Match": current})).status_code == 204
    secret = await http.get("/v1/webhook-secret", headers={"If-None-Match": "*"})
    assert (secret.status_code, "ETag" in secret.headers) == (200, False)
    async with httpx.AsyncClient(base_url=gateway.url) as anybody:
        described = (await anybody.get("/v1/openapi.json")).headers["ETag"]
        assert (await anybody.get("/v1/openapi.json", headers={"If-None-Match": described})).status_code == 304
