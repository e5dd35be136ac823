"""Single sign-on against a real little provider: who gets in as whom, and what hostile browsers and providers try."""

from __future__ import annotations

import hashlib
import hmac
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from services.gateway.permissions import Role
from services.gateway.store.tenants import TenantStore
from shared.errors import ConfigurationError
from tests.fakes.oidc import CLIENT_ID, CLIENT_SECRET, FakeProvider, provider
from tests.gatewaying import RunningGateway, running_gateway

PUBLIC_URL = "http://a2t.example.com"


@pytest.fixture
async def fake() -> AsyncIterator[FakeProvider]:
    """The provider."""
    async with provider() as running:
        yield running


def _settings(fake: FakeProvider, **more: str) -> dict[str, str]:
    own = {
        "ISSUER": fake.url,
        "CLIENT_ID": CLIENT_ID,
        "CLIENT_SECRET": CLIENT_SECRET,
        "TENANT": "acme",
        "ROLE_CLAIM": "groups",
        "ROLES": "bosses=owner, audio-admins=admin",
        **more,
    }
    settings = {f"AUDIO2TXT_OIDC_{name}": value for name, value in own.items()}
    return {"AUDIO2TXT_EGRESS_ALLOW_CIDRS": "127.0.0.0/8", **settings}


@pytest.fixture
async def gateway(fake: FakeProvider, database_url: str, tmp_path: Path) -> AsyncIterator[RunningGateway]:
    """A gateway that trusts it, and lets its people in."""
    settings = _settings(fake, PROVISION="true")
    async with running_gateway(database_url, tmp_path, settings=settings, public_url=PUBLIC_URL) as running:
        await TenantStore(running.pool).add("acme")
        yield running


async def _at_provider(browser: httpx.AsyncClient, **parameters: str) -> str:
    """Leave for the provider, be signed in there; the path and query that lead back."""
    left = await browser.get("/v1/oidc/login", params=parameters)
    assert left.status_code == 302, left.text
    async with httpx.AsyncClient() as elsewhere:
        back = (await elsewhere.get(left.headers["Location"])).headers["Location"]
    assert back.startswith(f"{PUBLIC_URL}/v1/oidc/callback?")
    return back.removeprefix(PUBLIC_URL)


async def _sign_in(gateway: RunningGateway) -> httpx.Response:
    async with httpx.AsyncClient(base_url=gateway.url, timeout=30) as browser:
        return await browser.get(await _at_provider(browser))


async def test_people_of_the_provider_become_users(gateway: RunningGateway, fake: FakeProvider) -> None:
    """With the role that their groups give, each time anew; by their subject, whatever their e-mail is then; without a password
    here."""
    async with httpx.AsyncClient(base_url=gateway.url, timeout=30) as browser:
        assert (await browser.get("/v1/sign-in-methods")).json()["single_sign_on"] == f"{PUBLIC_URL}/v1/oidc/login"
        fake.person["groups"] = ["everybody", "audio-admins"]
        back = await browser.get(await _at_provider(browser, return_to="/jobs?state=queued&title=é"))
        assert (back.status_code, back.headers["Location"]) == (302, "/jobs?state=queued&title=%C3%A9"), back.text
        assert back.content == b""
        session = (await browser.get("/v1/session")).json()
        assert (session["user"]["email"], session["user"]["name"]) == ("chen@example.com", "陳宇")
        assert (session["user"]["role"], session["tenant"]["name"]) == ("admin", "acme")
        fake.person |= {"groups": [], "email": "yu.chen@example.com"}
        assert (await browser.get(await _at_provider(browser))).headers["Location"] == "/"
        again = (await browser.get("/v1/session")).json()["user"]
        assert (again["id"], again["role"], again["email"]) == (session["user"]["id"], "viewer", "chen@example.com")
        assert (await browser.post("/v1/password-resets", json={"email": "chen@example.com"})).status_code == 202
    assert await gateway.pool.fetchval("select count(*) from gateway.account_links") == 0
    fake.person = {"sub": "u-2", "email": "chen@example.com", "email_verified": True}
    taken_over = await _sign_in(gateway)
    assert (taken_over.status_code, taken_over.json()["code"]) == (403, "no_account")
    async with httpx.AsyncClient(base_url=gateway.url, headers={"Accept": "text/html"}) as browser:
        shown = await browser.get(await _at_provider(browser))
        assert (shown.status_code, "have no account here" in shown.text) == (403, True)
        assert shown.headers["Content-Security-Policy"].startswith("default-src 'none'")
    fake.person = {"sub": "u-3", "email": "boss@example.com", "email_verified": True, "groups": "bosses"}
    assert (await _sign_in(gateway)).status_code == 302
    fake.person["groups"] = []
    assert (await _sign_in(gateway)).status_code == 302
    roles = {row["email"]: row["role"] for row in await gateway.pool.fetch("select email, role from gateway.users")}
    assert roles == {"chen@example.com": "viewer", "boss@example.com": "owner"}


@pytest.mark.parametrize(
    ("person", "status"),
    [
        ({"sub": "w", "email": "wu@example.com", "email_verified": True}, 302),
        ({"sub": "w", "email": "WU@example.com", "email_verified": False}, 403),
        ({"sub": "w", "email": "wu@example.com", "email_verified": "true"}, 403),
        ({"sub": "w", "email": "nobody@example.com", "email_verified": True}, 403),
        ({"sub": "w", "email": "out@example.com", "email_verified": True}, 403),
        ({"sub": "w", "email": "other@example.com", "email_verified": True}, 403),
        ({"sub": "w"}, 403),
    ],
)
async def test_who_is_not_invited_stays_out(
    fake: FakeProvider, database_url: str, tmp_path: Path, person: dict[str, Any], status: int
) -> None:
    """Where people must be invited, a verified e-mail of somebody who was lets them in, and nothing else does."""
    settings = _settings(fake)
    async with running_gateway(database_url, tmp_path, settings=settings, public_url=PUBLIC_URL) as gateway:
        tenant_id, elsewhere = [await TenantStore(gateway.pool).add(name) for name in ("acme", "others")]
        for owner, email in ((tenant_id, "wu@example.com"), (tenant_id, "out@example.com"), (elsewhere, "other@example.com")):
            await gateway.new_user(owner, Role.VIEWER, email)
        await gateway.pool.execute("update gateway.users set joined_at = null where email = 'wu@example.com'")
        await gateway.pool.execute("update gateway.users set disabled_at = now() where email = 'out@example.com'")
        fake.person = person
        assert (await _sign_in(gateway)).status_code == status


def _public_pem(key: rsa.RSAPrivateKey) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form)


async def test_forged_tokens_are_refused(gateway: RunningGateway, fake: FakeProvider) -> None:
    """Unsigned, signed with the public key as a secret or with somebody else's key, for others, of others, old, of another
    attempt: the same 401, and nobody is made a user."""
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    secret = _public_pem(fake.key)
    old = int(time.time()) - 3600

    def with_secret(claims: dict[str, Any]) -> str:
        parts = [msgspec.json.encode(part) for part in ({"alg": "HS256", "typ": "JWT", "kid": fake.kid}, claims)]
        signed = b".".join(urlsafe_b64encode(part).rstrip(b"=") for part in parts)
        return (signed + b"." + urlsafe_b64encode(hmac.digest(secret, signed, hashlib.sha256)).rstrip(b"=")).decode()

    forgeries = {
        "unsigned": lambda claims: jwt.encode(claims, "", algorithm="none", headers={"kid": fake.kid}),
        "by a secret": with_secret,
        "by a stranger": lambda claims: jwt.encode(claims, stranger, algorithm="RS256", headers={"kid": fake.kid}),
        "by an unknown key": lambda claims: jwt.encode(claims, stranger, algorithm="RS256", headers={"kid": "theirs"}),
        "by its own key": lambda claims: fake.sign(claims, jwk=fake.keys()["keys"][0], kid="theirs"),
        "for others": lambda claims: fake.sign({**claims, "aud": "another application"}),
        "for several": lambda claims: fake.sign({**claims, "aud": [CLIENT_ID, "another application"]}),
        "for another of several": lambda claims: fake.sign({**claims, "aud": [CLIENT_ID], "azp": "another application"}),
        "of others": lambda claims: fake.sign({**claims, "iss": "https://evil.example.com"}),
        "old": lambda claims: fake.sign({**claims, "iat": old, "exp": old + 300}),
        "without an end": lambda claims: fake.sign({name: value for name, value in claims.items() if name != "exp"}),
        "of another attempt": lambda claims: fake.sign({**claims, "nonce": "another"}),
        "of no attempt": lambda claims: fake.sign({name: value for name, value in claims.items() if name != "nonce"}),
        "nothing": lambda _: "a.b.c",
    }
    for name, forge in forgeries.items():
        fake.forge = forge
        answer = await _sign_in(gateway)
        assert (answer.status_code, answer.json()["code"]) == (401, "sign_in_failed"), name
        assert "a2t_session" not in str(answer.headers)
    assert await gateway.pool.fetchval("select count(*) from gateway.users") == 0
    assert fake.asked.count("/keys") == 1
    fake.forge = None
    assert (await _sign_in(gateway)).status_code == 302


async def test_only_the_browser_that_left_comes_back(gateway: RunningGateway, fake: FakeProvider) -> None:
    """An answer that was meant for another browser, that comes twice, or from another provider, signs nobody in; nobody is
    led elsewhere afterwards."""
    async with (
        httpx.AsyncClient(base_url=gateway.url, timeout=30) as attacker,
        httpx.AsyncClient(base_url=gateway.url, timeout=30) as victim,
    ):
        theirs = await _at_provider(attacker)
        own = await _at_provider(victim)
        assert (await victim.get(theirs)).status_code == 401
        query = dict(parse_qsl(urlsplit(own).query))
        stolen = dict(parse_qsl(urlsplit(theirs).query)) | {"state": query["state"]}
        for wrong in (
            {**query, "iss": "https://evil.example.com"},
            {**query, "state": "x"},
            {**query, "state": "é"},
            {**query, "error": "denied"},
            stolen,
        ):
            assert (await victim.get("/v1/oidc/callback", params=wrong)).status_code == 401
        missing = {name: value for name, value in query.items() if name != "iss"}
        assert (await victim.get("/v1/oidc/callback", params=missing)).status_code == 401
        flow = victim.cookies["audio2txt-oidc"]
        assert (await victim.get(own)).status_code == 302
        victim.cookies.set("audio2txt-oidc", flow)
        assert (await victim.get(own)).status_code == 401
        victim.cookies.set("audio2txt-oidc", flow[:-6] + "AAAAA=")
        assert (await victim.get(own)).status_code == 401
        for elsewhere in (
            "https://evil.example.com",
            "//evil.example.com",
            "/\\evil.example.com",
            "jobs",
            "/\t/evil.example.com",
            "/" + "é" * 1024,
        ):
            assert (await victim.get("/v1/oidc/login", params={"return_to": elsewhere})).status_code == 400


async def test_a_provider_that_is_away_can_be_tried_again(
    fake: FakeProvider, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 with a time to wait, in which it is not asked again; passwords go on; a provider that calls
    itself otherwise is not believed."""
    monkeypatch.setattr("services.gateway.oidc.provider.AWAY_SECONDS", 0.0)
    monkeypatch.setattr("services.gateway.oidc.provider.METADATA_SECONDS", 0.0)
    settings = _settings(fake)
    async with (
        running_gateway(database_url, tmp_path, settings=settings, public_url=PUBLIC_URL) as gateway,
        httpx.AsyncClient(base_url=gateway.url) as http,
    ):
        fake.away = True
        away = await http.get("/v1/oidc/login")
        assert (away.status_code, away.json()["code"], away.json()["retryable"]) == (503, "oidc_unavailable", True)
        assert away.headers["Retry-After"]
        fake.away, url = False, fake.url
        fake.url = "https://evil.example.com"
        assert (await http.get("/v1/oidc/login")).status_code == 503
        fake.url = url
        assert (await http.get("/v1/oidc/login")).status_code == 302
        monkeypatch.setattr("services.gateway.oidc.provider.AWAY_SECONDS", 3600.0)
        for fake.away in (True, False):
            assert (await http.get("/v1/oidc/login")).status_code == 503
    async with running_gateway(database_url, tmp_path / "other") as gateway, httpx.AsyncClient(base_url=gateway.url) as http:
        assert (await http.get("/v1/sign-in-methods")).json() == {"password": True, "single_sign_on": None}
        assert (await http.get("/v1/oidc/login")).json()["code"] == "no_single_sign_on"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"CLIENT_ID": ""}, "AUDIO2TXT_OIDC_CLIENT_ID"),
        ({"ISSUER": "http://10.0.0.1"}, "AUDIO2TXT_OIDC_ISSUER"),
        ({"ROLES": "staff=emperor"}, "AUDIO2TXT_OIDC_ROLES"),
        ({"ROLES": "=admin"}, "AUDIO2TXT_OIDC_ROLES"),
        ({"ROLE": "emperor"}, "AUDIO2TXT_OIDC_ROLE"),
    ],
)
async def test_a_wrong_setting_ends_the_start(
    fake: FakeProvider, database_url: str, tmp_path: Path, changed: dict[str, str], said: str
) -> None:
    """By its name."""
    with pytest.raises(ConfigurationError, match=said):
        async with running_gateway(database_url, tmp_path, settings=_settings(fake, **changed), public_url=PUBLIC_URL):
            pass
