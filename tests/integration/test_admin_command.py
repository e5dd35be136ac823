"""`audio2txt admin`, as the operator of a distributed installation types it, beside a gateway that runs."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from services.gateway.auth import Authenticator
from services.gateway.keys import is_well_formed
from services.gateway.store.accounts import AccountStore
from services.gateway.store.tenants import TenantStore
from tests.gatewaying import WAV, RunningGateway, running_gateway
from tests.operating import Operator


@pytest.fixture
async def gateway(database_url: str, tmp_path: Path) -> AsyncIterator[RunningGateway]:
    """A gateway on an empty database."""
    async with running_gateway(database_url, tmp_path / "gateway") as running:
        yield running


@pytest.fixture
def operator(database_url: str, tmp_path: Path) -> Operator:
    """An operator of the gateway's installation."""
    return Operator(command="admin", database_url=database_url, folder=tmp_path)


async def test_a_tenant_is_let_in_and_out(gateway: RunningGateway, operator: Operator) -> None:
    """From nothing to a key that works, a new name, and the end of both; all of it in the tenant's audit log."""
    assert "There are no tenants yet" in await operator.must("tenants", "list")
    await operator.must("tenants", "add", "acme")
    assert "acme has no keys" in await operator.must("keys", "list", "acme")
    made = await operator.run("keys", "add", "acme", "--role", "owner", "--name", "Boss", "--days", "30")
    key = made.out.strip()
    assert is_well_formed(key)
    assert key not in made.err
    assert re.search(r"acme  since \S+  keys: 1", await operator.must("tenants", "list"))
    await operator.must("tenants", "rename", "acme", "Acme & Söhne")
    async with gateway.client(key) as http:
        account = (await http.get("/v1/account")).json()
        assert account["tenant"]["name"] == "Acme & Söhne"
        assert (account["key"]["name"], account["key"]["role"]) == ("Boss", "owner")
        listed = await operator.must("keys", "list", "Acme & Söhne")
        assert account["key"]["id"] in listed
        assert "active" in listed
        assert key not in listed
        await operator.must("audit", "verify", "Acme & Söhne")
        assert "0 jobs are entered anew" in await operator.must("search", "rebuild", "Acme & Söhne")
        assert "0 jobs wait" in await operator.must("search", "status")
        entries = (await http.get("/v1/audit")).json()["data"]
    actions = [(entry["action"], entry["actor"]["kind"], entry["address"]) for entry in reversed(entries)]
    assert actions == [(action, "operator", None) for action in ("tenant.created", "key.created", "tenant.renamed")]
    fresh = Authenticator(AccountStore(gateway.pool))
    principal = await fresh.principal(key)
    assert principal is not None
    assert principal.role == "owner"
    await operator.must("tenants", "disable", "Acme & Söhne")
    assert "disabled since" in await operator.must("tenants", "list")
    assert await Authenticator(AccountStore(gateway.pool)).principal(key) is None
    await operator.must("tenants", "enable", "Acme & Söhne")
    assert await Authenticator(AccountStore(gateway.pool)).principal(key)
    assert "opens nothing" in await operator.must("keys", "revoke", "Acme & Söhne", account["key"]["id"])
    assert await Authenticator(AccountStore(gateway.pool)).principal(key) is None
    assert "revoked" in await operator.must("keys", "list", "Acme & Söhne")


async def test_a_key_can_be_narrowed(gateway: RunningGateway, operator: Operator) -> None:
    """As over the API, scopes narrow and never widen."""
    await operator.must("tenants", "add", "acme")
    key = (await operator.must("keys", "add", "acme", "--role", "viewer", "--scope", "jobs:read")).strip()
    async with gateway.client(key) as http:
        assert (await http.get("/v1/jobs")).status_code == 200
        assert (await http.get("/v1/account")).status_code == 403


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("tenants", "add", "acme"), "already"),
        (("tenants", "add", "\u202e"), "visible characters"),
        (("tenants", "rename", "acme", "other"), "already"),
        (("tenants", "disable", "nobody"), "There is no tenant 'nobody'; there are: acme, other"),
        (("tenants", "export", "acme", "-o", "nowhere/acme.zip"), "nowhere/acme.zip cannot be written: No such file"),
        (("keys", "add", "acme", "--role", "emperor"), "owner, admin, editor, viewer, auditor"),
        (("keys", "add", "acme", "--role", "viewer", "--scope", "jobs:write"), "scopes only narrow"),
        (("keys", "add", "acme", "--role", "viewer", "--days", "0"), "some days"),
        (("keys", "revoke", "acme", "0198c2de-8b1c-7d3e-9f5a-2b6c4d8e0f1a"), "has no key"),
        (("users", "add", "acme", "chen@example.com", "--role", "emperor"), "owner, admin, editor, viewer, auditor"),
        (("users", "add", "acme", "chen@", "--role", "viewer"), "no e-mail address"),
        (("users", "remove", "acme", "chen@example.com"), "has no user"),
        (("audit", "verify", "--anchor", "1:00"), "name the tenant"),
        (("audit", "verify", "acme", "--anchor", "1:00"), "NUMBER:HASH"),
    ],
)
async def test_what_the_operator_mistypes_is_explained(
    gateway: RunningGateway, operator: Operator, arguments: tuple[str, ...], said: str
) -> None:
    """In one sentence, without a traceback."""
    for name in ("acme", "other"):
        async with await gateway.new_tenant(name):
            pass
    outcome = await operator.run(*arguments)
    assert outcome.status == 2
    assert said in outcome.err
    assert "Traceback" not in outcome.err


async def test_a_broken_chain_is_told_with_its_place(gateway: RunningGateway, operator: Operator) -> None:
    """Whole chains say where they end, which a later check can be held to; a broken one ends the command with 1."""
    await operator.must("tenants", "add", "acme")
    await operator.must("tenants", "add", "other")
    for _ in range(2):
        await operator.must("keys", "add", "acme", "--role", "viewer")
    told = await operator.must("audit", "verify")
    match = re.search(r"^acme: 3 entries, whole; it ends in (3:[0-9a-f]{64})$", told, re.MULTILINE)
    assert match, told
    assert "other: 1 entries, whole" in told
    await operator.must("audit", "verify", "acme", "--anchor", match[1])
    async with gateway.pool.acquire() as connection:
        await connection.execute("set session_replication_role = replica")
        await connection.execute("update gateway.audit_log set entry = replace(entry, 'viewer', 'owner') where number = 2")
        await connection.execute("set session_replication_role = origin")
    outcome = await operator.run("audit", "verify")
    assert outcome.status == 1
    assert "acme: BROKEN at entry 2: its hash" in outcome.out
    assert "other: 1 entries, whole" in outcome.out


async def test_plans_are_made_assigned_and_lifted(gateway: RunningGateway, operator: Operator) -> None:
    """From the command to what a tenant may do, and back to no limits; mistakes are told in one sentence."""
    tenant_id = await TenantStore(gateway.pool).add("acme")
    made = await operator.must("plans", "add", "tiny", "--minutes", "60", "--storage", "1kB", "--without", "redaction")
    assert "minutes a month 60  bytes stored 1,000  at work unlimited  waiting unlimited" in made
    assert "features: rented_engines, language_models" in made
    await operator.must("plans", "assign", "acme", "tiny")
    assert "tenants: acme" in await operator.must("plans", "list")
    async with await gateway.new_client(tenant_id) as http:
        refused = await http.post("/v1/uploads", content=WAV + bytes(2000))
        assert (refused.status_code, refused.json()["code"]) == (402, "storage_full")
        assert refused.json()["quota"] == {"resource": "storage_bytes", "used": 0.0, "limit": 1000, "resets_at": None}
    changed = await operator.must("plans", "change", "tiny", "--storage", "unlimited", "--without", "none")
    assert "bytes stored unlimited" in changed
    assert "all features" in changed
    assert "Tenants that have it: 1." in changed
    for wrong, why in (
        (("plans", "add", "tiny"), "There is a plan 'tiny' already"),
        (("plans", "add", "Big One"), "A plan's name has"),
        (("plans", "change", "tiny", "--minutes", "many"), "is no number from 0 to 2,147,483,647"),
        (("plans", "change", "tiny", "--minutes", "3000000000"), "is no number from 0 to 2,147,483,647"),
        (("plans", "change", "tiny", "--storage", "9000000TB"), "is no number from 0 to"),
        (("plans", "change", "huge", "--minutes", "5"), "There is no plan 'huge'; there are: tiny."),
        (("plans", "remove", "tiny"), "Tenants have the plan 'tiny'"),
    ):
        result = await operator.run(*wrong)
        assert result.status
        assert why in result.err
    await operator.must("plans", "assign", "acme", "none")
    assert "is gone" in await operator.must("plans", "remove", "tiny")


async def test_the_first_owner_is_made_and_kept(gateway: RunningGateway, operator: Operator) -> None:
    """With a password from standard input; the last owner stays, and a new password signs out."""
    await operator.must("tenants", "add", "acme")
    assert "acme has no users" in await operator.must("users", "list", "acme")
    weak = await operator.run(
        "users", "add", "acme", "Chen@Example.com", "--role", "owner", "--password-stdin", typed="short\n"
    )
    assert (weak.status, "12 to 256 characters" in weak.err) == (2, True)
    nowhere = await operator.run("users", "add", "acme", "Chen@Example.com", "--role", "owner", typed="an umbrella, twice\n")
    assert (nowhere.status, "--password-stdin" in nowhere.err) == (2, True)
    add = ("users", "add", "acme", "Chen@Example.com", "--role", "owner", "--password-stdin")
    made = await operator.run(*add, typed="an umbrella, twice\n")
    assert "can sign in" in made.out, made.err
    assert "already" in (await operator.run(*add, typed="an umbrella, twice\n")).err
    async with httpx.AsyncClient(base_url=gateway.url, auth=("chen@example.com", "an umbrella, twice")) as http:
        me = (await http.get("/v1/me")).json()
        assert (me["user"]["role"], me["user"]["name"], me["tenant"]["name"]) == ("owner", "chen", "acme")
        for last in (("disable",), ("remove",)):
            outcome = await operator.run("users", *last, "acme", "chen@example.com")
            assert (outcome.status, "last owner" in outcome.err) == (2, True)
        assert "owner" in await operator.must("users", "list", "acme")
        await operator.run(
            "users", "set-password", "acme", "chen@example.com", "--password-stdin", typed="four umbrellas, then\n"
        )
        assert (await http.get("/v1/me")).status_code == 401


async def test_a_link_is_handed_over(gateway: RunningGateway, operator: Operator) -> None:
    """Where there is no mail server: printed alone, it lets somebody join, and later set another password."""
    await operator.must("tenants", "add", "acme")
    for arguments in (("invite", "acme", "wu@example.com", "--role", "editor"), ("reset-password", "acme", "wu@example.com")):
        url = (await operator.must("users", *arguments)).strip()
        path = urlsplit(url).path
        async with httpx.AsyncClient(base_url=gateway.url) as http:
            assert (await http.get(path)).status_code == 200
            password = f"umbrellas to {arguments[0]}"
            given = {"name": "Wu", "password": password, "again": password}
            assert (await http.post(path, data=given)).status_code == 200
            me = await http.get("/v1/me", auth=("wu@example.com", password))
            assert (me.status_code, me.json()["user"]["role"]) == (200, "editor")
