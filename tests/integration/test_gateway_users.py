"""Users as they and their admins know them: roles, tokens, Basic, passwords, over real HTTP."""

from __future__ import annotations

import asyncio
from uuid import UUID

import httpx
import pytest

from services.gateway.keys import TOKEN_PREFIX, digest, is_sign_in
from services.gateway.permissions import ROLES, Role
from services.gateway.store.tenants import TenantStore
from services.gateway.store.users import UserRow
from tests.gatewaying import PASSWORD, RunningGateway

NEW_PASSWORD = "four umbrellas, at least"


@pytest.fixture
async def tenant_id(gateway: RunningGateway) -> UUID:
    """A tenant without anybody."""
    return await TenantStore(gateway.pool).add("acme")


async def _token(gateway: RunningGateway, user: UserRow, password: str = PASSWORD) -> httpx.AsyncClient:
    async with httpx.AsyncClient(base_url=gateway.url) as http:
        made = await http.post("/v1/tokens", auth=(user.email, password))
    assert made.status_code == 201, made.text
    return gateway.client(made.json()["token"])


async def test_a_token_does_what_its_user_may_and_is_stored_nowhere(gateway: RunningGateway, tenant_id: UUID) -> None:
    """Made with Basic, shown once, listed, ended at once; it makes no further token, so a stolen one ends."""
    user = await gateway.new_user(tenant_id, Role.EDITOR, "chen@example.com")
    async with httpx.AsyncClient(base_url=gateway.url) as http:
        answer = await http.post("/v1/tokens", auth=("Chen@Example.COM", PASSWORD), json={"name": "cron", "expires_in": 600})
        made = answer.json()
        assert answer.status_code == 201, answer.text
        assert is_sign_in(made["token"], TOKEN_PREFIX)
        assert answer.headers["Cache-Control"] == "no-store"
        async with gateway.client(made["token"]) as tool:
            me = (await tool.get("/v1/me")).json()
            assert (me["user"]["id"], me["means"], me["expires_at"]) == (str(user.id), "token", made["expires_at"])
            assert set(me["permissions"]) == set(ROLES[Role.EDITOR])
            account = (await tool.get("/v1/account")).json()
            assert (account["key"], account["user"]["email"]) == (None, "chen@example.com")
            again = await tool.post("/v1/tokens")
            assert (again.status_code, again.json()["code"]) == (401, "password_required")
            assert (await tool.get("/v1/users")).json()["permission"] == "users:read"
            (listed,) = (await tool.get("/v1/tokens")).json()["data"]
            assert (listed["id"], listed["name"]) == (made["id"], "cron")
            assert (await tool.delete(f"/v1/tokens/{made['id']}")).status_code == 204
            assert (await tool.get("/v1/me")).status_code == 401
        assert (await http.delete(f"/v1/tokens/{made['id']}", auth=(user.email, PASSWORD))).status_code == 404
    rows = str(await gateway.pool.fetch("select * from gateway.sign_ins"))
    assert made["token"] not in rows + str(digest(made["token"]))
    kept = await gateway.pool.fetchval("select password_hash from gateway.users")
    assert kept.startswith("$argon2id$")


async def test_a_user_who_is_kept_out_is_out_at_once(gateway: RunningGateway, tenant_id: UUID) -> None:
    """Their tokens, sessions and password open nothing any more; the same goes for all users of a tenant that is disabled."""
    user = await gateway.new_user(tenant_id, Role.EDITOR)
    async with (
        await gateway.new_client(tenant_id) as owner,
        await gateway.new_session(user) as browser,
        await _token(gateway, user) as tool,
        httpx.AsyncClient(base_url=gateway.url, auth=(user.email, PASSWORD)) as basic,
    ):
        assert [(await http.get("/v1/me")).status_code for http in (browser, tool, basic)] == [200] * 3
        (row,) = await TenantStore(gateway.pool).all()
        await TenantStore(gateway.pool).disable(row)
        assert [(await http.get("/v1/me")).status_code for http in (browser, tool, basic)] == [401] * 3
        await TenantStore(gateway.pool).enable(row)
        assert [(await http.get("/v1/me")).status_code for http in (browser, tool, basic)] == [200] * 3
        changed = await owner.patch(f"/v1/users/{user.id}", json={"role": "viewer"})
        assert (changed.status_code, changed.json()["role"]) == (200, "viewer")
        assert "jobs:write" not in (await tool.get("/v1/me")).json()["permissions"]
        for since, status in (
            ("now()", 401),
            ("null", 200),
        ):  # whatever signed them in goes with it, and would count for nothing
            await gateway.pool.execute(f"update gateway.users set disabled_at = {since} where id = $1", user.id)
            assert [(await http.get("/v1/me")).status_code for http in (browser, tool, basic)] == [status] * 3
        disabled = (await owner.patch(f"/v1/users/{user.id}", json={"disabled": True})).json()
        assert disabled["state"] == "disabled"
        answers = [await http.get("/v1/me") for http in (browser, tool, basic)]
        assert [answer.status_code for answer in answers] == [401] * 3
        assert (await owner.patch(f"/v1/users/{user.id}", json={"disabled": False})).json()["state"] == "active"
        assert [(await http.get("/v1/me")).status_code for http in (browser, tool, basic)] == [401, 401, 200]
        assert (await owner.delete(f"/v1/users/{user.id}")).status_code == 204
        assert (await basic.get("/v1/me")).status_code == 401
        assert (await owner.get(f"/v1/users/{user.id}")).status_code == 404


async def test_nobody_makes_anybody_mightier_than_themselves(gateway: RunningGateway, tenant_id: UUID) -> None:
    """An admin makes no owner, not of themselves either, and touches none; a narrowed key nobody who may do more than itself;
    what is read-only cannot be assigned."""
    owner, admin = await gateway.new_user(tenant_id, Role.OWNER), await gateway.new_user(tenant_id, Role.ADMIN)
    async with await _token(gateway, admin) as http:
        for refused in (
            await http.patch(f"/v1/users/{admin.id}", json={"role": "owner"}),
            await http.patch(f"/v1/users/{owner.id}", json={"role": "viewer"}),
            await http.patch(f"/v1/users/{owner.id}", json={"name": "x"}),
            await http.delete(f"/v1/users/{owner.id}"),
            await http.post("/v1/keys", json={"name": "x", "role": "owner"}),
        ):
            assert (refused.status_code, refused.json()["permission"]) == (403, "owners:write")
        for assigned in (
            {"id": str(owner.id)},
            {"tenant_id": str(owner.id)},
            {"email": "a@example.com"},
            {"password_hash": "x"},
            {"state": "active"},
            {"permissions": ["owners:write"]},
        ):
            for path in (f"/v1/users/{admin.id}", "/v1/me"):
                answer = await http.patch(path, json={"name": "x", **assigned})
                assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
        assert (await http.patch("/v1/me", json={"role": "owner"})).status_code == 422
        assert (await http.patch("/v1/me", json={"name": " 陳\u202e宇 ", "language": "zh-Hant"})).json()["user"][
            "name"
        ] == "陳宇"
        assert (await http.get("/v1/me")).json()["user"]["role"] == "admin"
        narrow = (await http.post("/v1/keys", json={"name": "x", "role": "admin", "scopes": ["users:write"]})).json()
    viewer = await gateway.new_user(tenant_id, Role.VIEWER)
    async with gateway.client(narrow["key"]) as http:
        assert (await http.patch(f"/v1/users/{viewer.id}", json={"role": "editor"})).status_code == 403
        assert (await http.delete(f"/v1/users/{viewer.id}")).status_code == 403


async def test_a_tenant_keeps_an_owner(gateway: RunningGateway, tenant_id: UUID) -> None:
    """The last one cannot be removed, demoted or kept out, and of two who demote each other at once one stays."""
    first, second = await gateway.new_user(tenant_id, Role.OWNER), await gateway.new_user(tenant_id, Role.OWNER)
    async with await _token(gateway, first) as one, await _token(gateway, second) as other:
        answers = await asyncio.gather(
            one.patch(f"/v1/users/{second.id}", json={"role": "viewer"}),
            other.patch(f"/v1/users/{first.id}", json={"role": "viewer"}),
        )
        assert sorted(answer.status_code for answer in answers) in ([200, 403], [200, 409])
    async with await gateway.new_client(tenant_id) as key:
        users = {user["role"]: user["id"] for user in (await key.get("/v1/users")).json()["data"]}
        assert set(users) == {"owner", "viewer"}
        for answer in (
            await key.delete(f"/v1/users/{users['owner']}"),
            await key.patch(f"/v1/users/{users['owner']}", json={"role": "admin"}),
            await key.patch(f"/v1/users/{users['owner']}", json={"disabled": True}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (409, "last_owner")
        assert (await key.patch(f"/v1/users/{users['viewer']}", json={"role": "owner"})).status_code == 200
        assert (await key.delete(f"/v1/users/{users['owner']}")).status_code == 204


async def test_a_new_password_is_felt_at_once_and_ends_the_other_sessions(gateway: RunningGateway, tenant_id: UUID) -> None:
    """Also where the old one was remembered, and at another process of the gateway; it takes the old one, and a good one."""
    user = await gateway.new_user(tenant_id, Role.VIEWER)
    async with (
        await gateway.new_session(user) as browser,
        await gateway.new_session(user) as elsewhere,
        await _token(gateway, user) as tool,
        httpx.AsyncClient(base_url=gateway.url, auth=(user.email, PASSWORD)) as basic,
    ):
        assert (await basic.get("/v1/me")).status_code == 200
        wish = {"old_password": "not it, no", "new_password": NEW_PASSWORD}
        wrong = (await browser.put("/v1/me/password", json=wish)).json()
        assert (wrong["code"], wrong["detail"].startswith("The old password is not right")) == ("sign_in_failed", True)
        for weak in ("short", "aaaaaaaaaaaaaaaa", user.email):
            answer = await browser.put("/v1/me/password", json={"old_password": PASSWORD, "new_password": weak})
            assert (answer.status_code, answer.json()["code"]) == (422, "password_too_weak")
        assert (await elsewhere.get("/v1/me")).status_code == 200
        changed = await browser.put("/v1/me/password", json={"old_password": PASSWORD, "new_password": NEW_PASSWORD})
        assert changed.status_code == 204, changed.text
        assert [(await http.get("/v1/me")).status_code for http in (browser, elsewhere, tool, basic)] == [200, 401, 401, 401]
        async with await _token(gateway, user, NEW_PASSWORD) as renewed:
            assert (await renewed.get("/v1/me")).status_code == 200


async def test_users_are_listed_and_keys_are_nobody(gateway: RunningGateway, tenant_id: UUID) -> None:
    """Page by page, newest first, without what is secret; behind a key there is no user."""
    made = [await gateway.new_user(tenant_id, Role.VIEWER) for _ in range(3)]
    async with await gateway.new_client(tenant_id, Role.AUDITOR) as http:
        names, path = [], "/v1/users?limit=2"
        while path:
            answer = await http.get(path)
            assert "argon2" not in answer.text
            names += [user["id"] for user in answer.json()["data"]]
            path = answer.links.get("next", {}).get("url", "")
        assert names == [str(user.id) for user in reversed(made)]
        assert (await http.get("/v1/me")).json()["code"] == "no_user"
        assert (await http.get("/v1/tokens")).json()["code"] == "no_user"
