"""E-mail addresses: their readers are asked first, once for each tenant, and can end it at any time."""

from __future__ import annotations

import asyncio
import datetime as dt
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.gateway.store.upkeep import UpkeepStore
from shared.mail_links import LinkPurpose, link_token
from shared.schemas.endpoints import Endpoint, Test, Withheld
from shared.schemas.events import AddressRefused, DeliveryRequested, EndpointChanged
from tests.gatewaying import ApiClient, RunningGateway, running_gateway

PUBLIC = "https://audio2txt.example"
CHEN, LIN = "chen@example.com", "lin@example.com"


@pytest.fixture
async def gateway(database_url: str, tmp_path: Path) -> AsyncIterator[RunningGateway]:
    """A gateway that its customers can reach."""
    async with running_gateway(database_url, tmp_path, public_url=PUBLIC) as running:
        yield running


@pytest.fixture
async def reader(gateway: RunningGateway) -> AsyncIterator[httpx.AsyncClient]:
    """Whoever reads the e-mails, without an account."""
    async with httpx.AsyncClient(base_url=gateway.url) as http:
        yield http


async def made(api: ApiClient, address: str = CHEN, **wish: Any) -> dict[str, Any]:
    """An endpoint that was accepted."""
    answer = await api.http.post("/v1/endpoints", json={"kind": "email", "address": address, **wish})
    assert answer.status_code == 201, answer.text
    endpoint: dict[str, Any] = answer.json()
    return endpoint


async def refused(api: ApiClient, address: str = CHEN) -> httpx.Response:
    """One that was not: nothing is left of it."""
    answer = await api.http.post("/v1/endpoints", json={"kind": "email", "address": address})
    shown = (await api.http.get("/v1/endpoints")).json()["data"]
    assert address not in [endpoint["destination"] for endpoint in shown]
    return answer


async def state(api: ApiClient, endpoint: dict[str, Any]) -> str:
    """As its owner sees it."""
    return str((await api.http.get(f"/v1/endpoints/{endpoint['id']}")).json()["state"])


async def told(gateway: RunningGateway, endpoint: dict[str, Any], count: int = 1) -> Endpoint:
    """What the notifier knows after so many changes."""
    event = await gateway.others.heard(EndpointChanged, endpoint["id"], count=count)
    assert event.endpoint is not None
    return event.endpoint


async def link(gateway: RunningGateway, endpoint: dict[str, Any], purpose: LinkPurpose) -> str:
    """As it stands in the endpoint's e-mails."""
    address_id = (await told(gateway, endpoint)).address_id
    assert address_id is not None
    return purpose.path + link_token(gateway.platform.secret_key, purpose, address_id)


async def hours_later(gateway: RunningGateway) -> None:
    """When readers may be asked again."""
    await gateway.pool.execute("update gateway.addresses set asked_at = asked_at - interval '4 hours'")


async def test_a_new_address_is_asked_first(gateway: RunningGateway, api: ApiClient, reader: httpx.AsyncClient) -> None:
    """Following the link asks, and only the answer counts, for scanners follow links too. Then e-mails are sent."""
    endpoint = await made(api, language="zh-Hant")
    assert endpoint["state"] == "unconfirmed"
    before = await told(gateway, endpoint)
    assert before.withheld is Withheld.UNCONFIRMED
    assert before.asked_at is not None
    path = await link(gateway, endpoint, LinkPurpose.CONFIRM)
    asked = await reader.get(path)
    assert (asked.status_code, asked.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "c***@example.com" in asked.text
    assert "是，請寄給我" in asked.text
    assert await state(api, endpoint) == "unconfirmed"
    for _ in range(2):
        answered = await reader.post(path)
        assert (answered.status_code, "謝謝" in answered.text) == (200, True)
        assert await state(api, endpoint) == "enabled"
    after = await told(gateway, endpoint, 2)
    assert (after.withheld, after.enabled_at > before.enabled_at) == (None, True)
    assert "<button>" not in (await reader.get(path)).text
    assert (await api.http.post(f"/v1/endpoints/{endpoint['id']}/test")).status_code == 202
    assert (await gateway.others.heard(DeliveryRequested, endpoint["id"])).wish == Test()
    assert len(gateway.others.all_of(EndpointChanged, endpoint["id"])) == 2


async def test_until_then_nothing_can_be_sent(gateway: RunningGateway, api: ApiClient) -> None:
    """Whoever tries is told what to do; the question can be sent again, and not for ever."""
    endpoint = await made(api)
    path = f"/v1/endpoints/{endpoint['id']}"
    for action, body in (("test", None), ("replay", {"since": "2026-11-27T00:00:00Z"})):
        answer = await api.http.post(f"{path}/{action}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (409, "address_unconfirmed")
        assert f"POST {path}/confirmation" in answer.json()["detail"]
    first = (await told(gateway, endpoint)).asked_at
    soon = await api.http.post(f"{path}/confirmation")
    assert (soon.status_code, soon.json()["code"]) == (429, "asked_lately")
    assert 0 < int(soon.headers["retry-after"]) <= 3 * 3600
    for count in range(2, 6):
        await hours_later(gateway)
        again = await api.http.post(f"{path}/confirmation")
        assert (again.status_code, again.json()["state"]) == (202, "unconfirmed")
        latest = (await told(gateway, endpoint, count)).asked_at
        assert first is not None
        assert latest is not None
        assert latest > first
    await hours_later(gateway)
    enough = await api.http.post(f"{path}/confirmation")
    assert (enough.status_code, enough.json()["code"]) == (409, "confirmation_unanswered")
    assert gateway.others.all_of(DeliveryRequested, endpoint["id"]) == []


async def test_a_yes_is_remembered_by_tenant(gateway: RunningGateway, api: ApiClient, reader: httpx.AsyncClient) -> None:
    """Whichever endpoint it was asked for, however the address is spelt, and when that endpoint is gone; for nobody else."""
    first, second = await made(api, "chen@例子.example"), await made(api, "Chen@xn--fsqu00a.example")
    assert (await told(gateway, second)).asked_at is None, "one question is enough"
    await reader.post(await link(gateway, first, LinkPurpose.CONFIRM))
    assert [await state(api, endpoint) for endpoint in (first, second)] == ["enabled", "enabled"]
    for endpoint in (first, second):
        await api.http.delete(f"/v1/endpoints/{endpoint['id']}")
    assert (await made(api, "CHEN@例子.example"))["state"] == "enabled"
    async with await gateway.new_tenant("rival") as http:
        assert (await made(ApiClient(http), "chen@例子.example"))["state"] == "unconfirmed"


async def test_a_link_outlives_its_endpoint(gateway: RunningGateway, api: ApiClient, reader: httpx.AsyncClient) -> None:
    """Whoever sets up the same address anew need not have it asked again."""
    endpoint = await made(api)
    path = await link(gateway, endpoint, LinkPurpose.CONFIRM)
    await api.http.delete(f"/v1/endpoints/{endpoint['id']}")
    again = await made(api)
    assert again["state"] == "unconfirmed"
    await reader.post(path)
    assert await state(api, again) == "enabled"


async def test_another_address_is_another_reader(gateway: RunningGateway, api: ApiClient, reader: httpx.AsyncClient) -> None:
    """It is asked when an endpoint is changed; changed back, nobody is asked."""
    endpoint = await made(api)
    await reader.post(await link(gateway, endpoint, LinkPurpose.CONFIRM))
    path = f"/v1/endpoints/{endpoint['id']}"
    changed = await api.http.patch(path, json={"address": LIN})
    assert (changed.json()["state"], changed.json()["destination"]) == ("unconfirmed", LIN)
    before, after = await told(gateway, endpoint, 2), await told(gateway, endpoint, 3)
    assert after.asked_at is not None
    assert after.address_id != before.address_id
    assert (await api.http.patch(path, json={"description": "Lin"})).json()["state"] == "unconfirmed"
    assert (await told(gateway, endpoint, 4)).asked_at == after.asked_at, "the same question, should this overtake the other"
    assert (await api.http.patch(path, json={"address": CHEN.upper()})).json()["state"] == "enabled"


async def test_without_a_public_url_nobody_can_be_asked(database_url: str, tmp_path: Path) -> None:
    """Which is said at once, to whoever can have it changed."""
    async with running_gateway(database_url, tmp_path) as gateway, await gateway.new_tenant("acme") as http:
        answer = await refused(ApiClient(http))
    assert (answer.status_code, answer.json()["code"]) == (409, "public_url_missing")
    assert "AUDIO2TXT_PUBLIC_URL" in answer.json()["detail"]


async def test_a_closed_house_asks_nobody(database_url: str, tmp_path: Path) -> None:
    """Also not those who were asked before the operator said so."""
    async with (
        running_gateway(database_url, tmp_path, public_url=PUBLIC) as gateway,
        await gateway.new_tenant("acme") as http,
    ):
        waiting = await made(ApiClient(http))
        key = http.headers["authorization"].removeprefix("Bearer ")
    off = {"AUDIO2TXT_MAIL_CONFIRM": "false"}
    async with running_gateway(database_url, tmp_path, settings=off) as gateway, gateway.client(key) as http:
        assert await state(ApiClient(http), waiting) == "enabled"
        assert (await told(gateway, waiting)).withheld is None
        assert (await made(ApiClient(http), LIN))["state"] == "enabled"
        needless = await http.post(f"/v1/endpoints/{waiting['id']}/confirmation")
        assert (needless.status_code, needless.json()["code"]) == (409, "nothing_to_confirm")


async def test_only_so_many_are_asked_in_a_day(database_url: str, tmp_path: Path) -> None:
    """A tenant cannot have strangers written to by the thousand, not even once each."""
    two = {"AUDIO2TXT_MAIL_CONFIRMATIONS_PER_DAY": "2"}
    async with (
        running_gateway(database_url, tmp_path, settings=two, public_url=PUBLIC) as gateway,
        await gateway.new_tenant("acme") as http,
    ):
        api = ApiClient(http)
        for address in (CHEN, LIN):
            endpoint = await made(api, address)
            await http.delete(f"/v1/endpoints/{endpoint['id']}")
        answer = await refused(api, "wang@example.com")
        assert (answer.status_code, answer.json()["code"]) == (429, "too_many_confirmations")
        assert answer.json()["retryable"] is True
        assert int(answer.headers["retry-after"]) > 0
        assert await gateway.pool.fetchval("select count(*) from gateway.addresses") == 2
        async with await gateway.new_tenant("rival") as other:
            assert (await made(ApiClient(other), "wang@example.com"))["state"] == "unconfirmed"


async def test_links_are_good_for_what_they_say(gateway: RunningGateway, api: ApiClient, reader: httpx.AsyncClient) -> None:
    """Nobody can make one up, nor confirm with a link that ends e-mails."""
    endpoint = await made(api)
    path = await link(gateway, endpoint, LinkPurpose.UNSUBSCRIBE)
    stranger = LinkPurpose.CONFIRM.path + link_token(b"n" * 32, LinkPurpose.CONFIRM, UUID(int=7))
    unknown = LinkPurpose.CONFIRM.path + link_token(gateway.platform.secret_key, LinkPurpose.CONFIRM, UUID(int=7))
    for wrong in (f"/c/{path.removeprefix('/u/')}", stranger, unknown, "/c/x"):
        for answer in (await reader.get(wrong), await reader.post(wrong)):
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert await state(api, endpoint) == "unconfirmed"


async def test_a_link_in_an_e_mail_ends_them(gateway: RunningGateway, api: ApiClient, reader: httpx.AsyncClient) -> None:
    """All of the tenant's to that address; the tenant cannot undo it, and the reader can."""
    first, second, other = await made(api, language="zh-Hant"), await made(api, "CHEN@example.com"), await made(api, LIN)
    for endpoint in (first, other):
        await reader.post(await link(gateway, endpoint, LinkPurpose.CONFIRM))
    path = await link(gateway, first, LinkPurpose.UNSUBSCRIBE)
    asked = await reader.get(path)
    assert asked.status_code == 200
    assert "c***@example.com" in asked.text
    assert await state(api, first) == "enabled"
    for _ in range(2):
        done = await reader.post(path, data={"List-Unsubscribe": "One-Click"})
        assert done.status_code == 200
        assert [await state(api, each) for each in (first, second, other)] == ["suppressed", "suppressed", "enabled"]
    assert (await told(gateway, second, 3)).withheld is Withheld.SUPPRESSED
    patched = await api.http.patch(f"/v1/endpoints/{first['id']}", json={"paused": False})
    assert patched.json()["state"] == "suppressed"
    assert (await told(gateway, first, 4)).withheld is Withheld.SUPPRESSED
    test = await api.http.post(f"/v1/endpoints/{first['id']}/test")
    assert (test.status_code, test.json()["code"]) == (409, "address_suppressed")
    assert (await made(api))["state"] == "suppressed"

    await reader.post(await link(gateway, first, LinkPurpose.CONFIRM))
    assert [await state(api, each) for each in (first, second)] == ["enabled", "enabled"]


async def refusal(gateway: RunningGateway, endpoint: dict[str, Any], **changes: Any) -> AddressRefused:
    """The notifier tells that the mail server knows no such address."""
    told_ = await gateway.others.heard(EndpointChanged, endpoint["id"])
    assert told_.endpoint is not None
    assert told_.endpoint.address_id is not None
    event = AddressRefused(
        tenant_id=told_.tenant_id, endpoint_id=told_.endpoint_id, address_id=told_.endpoint.address_id, **changes
    )
    await gateway.others.say(event)
    return event


async def suppressions(api: ApiClient, **parameters: Any) -> list[dict[str, Any]]:
    """As the tenant sees them."""
    answer = await api.http.get("/v1/suppressions", params=parameters)
    assert answer.status_code == 200, answer.text
    data: list[dict[str, Any]] = answer.json()["data"]
    return data


async def test_an_address_that_does_not_exist_is_suppressed(
    gateway: RunningGateway, api: ApiClient, reader: httpx.AsyncClient
) -> None:
    """For all endpoints that lead there, until the tenant knows better; a repeat of old news changes nothing then."""
    endpoint, beside = await made(api), await made(api)
    await reader.post(await link(gateway, endpoint, LinkPurpose.CONFIRM))
    event = await refusal(gateway, endpoint)
    await gateway.others.say(event)
    assert [await state(api, each) for each in (endpoint, beside)] == ["suppressed", "suppressed"]
    (suppression,) = await suppressions(api)
    assert (suppression["address"], suppression["reason"]) == (CHEN, "no_such_address")
    assert dt.datetime.fromisoformat(suppression["created_at"]) == event.occurred_at
    before = await told(gateway, endpoint, 3)
    assert before.withheld is Withheld.SUPPRESSED

    path = f"/v1/suppressions/{suppression['id']}"
    assert (await api.http.delete(path)).status_code == 204
    assert [await state(api, each) for each in (endpoint, beside)] == ["enabled", "enabled"]
    after = await told(gateway, endpoint, 4)
    assert (after.withheld, after.enabled_at > before.enabled_at) == (None, True)
    gone = await api.http.delete(path)
    assert (gone.status_code, gone.json()["code"]) == (404, "suppression_not_found")
    await gateway.others.say(event)
    assert await suppressions(api) == []
    await refusal(gateway, endpoint)
    assert len(await suppressions(api)) == 1


async def test_a_question_that_could_not_be_delivered_is_asked_again(gateway: RunningGateway, api: ApiClient) -> None:
    """When the suppression is lifted, also soon, for nobody has got it; the notifier is to begin anew then."""
    endpoint = await made(api)
    await refusal(gateway, endpoint)
    before = await told(gateway, endpoint, 2)
    (suppression,) = await suppressions(api)
    assert (await api.http.delete(f"/v1/suppressions/{suppression['id']}")).status_code == 204
    after = await told(gateway, endpoint, 3)
    assert (after.withheld, after.enabled_at > before.enabled_at) == (Withheld.UNCONFIRMED, True)
    assert after.asked_at is not None
    assert before.asked_at is not None
    assert after.asked_at > before.asked_at


async def test_another_address_ends_what_the_first_was_suppressed_for(gateway: RunningGateway, api: ApiClient) -> None:
    """It leads to somebody else."""
    endpoint = await made(api)
    await refusal(gateway, endpoint)
    before = await told(gateway, endpoint, 2)
    changed = await api.http.patch(f"/v1/endpoints/{endpoint['id']}", json={"address": LIN})
    assert changed.json()["state"] == "unconfirmed"
    assert (await told(gateway, endpoint, 3)).enabled_at > before.enabled_at
    back = await api.http.patch(f"/v1/endpoints/{endpoint['id']}", json={"address": CHEN})
    assert back.json()["state"] == "suppressed"


async def test_whoever_said_no_is_asked_before_it_is_lifted(
    gateway: RunningGateway, api: ApiClient, reader: httpx.AsyncClient
) -> None:
    """The tenant can have the question sent, and nothing else; a mail server's word does not change the reader's."""
    endpoint = await made(api)
    await reader.post(await link(gateway, endpoint, LinkPurpose.CONFIRM))
    await reader.post(await link(gateway, endpoint, LinkPurpose.UNSUBSCRIBE))
    await refusal(gateway, endpoint)
    (suppression,) = await suppressions(api)
    assert suppression["reason"] == "unsubscribed"
    await hours_later(gateway)
    assert (await api.http.delete(f"/v1/suppressions/{suppression['id']}")).status_code == 204
    assert await state(api, endpoint) == "unconfirmed"
    asked = await told(gateway, endpoint, 4)
    assert asked.asked_at is not None
    assert dt.datetime.now(dt.UTC) - asked.asked_at < dt.timedelta(minutes=1)
    assert await suppressions(api) == []
    await reader.post(await link(gateway, endpoint, LinkPurpose.CONFIRM))
    assert await state(api, endpoint) == "enabled"


async def test_suppressions_are_paged_and_nobody_elses(
    gateway: RunningGateway, api: ApiClient, reader: httpx.AsyncClient
) -> None:
    """The newest first; one can be looked up by its address, however it is spelt."""
    addresses = [f"{name}@例子.example" for name in "abc"]
    for address in addresses:
        await reader.post(await link(gateway, await made(api, address), LinkPurpose.UNSUBSCRIBE))
    first = await api.http.get("/v1/suppressions", params={"limit": 2})
    rest = await suppressions(api, limit=2, after=first.json()["next_cursor"])
    shown = [*first.json()["data"], *rest]
    assert [each["address"] for each in shown] == [f"{name}@xn--fsqu00a.example" for name in "cba"]
    assert 'rel="next"' in first.headers["link"]
    assert [each["id"] for each in await suppressions(api, address="B@例子.example")] == [shown[1]["id"]]
    assert await suppressions(api, address="nobody") == []
    async with await gateway.new_tenant("rival") as http:
        assert await suppressions(ApiClient(http)) == []
        foreign = await http.delete(f"/v1/suppressions/{shown[0]['id']}")
        assert (foreign.status_code, foreign.json()["code"]) == (404, "suppression_not_found")
    assert len(await suppressions(api)) == 3


async def audio2txt(gateway: RunningGateway, api: ApiClient, *arguments: str) -> tuple[int | None, str]:
    """Run the command: exit status, and what it said."""
    key = api.http.headers["authorization"].removeprefix("Bearer ")
    command = (sys.executable, "-m", "services", *arguments, "--url", gateway.url, "--api-key", key)
    process = await asyncio.create_subprocess_exec(*command, env={"PATH": "/usr/bin:/bin"}, stdout=-1, stderr=-2)
    said, _ = await process.communicate()
    return process.returncode, said.decode()


async def test_suppressions_on_the_command_line(gateway: RunningGateway, api: ApiClient) -> None:
    """Listed, and lifted by the address."""
    endpoint = await made(api)
    assert await audio2txt(gateway, api, "suppressions", "list") == (0, "No addresses are suppressed.\n")
    await refusal(gateway, endpoint)
    status, said = await audio2txt(gateway, api, "suppressions", "list")
    assert (status, said.split()[2:]) == (0, ["no_such_address", CHEN])
    status, said = await audio2txt(gateway, api, "suppressions", "lift", "Chen@Example.com")
    assert (status, said) == (0, f"{CHEN} is not suppressed any more (it was: no_such_address)\n")
    status, said = await audio2txt(gateway, api, "suppressions", "lift", CHEN)
    assert (status, f"{CHEN} is not suppressed; " in said) == (2, True)
    assert await state(api, endpoint) == "unconfirmed"


async def test_addresses_from_before_go_on_as_they_were(database_url: str, tmp_path: Path) -> None:
    """They have had e-mails all along; the first start enters them, and the next ones change nothing."""
    async with (
        running_gateway(database_url, tmp_path, public_url=PUBLIC) as gateway,
        await gateway.new_tenant("acme") as http,
    ):
        endpoint = await made(ApiClient(http))
        key = http.headers["authorization"].removeprefix("Bearer ")
        await gateway.pool.execute("update gateway.endpoints set address_id = null, withheld = null, asked_at = null")
        await gateway.pool.execute("delete from gateway.addresses")
    for _ in range(2):
        async with running_gateway(database_url, tmp_path, public_url=PUBLIC) as gateway, gateway.client(key) as http:
            assert await state(ApiClient(http), endpoint) == "enabled"
            assert (await made(ApiClient(http)))["state"] == "enabled"
            version = await gateway.pool.fetchval(
                "select version from gateway.endpoints where id = $1 and address_id is not null", UUID(endpoint["id"])
            )
            assert version == 2


async def test_who_was_asked_in_vain_is_forgotten(gateway: RunningGateway, api: ApiClient, reader: httpx.AsyncClient) -> None:
    """After a month, and not while somebody still wants to write there; a yes is remembered, and so is a no."""
    yes, no = await made(api), await made(api, LIN)
    await reader.post(await link(gateway, yes, LinkPurpose.CONFIRM))
    await reader.post(await link(gateway, no, LinkPurpose.UNSUBSCRIBE))
    await made(api, "waiting@example.com")
    for endpoint in (yes, no, await made(api, "silent@example.com")):
        await api.http.delete(f"/v1/endpoints/{endpoint['id']}")
    upkeep = UpkeepStore(gateway.pool)
    assert await upkeep.forget_unanswered(days=30) == 0
    await gateway.pool.execute("update gateway.addresses set asked_at = now() - interval '31 days'")
    assert await upkeep.forget_unanswered(days=30) == 1
    rows = await gateway.pool.fetch("select address from gateway.addresses order by address")
    assert [row["address"] for row in rows] == [CHEN, LIN, "waiting@example.com"]
