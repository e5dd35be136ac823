"""Invitations and forgotten passwords: links that work once, and answers that tell nobody who has an account."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import pytest

from services.gateway.permissions import Role
from services.gateway.store.account_links import AccountLinkStore
from services.gateway.store.tenants import TenantStore
from services.gateway.store.users import UserRow
from shared.mail_links import LinkPurpose, link_token
from shared.schemas.endpoints import EventType
from shared.schemas.events import UserMailRequested
from shared.schemas.ids import new_id
from shared.sealing import Sealer
from tests.gatewaying import PASSWORD, RunningGateway, running_gateway

NEW_PASSWORD = "four umbrellas, at least"
CHEN = "chen@example.com"


@pytest.fixture
async def gateway(database_url: str, tmp_path: Path) -> AsyncIterator[RunningGateway]:
    """A gateway on an empty database that knows how it is reached."""
    async with running_gateway(database_url, tmp_path, public_url="http://a2t.example.com") as running:
        yield running


@pytest.fixture
async def admin(gateway: RunningGateway) -> UserRow:
    """Who invites."""
    return await gateway.new_user(await TenantStore(gateway.pool).add("Acme & Söhne"), Role.ADMIN)


def _path(gateway: RunningGateway, letter: UserMailRequested) -> str:
    """Where the e-mail's link leads."""
    purpose = LinkPurpose.JOIN if letter.message is EventType.USER_INVITATION else LinkPurpose.RESET
    return purpose.path + link_token(gateway.platform.secret_key, purpose, letter.link_id)


def _typed(password: str, again: str | None = None, **fields: str) -> dict[str, str]:
    return {"password": password, "again": password if again is None else again, **fields}


async def test_somebody_joins_by_the_link_of_an_invitation_and_by_it_alone(gateway: RunningGateway, admin: UserRow) -> None:
    """Looking at the link changes nothing; it works once; the next invitation takes the place of the one before."""
    async with await gateway.new_session(admin) as browser, httpx.AsyncClient(base_url=gateway.url) as reader:
        wish = {"email": "Chen@Example.com", "role": "editor", "language": "zh-Hant"}
        invited = await browser.post("/v1/users", json=wish)
        assert (invited.status_code, invited.json()["state"]) == (201, "invited"), invited.text
        first = await gateway.others.heard(UserMailRequested, CHEN)
        assert (first.message, first.organisation) == (EventType.USER_INVITATION, "Acme & Söhne")
        sealer = Sealer(gateway.platform.secret_key, purpose="endpoint")
        assert CHEN in sealer.unseal(first.endpoint.sealed, place=str(first.endpoint.id))
        assert (await browser.post("/v1/users", json=wish)).json()["code"] == "user_exists"
        user = f"/v1/users/{invited.json()['id']}"
        assert (await browser.post(f"{user}/invitation")).status_code == 202
        letter = await gateway.others.heard(UserMailRequested, CHEN, count=2)
        assert (await reader.get(_path(gateway, first))).json()["code"] == "not_found"
        browsing = {"Accept": "text/html,application/xhtml+xml", "Accept-Language": "zh-TW,zh;q=0.9"}
        void = await reader.get(_path(gateway, first), headers=browsing)
        assert (void.status_code, void.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
        assert 'lang="zh-Hant"' in void.text
        assert "已經失效" in void.text
        page = await reader.get(_path(gateway, letter))
        assert page.status_code == 200
        assert all(part in page.text for part in ("Acme &amp; Söhne", CHEN, 'lang="zh-Hant"', "設定密碼"))
        assert "script-src" not in page.headers["Content-Security-Policy"]
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert (await browser.get(user)).json()["state"] == "invited"
        foreign = {"Sec-Fetch-Site": "cross-site"}
        assert (await reader.post(_path(gateway, letter), data=_typed(NEW_PASSWORD), headers=foreign)).status_code == 403
        assert (await reader.post(_path(gateway, letter), json=_typed(NEW_PASSWORD))).status_code == 415
        for wrong, said in ((_typed("short", name="x"), "太容易猜到"), (_typed(NEW_PASSWORD, "other"), "不一樣")):
            again = await reader.post(_path(gateway, letter), data=wrong)
            assert (again.status_code, said in again.text) == (422, True)
        given = _typed(NEW_PASSWORD, name="<b>陳宇")
        answers = await asyncio.gather(*(reader.post(_path(gateway, letter), data=given) for _ in range(3)))
        assert sorted(answer.status_code for answer in answers) == [200, 404, 404]
        assert (await reader.get(_path(gateway, letter))).status_code == 404
        me = (await reader.get("/v1/me", auth=(CHEN, NEW_PASSWORD))).json()
        assert (me["user"]["name"], me["user"]["role"], me["user"]["state"]) == ("<b>陳宇", "editor", "active")
        assert (await browser.post(f"{user}/invitation")).json()["code"] == "not_invited"
        mightier = await browser.post("/v1/users", json={"email": "boss@example.com", "role": "owner"})
        assert (mightier.status_code, mightier.json()["permission"]) == (403, "owners:write")


async def test_a_forgotten_password_is_set_anew_and_signs_out_everywhere(gateway: RunningGateway, admin: UserRow) -> None:
    """The answer is the same for everybody, only who has an account gets an e-mail; the old password stays until the link is
    used, which also ends the account's wait."""
    wu = await gateway.new_user(admin.tenant_id, Role.VIEWER, "wu@example.com")
    kept_out = await gateway.new_user(admin.tenant_id, Role.VIEWER, "out@example.com")
    await gateway.pool.execute("update gateway.users set disabled_at = now() where id = $1", kept_out.id)
    async with await gateway.new_session(wu) as browser, httpx.AsyncClient(base_url=gateway.url) as http:
        answers = [
            await http.post("/v1/password-resets", json={"email": email})
            for email in ("nobody@example.com", kept_out.email, "WU@example.com", wu.email)
        ]
        assert {(answer.status_code, answer.content) for answer in answers} == {(202, b"")}
        letters = [await gateway.others.heard(UserMailRequested, wu.email, count=count) for count in (1, 2)]
        assert {letter.message for letter in letters} == {EventType.USER_PASSWORD_RESET}
        for nobody in ("nobody@example.com", kept_out.email):
            assert gateway.others.all_of(UserMailRequested, nobody) == []
        assert (await http.get("/v1/me", auth=(wu.email, PASSWORD))).status_code == 200
        paths = [_path(gateway, letter) for letter in letters]
        (opened,) = [path for path in paths if (await http.get(path)).status_code == 200]
        done = await http.post(opened, data=_typed(NEW_PASSWORD, name="not asked"))
        assert done.status_code == 200, done.text
        assert (await browser.get("/v1/me")).status_code == 401
        assert (await http.post(opened, data=_typed(NEW_PASSWORD))).status_code == 404
        assert (await http.get("/v1/me", auth=(wu.email, PASSWORD))).status_code == 401
        renewed = (await http.get("/v1/me", auth=(wu.email, NEW_PASSWORD))).json()
        assert renewed["user"]["name"] == wu.name
        limited = [await http.post("/v1/password-resets", json={"email": wu.email}) for _ in range(3)][-1]
        assert (limited.status_code, limited.json()["code"]) == (429, "too_many_mails")
        assert int(limited.headers["Retry-After"]) > 60


async def test_of_links_that_are_asked_for_at_once_one_leads_somewhere(gateway: RunningGateway, admin: UserRow) -> None:
    """Each takes the place of the one before, also where none has been made yet when the other is asked for."""
    async with httpx.AsyncClient(base_url=gateway.url) as http:
        assert (await http.post("/v1/password-resets", json={"email": admin.email})).status_code == 202
    letter = await gateway.others.heard(UserMailRequested, admin.email)
    store, asked = AccountLinkStore(gateway.pool), [new_id() for _ in range(8)]
    events = [msgspec.structs.replace(letter, event_id=new_id(), link_id=link_id) for link_id in asked]
    await asyncio.gather(
        *(store.request(event.link_id, event, user_id=admin.id, purpose=LinkPurpose.RESET) for event in events)
    )
    links = await gateway.pool.fetch("select used_at from gateway.account_links")
    assert (len(links), [link["used_at"] for link in links].count(None)) == (9, 1)


async def test_a_link_that_is_not_ours_leads_nowhere(gateway: RunningGateway, admin: UserRow) -> None:
    """Forged, of another purpose, expired, or of somebody who is kept out: all the same answer."""
    master = gateway.platform.secret_key
    async with await gateway.new_session(admin) as browser, httpx.AsyncClient(base_url=gateway.url) as http:
        made = (await browser.post("/v1/users", json={"email": CHEN, "role": "viewer"})).json()
        letter = await gateway.others.heard(UserMailRequested, CHEN)
        right = _path(gateway, letter)
        wrong = [
            "/i/" + link_token(b"n" * 32, LinkPurpose.JOIN, letter.link_id),
            "/i/" + link_token(master, LinkPurpose.RESET, letter.link_id),
            "/r/" + link_token(master, LinkPurpose.RESET, letter.link_id),
            "/i/" + link_token(master, LinkPurpose.JOIN, new_id()),
            "/c" + right[2:],
            right[:-1],
        ]
        answers = [await http.post(path, data=_typed(NEW_PASSWORD, name="x")) for path in wrong]
        assert {answer.status_code for answer in answers} == {404}
        assert (await http.get(right)).status_code == 200
        await browser.patch(f"/v1/users/{made['id']}", json={"disabled": True})
        assert (await http.get(right)).status_code == 404
        await browser.patch(f"/v1/users/{made['id']}", json={"disabled": False})
        await gateway.pool.execute("update gateway.account_links set expires_at = now()")
        assert (await http.post(right, data=_typed(NEW_PASSWORD, name="x"))).status_code == 404


async def test_nobody_takes_an_address_by_writing_it_down_first(gateway: RunningGateway, admin: UserRow) -> None:
    """Two tenants may invite the same address and learn nothing of each other; its reader joins one of them."""
    other = await gateway.new_user(await TenantStore(gateway.pool).add("others"), Role.ADMIN)
    async with (
        await gateway.new_session(admin) as ours,
        await gateway.new_session(other) as theirs,
        httpx.AsyncClient(base_url=gateway.url) as http,
    ):
        wish = {"email": CHEN, "role": "viewer"}
        assert [(await browser.post("/v1/users", json=wish)).status_code for browser in (ours, theirs)] == [201, 201]
        letters = [await gateway.others.heard(UserMailRequested, CHEN, count=count) for count in (1, 2)]
        first, second = [_path(gateway, letter) for letter in letters]
        assert (await http.post(first, data=_typed(NEW_PASSWORD, name="Chen"))).status_code == 200
        late = await http.post(second, data=_typed(NEW_PASSWORD, name="Chen"))
        assert (late.status_code, "another organisation" in late.text) == (422, True)
        states = [
            user["state"]
            for browser in (ours, theirs)
            for user in (await browser.get("/v1/users")).json()["data"]
            if user["email"] == CHEN
        ]
        assert sorted(states) == ["active", "invited"]


async def test_an_installation_that_cannot_be_reached_says_so(database_url: str, tmp_path: Path) -> None:
    """Before anything is made: without a public URL there are no links."""
    async with running_gateway(database_url, tmp_path) as gateway, await gateway.new_tenant("acme") as http:
        for answer in (
            await http.post("/v1/users", json={"email": CHEN, "role": "viewer"}),
            await http.post("/v1/password-resets", json={"email": CHEN}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (409, "public_url_missing")
        assert (await http.get("/v1/users")).json()["data"] == []
