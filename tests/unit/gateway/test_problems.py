"""What clients are told when something goes wrong."""

from __future__ import annotations

import msgspec
import pytest
from litestar.exceptions import MethodNotAllowedException, NotFoundException, ValidationException

from services.gateway.errors import problem_of
from services.gateway.problems import FieldError, Problem
from services.gateway.requests import JobRequest, RetryRequest
from services.gateway.routes.context import decode, is_json
from shared.blobs import BlobUnavailable


def _refusal(body: bytes) -> Problem:
    with pytest.raises(Problem) as caught:
        decode(body, msgspec.json.Decoder(JobRequest))
    return caught.value


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b'{"title": 5}', "/title"),
        (b'{"formats": ["pdf", "exe"]}', "/formats/1"),
        (b'{"colour": "red"}', "/colour"),
        (b'{"metadata": {"a": 1}}', "/metadata/*"),
        (b'{"upload_id": "no"}', "/upload_id"),
        (b'{"engine": "A B"}', "/engine"),
        (b"[]", ""),
    ],
)
def test_a_wrong_value_is_pointed_at(body: bytes, pointer: str) -> None:
    """The JSON pointer leads to the value, and the sentence names it."""
    problem = _refusal(body)
    assert (problem.status, problem.code) == (422, "invalid_request")
    assert problem.errors[0].pointer == pointer
    assert problem.detail.endswith(".")


@pytest.mark.parametrize("body", [b"", b"{", b'{"title": "\xff"}', b"nonsense"])
def test_a_body_that_is_no_json_is_one_problem(body: bytes) -> None:
    """Broken JSON is a 400 with its place, and no crash."""
    problem = _refusal(body)
    assert (problem.status, problem.code) == (400, "invalid_json")


def test_nothing_need_be_given_to_a_retry() -> None:
    """An empty object is a whole request."""
    assert decode(b"{}", msgspec.json.Decoder(RetryRequest)) == RetryRequest()


def test_the_document_has_what_people_and_machines_need() -> None:
    """Type, title, status, detail, code and request id; the wrong values where there are some."""
    problem = Problem(409, "upload_used", "It was used.", errors=[FieldError(pointer="/a", message="b")], job_id="j")
    document = msgspec.json.decode(msgspec.json.encode(problem.document("req_1")))
    assert document == {
        "type": "/problems/upload_used",
        "title": "Conflict",
        "status": 409,
        "detail": "It was used.",
        "code": "upload_used",
        "request_id": "req_1",
        "errors": [{"pointer": "/a", "message": "b"}],
        "job_id": "j",
    }


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (NotFoundException(), 404, "not_found"),
        (MethodNotAllowedException(), 405, "method_not_allowed"),
        (ValidationException(extra=[{"key": "limit", "message": "Too big"}]), 400, "invalid_query"),
        (BlobUnavailable("disk full at /secret/path"), 503, "unavailable"),
        (ConnectionRefusedError("10.0.0.1:5432"), 503, "unavailable"),
        (TimeoutError(), 503, "unavailable"),
        (KeyError("password"), 500, "internal_error"),
    ],
)
def test_every_error_becomes_a_problem_that_tells_nothing_internal(error: Exception, status: int, code: str) -> None:
    """Outages can be tried again; of surprises the client learns only that they happened."""
    problem = problem_of(error)
    assert (problem.status, problem.code) == (status, code)
    for secret in ("secret", "10.0.0.1", "password"):
        assert secret not in problem.detail
    assert problem.document(None).retryable is (status == 503)


@pytest.mark.parametrize(
    ("status", "title"), [(413, "Content Too Large"), (416, "Range Not Satisfiable"), (422, "Unprocessable Content")]
)
def test_titles_are_the_same_on_every_python(status: int, title: str) -> None:
    """They are those of RFC 9110, whatever the standard library calls them."""
    assert Problem(status, "refused", "No.").document(None).title == title


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8", "application/ld+json"])
def test_json_is_known_by_its_content_type(content_type: str) -> None:
    """Parameters and letter case do not matter."""
    assert is_json(content_type)


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "text/json+x"])
def test_other_content_types_are_no_json(content_type: str) -> None:
    """What a web page can send without asking is never taken for JSON."""
    assert not is_json(content_type)
