"""The manners of every answer, over real HTTP: refusals, the description, the log."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from structlog.testing import capture_logs

from shared.database import transaction
from tests.describing import followed
from tests.gatewaying import WAV, ApiClient, RunningGateway, running_gateway
from tests.servers.postgresql import PostgresServer

RECORDING = WAV + bytes(range(256)) * 4000


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nothing", 404, "not_found"),
        ("GET", "/elsewhere", 404, "not_found"),
        ("GET", "/v1/jobs/no-uuid", 404, "not_found"),
        ("PATCH", "/v1/jobs", 405, "method_not_allowed"),
        ("GET", "/v1/jobs?limt=3", 400, "invalid_query"),
        ("GET", "/v1/jobs?limit=0", 400, "invalid_query"),
        ("GET", "/v1/jobs?state=done", 400, "invalid_query"),
        ("GET", "/v1/jobs?after=nonsense", 400, "invalid_cursor"),
        ("GET", "/v1/account?x=1", 400, "invalid_query"),
    ],
)
async def test_every_refusal_is_a_problem_document(
    gateway: RunningGateway, api: ApiClient, method: str, path: str, status: int, code: str
) -> None:
    """Whatever refuses a request, router or handler, the answer has one form and a request id."""
    del gateway
    answer = await api.http.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer.headers["X-Request-Id"]
    assert answer.json()["detail"].endswith(".")


async def test_what_no_database_keeps_is_refused_or_taken_for_the_nearest(gateway: RunningGateway, api: ApiClient) -> None:
    """A NUL character is refused wherever text comes in, a number that is too long as well; a time that lies beyond the
    calendar of UTC is its first or last moment."""
    for query in ("audit?thing_id=%00", "jobs?language=zh-%00", "deliveries?message_id=%00", "suppressions?address=a%00@b.cc"):
        answer = await api.http.get(f"/v1/{query}")
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_query"), query
    hook = {"kind": "webhook", "url": "https://example.com/hook"}
    audio = {"audio_url": "https://example.com/a.mp3"}
    for path, body in (
        ("endpoints", {**hook, "description": "a\0b"}),
        ("jobs", {**audio, "vocabularies": ["\0"]}),
        (f"jobs/{UUID(int=1)}/transcript/restore", {"revision": 2**31}),
    ):
        answer = await api.http.post(f"/v1/{path}", json=body, headers={"If-Match": "*"})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), path
    assert (await api.http.post("/v1/endpoints", json={**hook, "description": "\\u0000 is NUL"})).status_code == 201
    form: dict[str, Any] = {"file": ("a.wav", WAV), "vocabularies": (None, "\0")}
    assert (await api.http.post("/v1/jobs", files=form)).status_code == 422

    created = await api.create()
    earliest, latest = "0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-14:00"
    listed = (await api.http.get(f"/v1/jobs?created_after={earliest}&created_before={latest}")).json()["data"]
    assert [job["id"] for job in listed] == [created["id"]]
    for end in ("9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59.999999Z"):
        key = await api.http.post("/v1/keys", json={"name": "for ever", "role": "viewer", "expires_at": end})
        rotated = await api.http.post(f"/v1/keys/{key.json()['id']}/rotate", json={})
        assert (key.status_code, rotated.status_code) == (201, 201)
        assert rotated.json()["expires_at"] == "9999-12-31T23:59:58.999999Z"


async def test_a_body_that_is_no_json_is_refused(gateway: RunningGateway, api: ApiClient) -> None:
    """Only what says it is JSON is read as JSON."""
    del gateway
    answer = await api.http.post("/v1/jobs", content=b"{}", headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    answer = await api.http.post("/v1/jobs", content=b"{", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_json")


async def test_the_api_describes_itself(gateway: RunningGateway, api: ApiClient) -> None:
    """Every route is in the document, with a summary, its answers and problems, and every reference leads somewhere."""
    async with httpx.AsyncClient(base_url=gateway.url) as http:
        document = (await http.get("/v1/openapi.json")).json()
    assert document["openapi"] == "3.1.0"
    operations = {(method, path): op for path, item in document["paths"].items() for method, op in item.items()}
    assert set(operations) == {
        ("post", "/v1/uploads"),
        ("get", "/v1/uploads/{upload_id}"),
        ("head", "/v1/uploads/{upload_id}"),
        ("patch", "/v1/uploads/{upload_id}"),
        ("delete", "/v1/uploads/{upload_id}"),
        ("post", "/v1/uploads/direct"),
        ("post", "/v1/uploads/{upload_id}/complete"),
        ("post", "/v1/jobs"),
        ("get", "/v1/jobs"),
        ("get", "/v1/jobs/{job_id}"),
        ("patch", "/v1/jobs/{job_id}"),
        ("get", "/v1/search"),
        ("get", "/v1/jobs/{job_id}/estimate"),
        ("post", "/v1/estimates"),
        ("post", "/v1/batches"),
        ("get", "/v1/batches"),
        ("get", "/v1/batches/{batch_id}"),
        ("post", "/v1/batches/{batch_id}/cancel"),
        ("delete", "/v1/jobs/{job_id}"),
        ("get", "/v1/jobs/{job_id}/events"),
        ("get", "/v1/events"),
        ("post", "/v1/vocabularies"),
        ("get", "/v1/vocabularies"),
        ("get", "/v1/vocabularies/{vocabulary_id}"),
        ("put", "/v1/vocabularies/{vocabulary_id}"),
        ("delete", "/v1/vocabularies/{vocabulary_id}"),
        ("get", "/v1/vocabularies/{vocabulary_id}/csv"),
        ("put", "/v1/vocabularies/{vocabulary_id}/csv"),
        ("post", "/v1/jobs/{job_id}/cancel"),
        ("post", "/v1/jobs/{job_id}/retry"),
        ("get", "/v1/jobs/{job_id}/transcript"),
        ("head", "/v1/jobs/{job_id}/transcript"),
        ("patch", "/v1/jobs/{job_id}/transcript"),
        ("get", "/v1/jobs/{job_id}/transcript/revisions"),
        ("post", "/v1/jobs/{job_id}/transcript/restore"),
        ("get", "/v1/jobs/{job_id}/artifacts"),
        ("get", "/v1/jobs/{job_id}/artifacts/{name}"),
        ("head", "/v1/jobs/{job_id}/artifacts/{name}"),
        ("get", "/v1/account"),
        ("get", "/v1/jobs/{job_id}/report"),
        ("head", "/v1/jobs/{job_id}/report"),
        ("get", "/v1/solutions"),
        ("get", "/v1/solutions/{solution}"),
        ("get", "/v1/engines"),
        ("get", "/v1/webhook-secret"),
        ("post", "/v1/endpoints"),
        ("get", "/v1/endpoints"),
        ("get", "/v1/endpoints/{endpoint_id}"),
        ("patch", "/v1/endpoints/{endpoint_id}"),
        ("delete", "/v1/endpoints/{endpoint_id}"),
        ("get", "/v1/endpoints/{endpoint_id}/keys"),
        ("post", "/v1/endpoints/{endpoint_id}/rotate"),
        ("post", "/v1/endpoints/{endpoint_id}/test"),
        ("post", "/v1/endpoints/{endpoint_id}/confirmation"),
        ("post", "/v1/endpoints/{endpoint_id}/replay"),
        ("post", "/v1/keys"),
        ("get", "/v1/keys"),
        ("get", "/v1/keys/{key_id}"),
        ("delete", "/v1/keys/{key_id}"),
        ("post", "/v1/keys/{key_id}/rotate"),
        ("post", "/v1/users"),
        ("post", "/v1/users/{user_id}/invitation"),
        ("post", "/v1/password-resets"),
        ("get", "/v1/sign-in-methods"),
        ("get", "/v1/oidc/login"),
        ("get", "/v1/oidc/callback"),
        ("get", "/v1/users"),
        ("get", "/v1/users/{user_id}"),
        ("patch", "/v1/users/{user_id}"),
        ("delete", "/v1/users/{user_id}"),
        ("get", "/v1/me"),
        ("patch", "/v1/me"),
        ("put", "/v1/me/password"),
        ("post", "/v1/tokens"),
        ("get", "/v1/tokens"),
        ("delete", "/v1/tokens/{token_id}"),
        ("post", "/v1/session"),
        ("get", "/v1/session"),
        ("delete", "/v1/session"),
        ("get", "/v1/sessions"),
        ("delete", "/v1/sessions/{session_id}"),
        ("get", "/v1/audit"),
        ("get", "/v1/audit/export"),
        ("get", "/v1/usage"),
        ("get", "/v1/usage/records"),
        ("get", "/v1/usage/records.csv"),
        ("get", "/v1/usage/statement.pdf"),
        ("get", "/v1/retention"),
        ("get", "/v1/policy"),
        ("put", "/v1/policy"),
        ("put", "/v1/retention"),
        ("post", "/v1/erasures"),
        ("get", "/v1/erasures"),
        ("get", "/v1/erasures/keys"),
        ("get", "/v1/erasures/{erasure_id}"),
        ("post", "/v1/exports"),
        ("get", "/v1/exports"),
        ("get", "/v1/exports/{export_id}"),
        ("get", "/v1/exports/{export_id}/file"),
        ("head", "/v1/exports/{export_id}/file"),
        ("get", "/v1/deliveries"),
        ("get", "/v1/deliveries/{delivery_id}"),
        ("post", "/v1/deliveries/{delivery_id}/redeliver"),
        ("get", "/v1/suppressions"),
        ("delete", "/v1/suppressions/{suppression_id}"),
    }
    for operation in operations.values():
        assert operation["summary"]
        assert operation["description"].endswith(".")
        refused = "400" if operation.get("security") == [] else "401"
        assert "application/problem+json" in followed(document, operation["responses"][refused])["content"]
    assert len({operation["operationId"] for operation in operations.values()}) == len(operations)
    schemas = document["components"]["schemas"]
    references = set(_references(document))
    assert references
    assert references <= {f"#/components/{kind}/{name}" for kind, named in document["components"].items() for name in named}
    described = schemas["JobRequest"]["properties"]
    assert all("description" in described[name] or "anyOf" in described[name] for name in described)
    queries = {item.get("name") for item in operations["get", "/v1/jobs"]["parameters"]}
    assert queries >= {"limit", "after", "state", "tag"}
    assert (await api.http.get("/v1/jobs", params={"state": "queued", "limit": 1})).status_code == 200


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for value in node.values() for found in _references(value)]
    return [found for value in node for found in _references(value)] if isinstance(node, list) else []


async def test_both_key_headers_are_taken(gateway: RunningGateway, api: ApiClient) -> None:
    """`X-API-Key` is as good as `Authorization`."""
    key = api.http.headers["Authorization"].removeprefix("Bearer ")
    async with httpx.AsyncClient(base_url=gateway.url, headers={"X-API-Key": key}) as http:
        account = (await http.get("/v1/account")).json()
    assert account["tenant"]["name"] == "acme"
    assert account["key"]["hint"].endswith(key[-4:])


async def test_the_solutions_are_listed(gateway: RunningGateway, api: ApiClient) -> None:
    """What a job may ask for can be looked up."""
    del gateway
    solutions = (await api.http.get("/v1/solutions")).json()["data"]
    assert "verbatim" in {solution["id"] for solution in solutions}


async def test_every_request_leaves_one_line_without_secrets(gateway: RunningGateway, api: ApiClient) -> None:
    """Route, status and tenant are logged; neither the key nor the query is."""
    del gateway
    with capture_logs() as lines:
        answer = await api.http.post("/v1/uploads", content=RECORDING, params={"file_name": "confidential.wav"})
    (line,) = [line for line in lines if line["event"] == "http.request"]
    assert (line["method"], line["route"], line["status"]) == ("POST", "/v1/uploads", 201)
    assert line["bytes_in"] == len(RECORDING)
    assert line["tenant_id"]
    assert answer.headers["X-Request-Id"]
    assert api.http.headers["Authorization"].removeprefix("Bearer ") not in str(lines)
    assert "confidential" not in str(lines)


async def test_an_outage_of_the_database_can_be_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 with a time to wait, and no more than that: from a dead server, and from a frozen one while it is frozen still, also
    for those who wait in a transaction or for a connection. Awake again, it serves at once."""
    monkeypatch.setattr("services.gateway.store.PATIENCE", 0.3)
    monkeypatch.setattr("shared.database.CANCELLATION_SECONDS", 0.3)
    monkeypatch.setattr("shared.database.STATEMENT_TIMEOUT", 3600.0)
    answers: list[httpx.Response] = []
    with PostgresServer() as server:
        database_url = server.create_database()
        async with running_gateway(database_url, tmp_path, pool=2) as gateway, await gateway.new_tenant("acme") as http:
            assert (await http.get("/v1/jobs")).status_code == 200
            order = {"name": "more", "role": "viewer"}
            with server.frozen():
                answers += await asyncio.gather(*(http.get("/v1/jobs") for _ in range(4)), http.post("/v1/keys", json=order))
                with pytest.raises((TimeoutError, asyncpg.InterfaceError)):
                    async with asyncio.timeout(0.1), transaction(gateway.pool) as connection:
                        await connection.execute("select 1")
            assert (await http.get("/v1/jobs")).status_code == 200
            assert (await http.post("/v1/keys", json=order)).status_code == 201
            server.kill9()
            answers.append(await http.get("/v1/jobs"))
    for answer in answers:
        assert (answer.status_code, answer.json()["code"], answer.json()["retryable"]) == (503, "unavailable", True)
        assert answer.headers["Retry-After"]
