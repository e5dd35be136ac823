"""Endpoints as a tenant's developer sets them up: every kind, its secrets, and what becomes of mistakes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shared.schemas.endpoints import Destination, EndpointKind, Replay, Signature, Test, WebhookDestination
from shared.schemas.events import DeliveryRequested, EndpointChanged
from shared.sealing import Sealer
from shared.signing import endpoint_key_pair, endpoint_secret
from tests.gatewaying import ApiClient, RunningGateway, running_gateway

HOOK = {"kind": "webhook", "url": "https://example.com/hooks?key=abc"}
BOT_TOKEN = "123456789:AAHfiqksKZ8WmR2zSjiQ7_v9TmNz8v3rQ1k"


@pytest.fixture
async def gateway(database_url: str, tmp_path: Path) -> AsyncIterator[RunningGateway]:
    """A gateway where a tenant may have four endpoints."""
    four = {"AUDIO2TXT_ENDPOINTS_PER_TENANT": "4"}
    async with running_gateway(database_url, tmp_path, settings=four, public_url="https://audio2txt.example") as running:
        yield running


async def created(api: ApiClient, **wish: Any) -> dict[str, Any]:
    """An endpoint that was accepted."""
    answer = await api.http.post("/v1/endpoints", json={**HOOK, **wish})
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    made: dict[str, Any] = answer.json()
    assert answer.headers["location"].endswith(f"/v1/endpoints/{made['id']}")
    return made


def destination(gateway: RunningGateway, event: EndpointChanged) -> Destination:
    """What the notifier reads in an event."""
    assert event.endpoint is not None
    sealer = Sealer(gateway.platform.secret_key, purpose="endpoint")
    opened: Destination = msgspec.json.decode(
        sealer.unseal(event.endpoint.sealed, place=str(event.endpoint_id)), type=Destination
    )
    return opened


async def test_a_webhook_is_made_and_the_notifier_hears_of_it(gateway: RunningGateway, api: ApiClient) -> None:
    """The secret is shown once; what may be secret in the URL and the headers is not shown again, nor published openly."""
    made = await created(api, headers={"X-Token": "hush"}, events=["job.*"], description="The archive", include="text")
    event = await gateway.others.heard(EndpointChanged, made["id"])
    assert destination(gateway, event) == WebhookDestination(url=HOOK["url"], headers={"X-Token": "hush"})
    assert made["secret"] == endpoint_secret(gateway.platform.secret_key, event.endpoint_id, 1)
    assert (made["destination"], made["headers"]) == ("https://example.com/hooks?***", ["X-Token"])
    assert (made["state"], made["events"], made["include"], made["signatures"]) == ("enabled", ["job.*"], "text", ["v1"])
    published = msgspec.json.encode(event)
    assert b"hush" not in published
    assert b"key=abc" not in published

    shown = (await api.http.get(f"/v1/endpoints/{made['id']}")).json()
    assert shown == {name: value for name, value in made.items() if name != "secret"}
    assert (await api.http.get("/v1/endpoints")).json()["data"] == [shown]


@pytest.mark.parametrize(
    ("wish", "label"),
    [
        ({"kind": "email", "address": "chen@example.com"}, "chen@example.com"),
        ({"kind": "slack", "url": "https://hooks.slack.com/services/T0/B0/abc"}, "https://hooks.slack.com/***"),
        (
            {"kind": "teams", "url": "https://prod-1.westus.logic.azure.com:443/x?sig=s"},
            "https://prod-1.westus.logic.azure.com/***",
        ),
        ({"kind": "discord", "url": "https://discord.com/api/webhooks/1/abc"}, "https://discord.com/***"),
        ({"kind": "telegram", "bot_token": BOT_TOKEN, "chat_id": "-100123"}, "telegram -100123"),
        ({"kind": "ntfy", "url": "https://ntfy.sh/transcripts", "token": "tk_abc"}, "https://ntfy.sh/***"),
    ],
)
async def test_people_are_told_in_their_own_channels(gateway: RunningGateway, api: ApiClient, wish: Any, label: str) -> None:
    """Nothing is signed for them, and no token is shown."""
    answer = await api.http.post("/v1/endpoints", json={**wish, "language": "zh-Hant"})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["kind"], made["destination"], made["secret"], made["keys"]) == (wish["kind"], label, None, [])
    event = await gateway.others.heard(EndpointChanged, made["id"])
    assert event.endpoint is not None
    assert (event.endpoint.kind, event.endpoint.language) == (EndpointKind(wish["kind"]), "zh-Hant")
    for secret in ("tk_abc", "transcripts", BOT_TOKEN, "services/T0", "sig=s", "webhooks/1/abc"):
        assert secret not in answer.text


@pytest.mark.parametrize(
    ("wish", "code", "pointer"),
    [
        ({"url": "http://example.com/"}, "url_scheme", "/url"),
        ({"url": "https://127.0.0.1/"}, "address_refused", "/url"),
        ({"url": "https://me:pass@example.com/"}, "url_invalid", "/url"),
        ({"headers": {"webhook-id": "1"}}, "header_reserved", "/headers/webhook-id"),
        ({"headers": {"Host": "b"}}, "header_reserved", "/headers/Host"),
        ({"headers": {"X-A": "a\r\nB: c"}}, "header_invalid", "/headers/X-A"),
        ({"headers": {"x-a": "1", "X-A": "2"}}, "header_invalid", "/headers"),
        ({"events": ["job.exploded"]}, "invalid_request", "/events/0"),
        ({"events": ["endpoint.failing"]}, "invalid_request", "/events/0"),
        ({"events": []}, "invalid_request", "/events"),
        ({"signatures": ["v9"]}, "invalid_request", "/signatures/0"),
        ({"rate_per_minute": 0}, "invalid_request", "/rate_per_minute"),
        ({"rate_per_minute": 0.5}, "invalid_request", "/rate_per_minute"),
        ({"kind": "pigeon"}, "invalid_request", "/kind"),
        ({"kind": "email", "address": "chen"}, "invalid_request", "/url"),
    ],
)
async def test_a_mistake_is_named(api: ApiClient, wish: Any, code: str, pointer: str) -> None:
    """With the field at fault; nothing is made."""
    answer = await api.http.post("/v1/endpoints", json={**HOOK, **wish})
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert (await api.http.get("/v1/endpoints")).json()["data"] == []


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"kind": "email", "address": "chen"}, "address_invalid"),
        ({"kind": "email", "address": "chen@-例子-.example"}, "address_invalid"),
        ({"kind": "email", "address": "chen@example.com\r\nBcc: all@example.com"}, "address_invalid"),
        ({"kind": "slack", "url": "https://example.com/services/T0"}, "host_not_accepted"),
        ({"kind": "telegram", "bot_token": "x", "chat_id": "1"}, "token_invalid"),
        ({"kind": "telegram", "bot_token": BOT_TOKEN, "chat_id": "my chat"}, "chat_invalid"),
        ({"kind": "ntfy", "url": "https://ntfy.sh/"}, "url_invalid"),
    ],
)
async def test_a_channel_takes_only_what_is_its_own(api: ApiClient, wish: Any, code: str) -> None:
    """A Slack webhook is one of Slack's; an address is one address."""
    answer = await api.http.post("/v1/endpoints", json=wish)
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text


async def test_what_is_changed_is_told_in_order(gateway: RunningGateway, api: ApiClient) -> None:
    """Every change is a version; what was left out stays."""
    made = await created(api, description="The archive")
    path = f"/v1/endpoints/{made['id']}"
    changed = (await api.http.patch(path, json={"paused": True, "events": ["*"], "url": "https://example.com/b"})).json()
    assert (changed["state"], changed["events"], changed["destination"], changed["description"]) == (
        "paused",
        ["*"],
        "https://example.com/b",
        "The archive",
    )
    event = await gateway.others.heard(EndpointChanged, made["id"], count=2)
    assert event.endpoint is not None
    assert (event.version, event.endpoint.paused) == (2, True)
    before = event.endpoint.enabled_at
    assert (await api.http.patch(path, json={"paused": False})).json()["state"] == "enabled"
    event = await gateway.others.heard(EndpointChanged, made["id"], count=3)
    assert event.endpoint is not None
    assert event.endpoint.enabled_at > before
    foreign = await api.http.patch(path, json={"address": "chen@example.com"})
    assert (foreign.status_code, foreign.json()["code"]) == (422, "not_of_this_kind")

    assert (await api.http.delete(path)).status_code == 204
    event = await gateway.others.heard(EndpointChanged, made["id"], count=4)
    assert (event.version, event.endpoint) == (4, None)
    assert (await api.http.get(path)).json()["code"] == "endpoint_not_found"


async def test_a_rate_is_set_changed_and_lifted(gateway: RunningGateway, api: ApiClient) -> None:
    """The notifier hears of it each time; what is no webhook has none."""
    made = await created(api, rate_per_minute=120)
    assert made["rate_per_minute"] == 120
    for version, rate in enumerate((60_000, None), start=2):
        changed = (await api.http.patch(f"/v1/endpoints/{made['id']}", json={"rate_per_minute": rate})).json()
        assert changed["rate_per_minute"] == rate
        event = await gateway.others.heard(EndpointChanged, made["id"], count=version)
        assert event.endpoint is not None
        assert event.endpoint.rate_per_minute == rate
    assert (await created(api))["rate_per_minute"] is None
    person = (await api.http.post("/v1/endpoints", json={"kind": "email", "address": "chen@example.com"})).json()
    refused = await api.http.patch(f"/v1/endpoints/{person['id']}", json={"rate_per_minute": 1})
    assert (refused.status_code, refused.json()["code"]) == (422, "not_of_this_kind")


async def test_secrets_are_rotated_with_overlap(gateway: RunningGateway, api: ApiClient) -> None:
    """The new one is shown once; the old ones sign beside it until their time is over, or not at all."""
    made = await created(api, signatures=["v1", "v1a"])
    master = gateway.platform.secret_key
    path = f"/v1/endpoints/{made['id']}"
    event = await gateway.others.heard(EndpointChanged, made["id"])
    assert event.endpoint is not None
    assert event.endpoint.signatures == (Signature.V1, Signature.V1A)
    pair = endpoint_key_pair(master, event.endpoint_id, 1)
    assert made["keys"] == [{"number": 1, "expires_at": None, "public_key": pair.public}]

    rotated = (await api.http.post(f"{path}/rotate")).json()
    assert rotated["secret"] == endpoint_secret(master, event.endpoint_id, 2) != made["secret"]
    assert [(key["number"], key["expires_at"] is None) for key in rotated["keys"]] == [(2, True), (1, False)]
    keys = (await api.http.get(f"{path}/keys")).json()["keys"]
    assert [key["kid"] for key in keys] == ["2", "1"]
    assert all((key["kty"], key["crv"], len(key["x"])) == ("OKP", "Ed25519", 43) for key in keys)

    at_once = (await api.http.post(f"{path}/rotate", json={"overlap_hours": 0})).json()
    assert [key["number"] for key in at_once["keys"]] == [3]
    for _ in range(4):
        assert (await api.http.post(f"{path}/rotate")).status_code == 200
    full = await api.http.post(f"{path}/rotate")
    assert (full.status_code, full.json()["code"]) == (409, "too_many_secrets")


async def test_messages_can_be_asked_for(gateway: RunningGateway, api: ApiClient) -> None:
    """A test, and what failed or was missed since a time."""
    made = await created(api)
    path = f"/v1/endpoints/{made['id']}"
    test = (await api.http.post(f"{path}/test")).json()
    event = await gateway.others.heard(DeliveryRequested, made["id"])
    assert (event.wish, test["message_id"]) == (Test(), f"msg_{event.event_id.hex}")
    replay = {"since": "2026-11-27T00:00:00Z", "missing": True, "types": ["job.completed"]}
    assert (await api.http.post(f"{path}/replay", json=replay)).status_code == 202
    event = await gateway.others.heard(DeliveryRequested, made["id"], count=2)
    assert isinstance(event.wish, Replay)
    assert (event.wish.missing, event.wish.types) == (True, ("job.completed",))
    backwards = await api.http.post(f"{path}/replay", json={**replay, "until": "2026-11-26T00:00:00Z"})
    assert (backwards.status_code, backwards.json()["errors"][0]["pointer"]) == (422, "/until")
    missing = await api.http.post("/v1/deliveries/0198c2de-8b1c-7d3e-9f5a-2b6c4d8e0f1a/redeliver")
    assert (missing.status_code, missing.json()["code"]) == (404, "delivery_not_found")
    assert (await api.http.get("/v1/deliveries", params={"endpoint_id": made["id"]})).json()["data"] == []


async def test_a_tenant_has_only_so_many_and_only_its_own(gateway: RunningGateway, api: ApiClient) -> None:
    """Another tenant's endpoints do not exist."""
    made = [await created(api) for _ in range(4)]
    full = await api.http.post("/v1/endpoints", json=HOOK)
    assert (full.status_code, full.json()["code"]) == (409, "too_many_endpoints")
    page = (await api.http.get("/v1/endpoints", params={"limit": 3})).json()
    rest = (await api.http.get("/v1/endpoints", params={"limit": 3, "after": page["next_cursor"]})).json()
    assert [one["id"] for one in (*page["data"], *rest["data"])] == [one["id"] for one in reversed(made)]
    async with await gateway.new_tenant("rival") as http:
        assert (await http.get("/v1/endpoints")).json()["data"] == []
        for method, path in (
            ("GET", ""),
            ("PATCH", ""),
            ("DELETE", ""),
            ("POST", "/test"),
            ("POST", "/rotate"),
            ("GET", "/keys"),
        ):
            answer = await http.request(method, f"/v1/endpoints/{made[0]['id']}{path}", json={})
            assert (answer.status_code, answer.json()["code"]) == (404, "endpoint_not_found"), (method, path)
