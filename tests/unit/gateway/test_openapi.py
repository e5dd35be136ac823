"""The API's description and its problem codes: complete, and true to themselves."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast, get_args

import httpx
import jsonschema_rs
import pytest

from services.gateway.admission import AnyRequest
from services.gateway.codes import MEANINGS, SUBJECTS, Code
from services.gateway.description import webhooks
from services.gateway.openapi.document import TAGS
from services.gateway.problems import ProblemDocument
from services.gateway.routes.context import Gateway
from services.gateway.settings import GatewaySettings
from services.gateway.views.building import Views
from services.gateway.web import web_app
from shared.schemas.endpoints import EventType
from tests.describing import followed
from tests.problem_table import PAGE, rendered

Document = dict[str, Any]
GATEWAY = Path(__file__).parents[3] / "services" / "gateway"


async def _admit(_: AnyRequest) -> None:
    return None


@pytest.fixture
async def http() -> Iterator[httpx.AsyncClient]:  # type: ignore[misc]
    """A client of the gateway's routes without anything behind them."""
    app = web_app(cast("Gateway", SimpleNamespace(views=Views("https://a2t.example"), settings=GatewaySettings())), _admit)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(cast("Any", app)), base_url="http://gateway") as client:
        yield client


@pytest.fixture
async def document(http: httpx.AsyncClient) -> Document:
    """What the API says of itself."""
    answer = await http.get("/v1/openapi.json")
    assert answer.status_code == 200
    found: Document = answer.json()
    return found


def _operations(document: Document) -> Iterator[tuple[str, Document]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield f"{method.upper()} {path}", operation


def _validator(document: Document, schema: Document) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator({**schema, "components": document["components"]})


def test_every_code_that_can_be_raised_is_explained() -> None:
    """The type that problems are made with and the tables say the same, and every code is raised somewhere."""
    names = {name for literal in get_args(Code) for name in get_args(literal)}
    assert names == set(MEANINGS)
    assert sum(len(table) for table in SUBJECTS.values()) == len(MEANINGS), "a code is in two tables"
    sources = [path.read_text() for path in GATEWAY.rglob("*.py") if path.parent.name != "codes"]
    sources += [
        path.read_text() for part in ("egress", "solutions") for path in (GATEWAY.parents[1] / "shared" / part).glob("*.py")
    ]
    sources.append((GATEWAY.parents[1] / "shared" / "engines.py").read_text())
    unused = {name for name in names if not any(f'"{name}"' in source for source in sources)}
    assert not unused, f"nobody raises {unused}"
    for name, meaning in MEANINGS.items():
        assert meaning.what.endswith("."), name
        assert meaning.remedy.endswith((".", "…")), name


def test_the_page_of_problem_codes_is_made_from_the_table() -> None:
    """`make samples` writes it."""
    assert PAGE.read_text() == rendered()


async def test_every_problem_has_a_page(http: httpx.AsyncClient) -> None:
    """What `type` leads to is there, says what to do, takes nothing from elsewhere, and leads to the list of them all."""
    page = await http.get("/problems/upload_used")
    assert 'href="/problems"' in page.text
    for spelling in ("/problems", "/problems/"):
        listed = await http.get(spelling)
        assert listed.status_code == 200
        for code in MEANINGS:
            assert f'href="/problems/{code}"' in listed.text
    assert page.headers["Content-Type"].startswith("text/html")
    assert "What to do" in page.text
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert "//" not in page.text
    unknown = await http.get("/problems/nonsense")
    assert (unknown.status_code, unknown.json()["type"]) == (404, "https://a2t.example/problems/not_found")


def test_every_route_names_the_codes_of_all_that_it_refuses_with(document: Document) -> None:
    """No status without a code, each with an example that is one; and what is said of a status stands beside a code of it."""
    problem = _validator(document, document["components"]["schemas"][ProblemDocument.__name__])
    for code, example in document["components"]["examples"].items():
        assert problem.is_valid(example["value"]), code
        assert example["value"]["code"] == code
    for name, operation in _operations(document):
        for status, answer in operation["responses"].items():
            if status >= "400":
                content = followed(document, answer)["content"]["application/problem+json"]
                assert content["examples"], f"{name}: {status}"
                codes = content["schema"]["allOf"][1]["properties"]["code"]["enum"]
                assert all(int(status) in MEANINGS[code].statuses for code in codes), f"{name}: {status}"


def test_what_many_routes_say_alike_is_said_once(document: Document) -> None:
    """Refusals in the words of the codes alone are components as soon as two routes have them, and no component is idle."""
    shared = document["components"]["responses"]
    refusals = [
        answer for _, operation in _operations(document) for status, answer in operation["responses"].items() if status >= "400"
    ]
    own = [json.dumps(answer["content"]) for answer in refusals if "$ref" not in answer]
    assert len(set(own)) == len(own)
    answers = [answer for _, operation in _operations(document) for answer in operation["responses"].values()]
    assert {answer["$ref"].rpartition("/")[2] for answer in answers if "$ref" in answer} == set(shared)


def test_what_is_said_of_a_refusal_has_a_code(document: Document) -> None:
    """A route that describes a status in its own words names a code for it, or it would not be in the description."""
    from services.gateway.openapi import OPERATION
    from services.gateway.web import ROUTES

    described = {operation["operationId"]: operation for _, operation in _operations(document)}
    for handler in ROUTES:
        operation = cast("Any", handler).opt[OPERATION]
        name = cast("Any", handler).handler_name
        shown = described[name if name in described else f"{name}_head"]["responses"]
        missing = {status for status in operation.problems if str(status) not in shown}
        assert not missing, f"{name} describes {missing} and names no code of it"


def test_every_example_is_what_the_schema_wants(document: Document) -> None:
    """Bodies and answers in JSON have one, and it is valid."""
    for name, operation in _operations(document):
        contents = [
            (f"{name} {status}", answer.get("content", {}))
            for status, answer in operation["responses"].items()
            if status < "400"
        ]
        contents.append((f"{name} body", operation.get("requestBody", {}).get("content", {})))
        for about, content in contents:
            for media_type, described in content.items():
                if "json" in media_type and described["schema"].get("format") != "binary":
                    values = (
                        [described["example"]]
                        if "example" in described
                        else [e["value"] for e in described.get("examples", {}).values()]
                    )
                    validator = _validator(document, described["schema"])
                    assert values or "ndjson" in media_type, about
                    for value in values:
                        error = next(validator.iter_errors(value), None)
                        assert error is None, f"{about}: {error}\n{json.dumps(value)}"


def test_no_body_sets_more_than_it_says(document: Document) -> None:
    """Mass assignment: an object in a request takes the fields that it declares, and none that are the system's to say."""
    own = {"tenant_id", "created_at", "made_by", "state", "version", "permissions"}
    looked_at = 0
    for name, operation in _operations(document):
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        for form in [] if body is None else _objects(document, body["schema"], seen=set()):
            looked_at += 1
            assert form.get("additionalProperties") is False, f"{name}: {form.get('title')} takes fields that it does not know"
            assert not own & form["properties"].keys(), f"{name}: {form.get('title')}"
    assert looked_at > 30


def _objects(document: Document, schema: Document, *, seen: set[str]) -> Iterator[Document]:
    """Every object with fields in a schema, those that it refers to once."""
    reference = schema.get("$ref")
    if reference is not None and reference not in seen:
        seen.add(reference)
        yield from _objects(document, document["components"]["schemas"][reference.rpartition("/")[2]], seen=seen)
    if "properties" in schema:
        yield schema
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", []), *schema.get("oneOf", [])]
    for one in (*inner, *schema.get("prefixItems", []), schema.get("items")):
        if isinstance(one, dict):
            yield from _objects(document, one, seen=seen)


def test_every_tag_is_explained(document: Document) -> None:
    """Tags of operations are those with a description."""
    used = {tag for _, operation in _operations(document) for tag in operation["tags"]}
    assert used <= set(TAGS)
    assert [tag["name"] for tag in document["tags"]] == [name for name in TAGS if name in used]


def test_webhooks_are_described_by_type(document: Document) -> None:
    """Each that goes to webhooks; what people alone are told is none."""
    assert set(document["webhooks"]) == set(webhooks.WHEN)
    assert set(EventType) - set(webhooks.WHEN) == {
        EventType.ENDPOINT_CONFIRMATION,
        EventType.ENDPOINT_FAILING,
        EventType.ENDPOINT_DISABLED,
        EventType.USER_INVITATION,
        EventType.USER_PASSWORD_RESET,
    }


def test_what_can_be_kept_has_a_tag(document: Document) -> None:
    """Every GET that answers 200 takes If-None-Match and has 304 and ETag, but for secrets and streams."""
    without = {"export_audit", "export_usage", "get_session", "get_webhook_secret", "follow_job", "follow_jobs"}
    for path, item in document["paths"].items():
        operation = item.get("get", {"responses": {}})
        if "200" in operation["responses"]:
            names = {followed(document, parameter)["name"] for parameter in operation["parameters"]}
            kept = "If-None-Match" in names
            assert kept is ("304" in operation["responses"]) is ("ETag" in operation["responses"]["200"]["headers"]), path
            assert kept is (operation["operationId"] not in without), path


def test_names_are_in_one_spelling(document: Document) -> None:
    """Fields, parameters and paths are in snake_case; headers have a meaning each; times and ids say that they are."""
    snake = re.compile(r"[a-z][a-z0-9_]*")
    for name, schema in document["components"]["schemas"].items():
        for field, described in schema.get("properties", {}).items():
            assert snake.fullmatch(field), f"{name}.{field}"
            if field.endswith("_at"):
                assert "date-time" in json.dumps(described), f"{name}.{field} is a time"
    for name, operation in _operations(document):
        assert snake.fullmatch(operation["operationId"]), name
        for parameter in (followed(document, one) for one in operation["parameters"]):
            assert parameter["description"], f"{name}: {parameter['name']}"
            assert parameter["in"] == "header" or snake.fullmatch(parameter["name"]), f"{name}: {parameter['name']}"


def test_lists_have_one_shape(document: Document) -> None:
    """Whatever answers with many has them in `data`; what is paged has `has_more`, `next_cursor`, `limit`, `after` and Link."""
    for name, operation in _operations(document):
        if not operation["operationId"].startswith("list_"):
            continue
        answer = operation["responses"]["200"]
        reference = answer["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        fields = document["components"]["schemas"][reference]["properties"]
        assert "data" in fields, name
        parameters = {followed(document, parameter)["name"] for parameter in operation["parameters"]}
        paged = "has_more" in fields
        assert paged is ("next_cursor" in fields) is ({"limit", "after"} <= parameters) is ("Link" in answer["headers"]), name
