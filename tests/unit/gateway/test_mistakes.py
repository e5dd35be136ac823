"""What clients read about a wrong value: in words, with what would have been right."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec
import pytest

from services.gateway.api_keys import NewKey
from services.gateway.endpoints.requests import NewEndpoint, ReplayRequest
from services.gateway.problems import Problem
from services.gateway.requests import JobRequest, RetryRequest
from services.gateway.routes.context import decode
from tests.unit.gateway.test_reference import _client


def _told(kind: Any, body: bytes) -> tuple[str, str]:
    with pytest.raises(Problem) as caught:
        decode(body, msgspec.json.Decoder(kind))
    (error,) = caught.value.errors
    assert error.message in caught.value.detail
    return error.pointer, error.message


@pytest.mark.parametrize(
    ("kind", "body", "pointer", "words"),
    [
        (
            NewEndpoint,
            b'{"kind": "webhook", "url": "https://a.example", "events": ["job.done"]}',
            "/events/0",
            "It is none of those there are: *, job.*, job.completed, job.failed,",
        ),
        (NewEndpoint, b'{"kind": "smoke"}', "/kind", "'smoke' is none of those there are: webhook, email, slack,"),
        (JobRequest, b'{"formats": ["exe"]}', "/formats/0", "'exe' is none of those there are: "),
        (JobRequest, b'{"audio_ur": "x"}', "/audio_ur", "There is no field `audio_ur` here: "),
        (NewKey, b'{"role": "viewer"}', "/name", "The field `name` is missing."),
        (JobRequest, b'{"title": 5}', "/title", "Expected a text or null, got a whole number."),
        (JobRequest, b'{"upload_id": "no"}', "/upload_id", "Expected a UUID, as in "),
        (JobRequest, b'{"metadata": {"a": 1}}', "/metadata/*", "Expected a text, got a whole number."),
        (JobRequest, b'{"metadata": {"": "x"}}', "/metadata", "One of its names is not valid: Expected at least 1 characters."),
        (RetryRequest, b'{"engine": "A B"}', "/engine", "It has another form; write it as in local."),
        (RetryRequest, b'{"formats": []}', "/formats", "Expected at least 1 entries."),
        (ReplayRequest, b'{"since": "yesterday"}', "/since", "Expected a time with its zone, as in 2026-"),
        (ReplayRequest, b'{"since": "2026-01-01T00:00:00"}', "/since", "Expected a time with its zone, as in 2026-"),
    ],
)
def test_a_wrong_value_is_told_in_words(kind: Any, body: bytes, pointer: str, words: str) -> None:
    """With the list of what there is, an example, or the kind of value that is wanted; never with a pattern."""
    found, message = _told(kind, body)
    assert found == pointer
    assert message.startswith(words)
    assert message.endswith(".")
    assert "regex" not in message


async def test_a_wrong_parameter_has_the_name_that_clients_know() -> None:
    """Not that of the variable behind it; and the words that there are."""
    async with _client() as http:
        answer: httpx.Response = await http.get("/v1/jobs", params={"state": "done", "limit": "0"})
    errors = {error["pointer"]: error["message"] for error in answer.json()["errors"]}
    assert answer.json()["code"] == "invalid_query"
    assert errors["state"].startswith("'done' is none of those there are: ")
    assert "completed" in errors["state"]
    assert errors["limit"] == "Expected at least 1."


@pytest.mark.parametrize(
    ("path", "parameter", "words"),
    [
        ("/v1/search", "q", "It is missing."),
        ("/v1/events?state=queued&state=done", "state", "'done' is none of those there are: "),
        ("/v1/jobs?metadata=case", "metadata", "Give an entry of the metadata as NAME:VALUE, "),
    ],
)
async def test_a_parameter_that_cannot_be_taken_is_named(path: str, parameter: str, words: str) -> None:
    """Also one that is not there, one of several of the same name, and one that could find nothing."""
    async with _client() as http:
        answer: httpx.Response = await http.get(path)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_query")
    (error,) = answer.json()["errors"]
    assert error["pointer"] == parameter
    assert error["message"].startswith(words)
