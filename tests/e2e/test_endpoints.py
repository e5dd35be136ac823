"""Endpoints in both sizes: whatever happens to any job reaches whoever wants to know, signed, and can be sent again."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from standardwebhooks import Webhook

from tests.customer import SAMPLE, Customer, Receiver

QUICK = {"engine": "scripted", "formats": ["txt"]}


async def endpoint(customer: Customer, receiver: Receiver, **wish: Any) -> dict[str, Any]:
    """A webhook of the customer's."""
    made: dict[str, Any] = await customer.must("POST", "/v1/endpoints", json={"kind": "webhook", "url": receiver.url, **wish})
    return made


async def delivered(customer: Customer, made: dict[str, Any], count: int = 1) -> list[dict[str, Any]]:
    """The endpoint's deliveries, once so many have ended."""
    async with asyncio.timeout(60):
        while True:
            page = await customer.must("GET", "/v1/deliveries", params={"endpoint_id": made["id"]})
            ended: list[dict[str, Any]] = [one for one in page["data"] if one["status"] != "pending"]
            if len(ended) >= count:
                return ended
            await asyncio.sleep(0.1)


async def test_every_job_is_told_to_an_endpoint_with_its_own_secret(customer: Customer, receiver: Receiver) -> None:
    """Without the job knowing of it; the log shows what was sent and what came back, and the audit log who looked."""
    made = await endpoint(customer, receiver, events=["job.*"], headers={"X-Archive": "hush"})
    job = await customer.must_submit(SAMPLE.read_bytes(), **QUICK, metadata={"case": "7"})
    (body,) = await receiver.wait_for_job(job["id"])
    assert (body["type"], body["data"]["metadata"]) == ("job.completed", {"case": "7"})
    receiver.verify_all(made["secret"])
    headers, _ = receiver.requests[-1]
    assert headers["X-Archive"] == "hush"

    (delivery,) = await delivered(customer, made)
    assert (delivery["status"], delivery["job_id"], delivery["attempts"]) == ("delivered", job["id"], 1)
    details = await customer.must("GET", f"/v1/deliveries/{delivery['id']}")
    (attempt,) = details["log"]
    assert attempt["status"] == 204
    assert json.loads(attempt["request_body"])["data"]["id"] == job["id"]
    assert "hush" not in json.dumps(details)
    async with asyncio.timeout(30):
        while not (await customer.must("GET", f"/v1/audit?action=delivery.read&thing_id={delivery['id']}"))["data"]:
            await asyncio.sleep(0.1)
    health = (await customer.must("GET", f"/v1/endpoints/{made['id']}"))["health"]
    assert health["last_success_at"] is not None


async def test_a_message_is_sent_again_with_the_same_id(customer: Customer, receiver: Receiver) -> None:
    """By which the receiver knows it, however often it comes."""
    made = await endpoint(customer, receiver)
    job = await customer.must_submit(SAMPLE.read_bytes(), **QUICK)
    await receiver.wait_for_job(job["id"])
    (delivery,) = await delivered(customer, made)
    await customer.must("POST", f"/v1/deliveries/{delivery['id']}/redeliver")
    await receiver.wait_for(2)
    ids = {headers["webhook-id"] for headers, _ in receiver.requests}
    assert ids == {delivery["message_id"]}
    receiver.verify_all(made["secret"])


async def test_a_new_secret_signs_beside_the_old_one(customer: Customer, receiver: Receiver) -> None:
    """Receivers change over when they like; a test message shows that it works."""
    made = await endpoint(customer, receiver)
    rotated = await customer.must("POST", f"/v1/endpoints/{made['id']}/rotate", json={"overlap_hours": 1})
    test = await customer.must("POST", f"/v1/endpoints/{made['id']}/test")
    await receiver.wait_for(1)
    headers, body = receiver.requests[-1]
    assert headers["webhook-id"] == test["message_id"]
    assert json.loads(body)["type"] == "endpoint.test"
    for secret in (made["secret"], rotated["secret"]):
        Webhook(secret).verify(body.decode(), {name.lower(): value for name, value in headers.items()})


async def test_what_was_missed_is_sent_when_it_is_asked_for(customer: Customer, receiver: Receiver) -> None:
    """An endpoint that was made too late hears of it all the same."""
    job = await customer.must_submit(SAMPLE.read_bytes(), **QUICK)
    await customer.must_end(job["id"])
    made = await endpoint(customer, receiver)
    await customer.must("POST", f"/v1/endpoints/{made['id']}/replay", json={"since": job["created_at"], "missing": True})
    bodies = await receiver.wait_for_job(job["id"])
    assert {body["type"] for body in bodies} == {"job.completed"}


async def test_a_pause_keeps_messages_back_and_a_deletion_ends_them(customer: Customer, receiver: Receiver) -> None:
    """What came meanwhile is sent when the pause is over; who is deleted hears nothing more."""
    made = await endpoint(customer, receiver)
    path = f"/v1/endpoints/{made['id']}"
    await customer.must("PATCH", path, json={"paused": True})
    job = await customer.must_submit(SAMPLE.read_bytes(), **QUICK)
    await customer.must_end(job["id"])
    assert receiver.requests == []
    await customer.must("PATCH", path, json={"paused": False})
    assert [body["type"] for body in await receiver.wait_for_job(job["id"])] == ["job.completed"]

    await customer.must("DELETE", path)
    job = await customer.must_submit(SAMPLE.read_bytes(), **QUICK, callback_url=receiver.url)
    await receiver.wait_for_job(job["id"])
    secret = (await customer.must("GET", "/v1/webhook-secret"))["secret"]
    headers, body = receiver.requests[-1]
    Webhook(secret).verify(body.decode(), {name.lower(): value for name, value in headers.items()})


async def test_nothing_is_promised_to_an_endpoint_that_is_disabled(customer: Customer, receiver: Receiver) -> None:
    """Who asks for a test or a replay hears why there is none, and how to switch it on; then there is one."""
    made = await endpoint(customer, receiver)
    path = f"/v1/endpoints/{made['id']}"
    receiver.answers = [410]
    await customer.must("POST", f"{path}/test")
    await delivered(customer, made)
    for action, wish in (("test", None), ("replay", {"since": made["created_at"]})):
        refused = await customer.call("POST", f"{path}/{action}", json=wish)
        assert (refused.status_code, refused.json()["code"]) == (409, "endpoint_disabled")
        assert "gone" in refused.json()["detail"]
    await customer.must("PATCH", path, json={"paused": False})
    await customer.must("POST", f"{path}/test")
    await receiver.wait_for(2)
