"""Signing in, and how it is attacked: guessing, spraying, fixed sessions, forged requests, over real HTTP."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from services.gateway.audit_trail import AuditTrail
from services.gateway.auth import Authenticator
from services.gateway.keys import SESSION_PREFIX, TOKEN_PREFIX, new_key
from services.gateway.permissions import Role
from services.gateway.problems import Problem
from services.gateway.store.accounts import AccountStore
from services.gateway.store.attempts import Attempt, AttemptStore, Patience
from services.gateway.store.audit import AuditStore
from services.gateway.store.sign_ins import Proof, SignInKind, SignInRow, SignInStore
from services.gateway.store.tenants import TenantStore
from services.gateway.store.users import UserRow, UserStore
from services.gateway.users.passwords import Passwords
from services.gateway.users.signing_in import SigningIn
from shared.schemas.ids import new_id
from tests.gatewaying import PASSWORD, WAV, RunningGateway, running_gateway

HOME, ELSEWHERE = "203.0.113.1", "198.51.100.7"
BEHIND_PROXY = {"AUDIO2TXT_TRUSTED_PROXIES": "127.0.0.0/8"}
KEY = {"name": "forged", "role": "viewer"}


@pytest.fixture
async def gateway(database_url: str, tmp_path: Path) -> AsyncIterator[RunningGateway]:
    """A gateway on an empty database, behind a proxy that says where requests come from."""
    async with running_gateway(database_url, tmp_path, settings=BEHIND_PROXY) as running:
        yield running


@pytest.fixture
async def user(gateway: RunningGateway) -> UserRow:
    """An owner."""
    return await gateway.new_user(await TenantStore(gateway.pool).add("acme"), Role.OWNER, "chen@example.com")


async def _sign_in(url: str, email: str, password: str, place: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=url, timeout=60) as http:
        headers = {"X-Forwarded-For": place}
        return await http.post("/v1/session", json={"email": email, "password": password}, headers=headers)


async def _prolong(gateway: RunningGateway) -> None:
    """Let the waits that there are last, however slow the machine is."""
    await gateway.pool.execute("update gateway.sign_in_attempts set retry_at = retry_at + interval '1 hour'")


async def test_whoever_guesses_waits_and_keeps_nobody_out(
    gateway: RunningGateway, user: UserRow, database_url: str, tmp_path: Path
) -> None:
    """At every process of the gateway, with the right password, too; whether there is such an account cannot be told. The
    owner gets in from where they were before."""
    assert (await _sign_in(gateway.url, user.email, PASSWORD, HOME)).status_code == 201
    refusals = [
        await _sign_in(gateway.url, email, "a wrong password", ELSEWHERE)
        for email in (user.email, "nobody@example.com", "no address")
        for _ in range(5)
    ]
    await _prolong(gateway)
    documents = [{**answer.json(), "request_id": None} for answer in refusals]
    assert all(document == documents[0] for document in documents)
    assert (refusals[0].status_code, documents[0]["code"]) == (401, "sign_in_failed")
    async with running_gateway(database_url, tmp_path / "second", settings=BEHIND_PROXY) as second:
        for email in (user.email, "nobody@example.com"):
            waits = await _sign_in(second.url, email, PASSWORD, "198.51.100.8")
            assert (waits.status_code, waits.json()["code"]) == (429, "too_many_attempts")
            assert 3000 < int(waits.headers["Retry-After"]) < 4000
            async with httpx.AsyncClient(base_url=second.url, auth=(email, PASSWORD)) as http:
                assert (await http.get("/v1/me", headers={"X-Forwarded-For": ELSEWHERE})).status_code == 429
    assert (await _sign_in(gateway.url, user.email, PASSWORD, HOME)).status_code == 201


async def test_passwords_are_not_sprayed_from_one_address(gateway: RunningGateway, user: UserRow) -> None:
    """After twenty failures over whatever accounts it waits, the whole IPv6 network of a household as one; its own success
    does not wash it clean."""
    place = "2001:db8:1:2::5"
    assert (await _sign_in(gateway.url, "a@example.com", "a wrong password", place)).status_code == 401
    assert (await _sign_in(gateway.url, user.email, PASSWORD, place)).status_code == 201
    await gateway.pool.execute("update gateway.sign_in_attempts set failures = 19 where failures = 1")
    assert (await _sign_in(gateway.url, "b@example.com", "a wrong password", place)).status_code == 401
    await _prolong(gateway)
    assert (await _sign_in(gateway.url, "c@example.com", "a wrong password", "2001:db8:1:2::77")).status_code == 429
    assert (await _sign_in(gateway.url, "c@example.com", "a wrong password", "2001:db8:1:3::77")).status_code == 401


async def test_attempts_at_once_are_as_many_as_they_are(gateway: RunningGateway) -> None:
    """Of thirty at the same moment five are let through, and none more for the wait."""
    patience = Patience(free=5, longest=900.0, first=900.0)
    stores = [AttemptStore(gateway.pool), AttemptStore(gateway.pool)]
    waits = await asyncio.gather(*(stores[number % 2].take("somebody", patience) for number in range(30)))
    assert sorted(wait > 0 for wait in waits) == [False] * 5 + [True] * 25


async def test_successes_and_attempts_at_once_do_not_wait_for_each_other_in_a_ring(gateway: RunningGateway) -> None:
    """Whatever order the rows of an account and a place would have by themselves, nobody's request is broken off."""
    store = AttemptStore(gateway.pool)
    for email in (f"{number}@example.com" for number in range(8)):
        attempt = await store.begin(email, HOME)
        assert isinstance(attempt, Attempt)
        await gateway.pool.execute("update gateway.sign_in_attempts set retry_at = null, failures = 0, trusted_until = null")
        await asyncio.gather(*(ask for _ in range(5) for ask in (store.succeeded(attempt), store.begin(email, HOME))))


async def test_nobody_stays_signed_in_by_a_password_that_was_reset_meanwhile(
    gateway: RunningGateway, user: UserRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a session nor a token comes of a password that was right a moment ago, and it does not change the new one."""
    verify, users = Passwords.verify, UserStore(gateway.pool)
    first = await gateway.pool.fetchval("select password_hash from gateway.users where id = $1", user.id)
    browser = await gateway.new_session(user)

    async def verify_and_reset(self: Passwords, kept: str | None, password: str, *, trusted: bool) -> bool:
        right = await verify(self, kept, password, trusted=trusted)
        assert right
        assert await users.set_password(user, "another", keep=kept_session)
        return right

    kept_session = await gateway.pool.fetchval("select id from gateway.sign_ins")
    monkeypatch.setattr(Passwords, "verify", verify_and_reset)
    async with browser, httpx.AsyncClient(base_url=gateway.url, auth=(user.email, PASSWORD)) as basic:
        asks: tuple[Callable[[], Awaitable[httpx.Response]], ...] = (
            lambda: _sign_in(gateway.url, user.email, PASSWORD, HOME),
            lambda: basic.post("/v1/tokens", json={}),
            lambda: browser.put("/v1/me/password", json={"old_password": PASSWORD, "new_password": "a stolen account"}),
        )
        for ask in asks:
            await gateway.pool.execute("update gateway.users set password_hash = $1", first)
            answer = await ask()
            assert (answer.status_code, answer.json()["code"]) == (401, "sign_in_failed")
            assert await gateway.pool.fetchval("select password_hash from gateway.users") == "another"
    assert await gateway.pool.fetchval("select array_agg(id) from gateway.sign_ins") == [kept_session]


async def test_a_reset_ends_what_is_being_begun(gateway: RunningGateway, user: UserRow) -> None:
    """A session whose transaction has not ended when the password is set is seen and ended, too."""
    now = dt.datetime.now(dt.UTC)
    row = SignInRow(
        id=new_id(),
        tenant_id=user.tenant_id,
        user_id=user.id,
        kind=SignInKind.TOKEN,
        name="",
        created_at=now,
        expires_at=now + dt.timedelta(hours=1),
        last_used_at=now,
    )
    async with gateway.pool.acquire() as connection, asyncio.TaskGroup() as tasks, connection.transaction():
        store: Any = connection
        assert await SignInStore(store).add(row, new_key(TOKEN_PREFIX), proof=Proof.PASSWORD, verified=None, most=9)
        tasks.create_task(UserStore(gateway.pool).set_password(user, "another"))
        waiting = "select count(*) from pg_stat_activity where pg_backend_pid() = any(pg_blocking_pids(pid))"
        while not await connection.fetchval(waiting):
            await asyncio.sleep(0.01)
    assert await gateway.pool.fetchval("select count(*) from gateway.sign_ins") == 0


async def test_a_tool_that_asks_many_things_at_once_is_not_put_off(gateway: RunningGateway, user: UserRow) -> None:
    """Its right password is one attempt, however many requests bring it before it is known; a NUL is no error of ours."""
    async with httpx.AsyncClient(base_url=gateway.url, auth=(user.email, PASSWORD), timeout=60) as http:
        answers = await asyncio.gather(*(http.get("/v1/me") for _ in range(20)))
        assert {answer.status_code for answer in answers} == {200}
        assert (await http.get("/v1/me", auth=("a\0b", PASSWORD))).status_code == 401


async def test_a_session_cannot_be_fixed(gateway: RunningGateway, user: UserRow) -> None:
    """Whatever a browser was made to have before, signing in gives it something else, and ends what it had."""
    planted = new_key(SESSION_PREFIX)
    attacker = await gateway.new_user(user.tenant_id, Role.VIEWER)
    async with await gateway.new_session(attacker) as theirs:
        own = theirs.cookies["audio2txt"]
        for cookie in (planted, own):
            async with httpx.AsyncClient(base_url=gateway.url, cookies={"audio2txt": cookie}) as victim:
                signed_in = await victim.post("/v1/session", json={"email": user.email, "password": PASSWORD})
            fresh = signed_in.cookies["audio2txt"]
            assert fresh not in (cookie, planted, own)
            async with httpx.AsyncClient(base_url=gateway.url, cookies={"audio2txt": cookie}) as http:
                assert (await http.get("/v1/me")).status_code == 401
            async with httpx.AsyncClient(base_url=gateway.url, cookies={"audio2txt": fresh}) as http:
                assert (await http.get("/v1/me")).json()["user"]["id"] == str(user.id)


async def test_another_sites_pages_do_nothing_with_a_session(gateway: RunningGateway, user: UserRow) -> None:
    """Not without the session's token, nor with another session's, nor as a form; what a browser calls cross-site is nobody."""
    async with await gateway.new_session(user) as browser, await gateway.new_session(user) as other:
        token = browser.headers.pop("X-CSRF-Token")
        shown = (await browser.get("/v1/session")).json()
        assert (shown["csrf_token"], shown["user"]["id"]) == (token, str(user.id))
        for forged in ("", "x", "é", other.headers["X-CSRF-Token"]):
            headers = httpx.Headers([(b"x-csrf-token", forged.encode())])
            for refused in (
                await browser.post("/v1/keys", json=KEY, headers=headers),
                await browser.delete("/v1/session", headers=headers),
                await browser.delete(f"/v1/users/{user.id}", headers=headers),
            ):
                assert (refused.status_code, refused.json()["code"]) == (403, "csrf_failed")
        browser.headers["X-CSRF-Token"] = token
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
            for path, content in (("/v1/keys", b'{"name": "x", "role": "viewer"}'), ("/v1/uploads", WAV + bytes(2000))):
                sent = await browser.post(path, content=content, headers={"Content-Type": kind})
                assert (sent.status_code, sent.json()["code"]) == (415, "unsupported_media_type"), path
        for site in ("cross-site", "same-site"):
            foreign = {"Sec-Fetch-Site": site}
            assert (await browser.get("/v1/me", headers=foreign)).status_code == 401
            assert (await browser.post("/v1/keys", json=KEY, headers=foreign)).status_code == 401
            wish = {"email": user.email, "password": PASSWORD}
            assert (await browser.post("/v1/session", json=wish, headers=foreign)).json()["code"] == "cross_site"
        form = await browser.post("/v1/session", data={"email": user.email, "password": PASSWORD})
        assert form.status_code == 415
        own = await browser.post("/v1/keys", json=KEY, headers={"Sec-Fetch-Site": "same-origin"})
        assert own.status_code == 201
        key = own.json()["key"]
    async with httpx.AsyncClient(base_url=gateway.url, cookies={"audio2txt": key, "key": key}) as http:
        assert (await http.get("/v1/account")).status_code == 401


async def test_a_session_ends(gateway: RunningGateway, user: UserRow) -> None:
    """When it was not used, when its time is over, when its owner says so here or elsewhere; and it is in the audit log."""
    async with await gateway.new_session(user) as first, await gateway.new_session(user) as second:
        sessions = (await first.get("/v1/sessions")).json()["data"]
        assert [session["current"] for session in sessions] == [False, True]
        assert (await first.delete(f"/v1/sessions/{sessions[0]['id']}")).status_code == 204
        assert (await second.get("/v1/me")).status_code == 401
        out = await first.delete("/v1/session")
        assert out.status_code == 204
        assert "Max-Age=0" in out.headers["Set-Cookie"]
        first.cookies.set("audio2txt", first.cookies.get("audio2txt") or "")
        assert (await first.get("/v1/me")).status_code == 401
    for ends in ("last_used_at = now() - interval '12 hours 1 minute'", "expires_at = now()"):
        async with await gateway.new_session(user) as browser:
            assert (await browser.get("/v1/me")).status_code == 200
            await gateway.pool.execute(f"update gateway.sign_ins set {ends}")
            assert (await browser.get("/v1/me")).status_code == 401
    await _sign_in(gateway.url, user.email, "a wrong password", ELSEWHERE)
    async with await gateway.new_client(user.tenant_id) as key:
        trail = AuditTrail(AuditStore(gateway.pool))
        entries: list[dict[str, Any]] = []
        async with asyncio.timeout(30):
            while not any(entry["action"] == "user.sign_in_failed" for entry in entries):
                await trail.settle(wait=True)
                entries = (await key.get("/v1/audit", params={"thing_id": str(user.id), "limit": 100})).json()["data"]
    told = {(entry["action"], entry["actor"]["kind"], entry["actor"]["name"]) for entry in entries}
    assert {
        ("user.signed_in", "user", user.name),
        ("user.signed_out", "user", user.name),
        ("user.sign_in_failed", "stranger", ""),
    } <= told
    (failed,) = [entry for entry in entries if entry["action"] == "user.sign_in_failed"]
    assert failed["address"] == ELSEWHERE


async def test_the_cookie_is_for_this_host_over_https_alone(database_url: str, tmp_path: Path) -> None:
    """Where the public URL is https: no other host can plant it, no script can read it, and the plain one is not taken."""
    async with running_gateway(database_url, tmp_path, public_url="https://a2t.example.com") as gateway:
        tenant_id: UUID = await TenantStore(gateway.pool).add("acme")
        user = await gateway.new_user(tenant_id, Role.VIEWER)
        signed_in = await _sign_in(gateway.url, user.email, PASSWORD, HOME)
        name, _, rest = signed_in.headers["Set-Cookie"].partition("=")
        secret, *flags = rest.split("; ")
        assert name == "__Host-audio2txt"
        assert {flag.lower() for flag in flags} == {"httponly", "max-age=604800", "path=/", "samesite=lax", "secure"}
        for cookie, status in ((name, 200), ("audio2txt", 401)):
            async with httpx.AsyncClient(base_url=gateway.url, headers={"Cookie": f"{cookie}={secret}"}) as http:
                assert (await http.get("/v1/me")).status_code == status
                if status == 200:  # no proxy was named, so nobody is believed about where they come from
                    assert (await http.get("/v1/sessions")).json()["data"][0]["address"] == "127.0.0.1"


def _statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What this task asks of the database from here on; the gateway's own loops go on meanwhile."""
    here, statements = asyncio.current_task(), list[str]()

    def record(name: str) -> None:
        ask = getattr(asyncpg.Connection, name)

        async def asked(connection: asyncpg.Connection, query: str, *arguments: Any, **options: Any) -> Any:
            if asyncio.current_task() is here:
                statements.append(query)
            return await ask(connection, query, *arguments, **options)

        monkeypatch.setattr(asyncpg.Connection, name, asked)

    for name in ("fetch", "fetchrow", "fetchval", "execute"):
        record(name)
    return statements


async def test_every_refusal_takes_the_same_work(
    gateway: RunningGateway, user: UserRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unknown, expired and revoked keys, and those of a tenant that is disabled: one and the same statement. Unknown e-mails,
    wrong passwords, and accounts that may not sign in: the same statements, and one comparison of hashes."""
    statements = _statements(monkeypatch)
    compared = 0

    def verify(self: Passwords, kept: str | None, password: str) -> bool:
        nonlocal compared
        compared += 1
        return kept is not None and password == PASSWORD

    others = {name: await gateway.new_user(user.tenant_id, Role.VIEWER) for name in ("invited", "disabled", "without")}
    execute = gateway.pool.execute
    await execute("update gateway.users set joined_at = null where id = $1", others["invited"].id)
    await execute("update gateway.users set disabled_at = now() where id = $1", others["disabled"].id)
    await execute("update gateway.users set password_hash = null where id = $1", others["without"].id)
    keys = {"unknown": new_key()}
    async with await gateway.new_client(user.tenant_id) as owner:
        for name in ("expired", "revoked"):
            keys[name] = (await owner.post("/v1/keys", json={**KEY, "name": name})).json()["key"]
    await execute("update gateway.api_keys set expires_at = now() where name = 'expired'")
    await execute("update gateway.api_keys set revoked_at = now() where name = 'revoked'")
    monkeypatch.setattr(Passwords, "_verify", verify)
    system = gateway.platform.database
    signing_in = SigningIn(
        users=UserStore(system), attempts=AttemptStore(system), passwords=Passwords(), noted=lambda entry: None
    )
    work = []
    for key in keys.values():
        statements.clear()
        assert await Authenticator(AccountStore(system)).principal(key) is None
        work.append(list(statements))
    assert len(work[0]) == 1
    assert work[1:] == work[:-1]
    work.clear()
    passwords = {user.email: "a wrong password", "nobody@example.com": PASSWORD, "no address": PASSWORD}
    for email, password in (passwords | {other.email: PASSWORD for other in others.values()}).items():
        statements.clear()
        compared = 0
        with pytest.raises(Problem, match="not right"):
            await signing_in.with_password(email, password, ELSEWHERE)
        work.append([*statements, f"{compared} compared"])
    assert work[0][-1] == "1 compared"
    assert len(work) == 6
    assert work[1:] == work[:-1]
