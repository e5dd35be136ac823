from __future__ import annotations

from typing import Any

import msgspec
import pytest

from services.reporter.chat_wire import AnswerForm, Dialect, NoCompletion, read_completion, request_body
from services.reporter.chats import Fate, Message, Prompt, Terms
from services.reporter.settings import KeyScheme, LlmSettings
from shared.schemas.jobs import LlmAllowance

PROMPT = Prompt(key="k", messages=(Message("system", "a"), Message("user", "b")), schema='{"type":"object"}', tokens=100)
TERMS = Terms(
    model="m",
    host="h",
    context_tokens=8000,
    max_output_tokens=900,
    temperature=0.2,
    prompt_price=None,
    completion_price=None,
    allowance=LlmAllowance(tokens=1),
)


def completion(message: dict[str, Any], *, finish: str | None = "stop", usage: dict[str, Any] | None = None) -> bytes:
    """An answer on the wire."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return msgspec.json.encode({"id": "c", "choices": [choice], "usage": usage})


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        (
            Dialect(),
            {
                "max_tokens": 900,
                "temperature": 0.2,
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "report", "strict": True, "schema": {"type": "object"}},
                },
            },
        ),
        (Dialect(form=AnswerForm.OBJECT, temperature=False), {"max_tokens": 900, "response_format": {"type": "json_object"}}),
        (Dialect(form=AnswerForm.WORDS, newer_length=True), {"max_completion_tokens": 900, "temperature": 0.2}),
    ],
)
def test_a_request_is_worded_as_the_server_wants_it(dialect: Dialect, body: dict[str, Any]) -> None:
    """Model, messages and length are always there."""
    fixed = {"model": "m", "messages": [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}], "stream": False}
    assert msgspec.json.decode(request_body(PROMPT, TERMS, dialect)) == fixed | body


@pytest.mark.parametrize(
    ("said", "after"),
    [
        (b"Use 'max_completion_tokens' instead.", Dialect(newer_length=True)),
        (b"'temperature' does not support 0.2 with this model.", Dialect(temperature=False)),
        (b"This response_format type is unavailable now", Dialect(form=AnswerForm.OBJECT)),
        (b"Invalid grammar", Dialect(form=AnswerForm.OBJECT)),
        (b"context length exceeded", None),
    ],
)
def test_a_refusal_tells_what_to_leave_out(said: bytes, after: Dialect | None) -> None:
    """One thing after the other, and nothing where the words do not help."""
    assert Dialect().after_refusal(said) == after


def test_every_refusal_comes_to_an_end() -> None:
    """However often a server says the same."""
    dialect: Dialect | None = Dialect()
    for _ in range(10):
        assert dialect is not None
        dialect = dialect.after_refusal(b"response_format, temperature and max_completion_tokens are all wrong")
        if dialect is None:
            break
    assert dialect is None


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 90, "completion_tokens": 7, "total_tokens": 97, "prompt_tokens_details": {"cached_tokens": 3}},
        {"input_tokens": 90, "output_tokens": 7},
        {"input_tokens": 90, "output_tokens": 7, "prompt_tokens": 90, "completion_tokens": 7},
    ],
    ids=["OpenAI", "AssemblyAI", "both"],
)
def test_tokens_are_counted_under_either_name(usage: dict[str, Any]) -> None:
    """As providers call them."""
    reply = read_completion(completion({"content": "{}"}, usage=usage), PROMPT)
    assert (reply.fate, reply.prompt_tokens, reply.completion_tokens) == (Fate.ANSWERED, 90, 7)


ENDS: list[tuple[dict[str, Any], str | None, Fate, bool]] = [
    ({"content": "{}"}, "stop", Fate.ANSWERED, False),
    ({"content": "{}"}, None, Fate.ANSWERED, False),
    ({"content": [{"type": "text", "text": "{"}, {"type": "text", "text": "}"}]}, "stop", Fate.ANSWERED, False),
    ({"content": "{"}, "length", Fate.ANSWERED, True),
    ({"content": ""}, "length", Fate.ANSWERED, True),
    ({"content": "{"}, "max_tokens", Fate.ANSWERED, True),
    ({"content": None, "refusal": "No."}, "stop", Fate.REFUSED, False),
    ({"content": "{}"}, "content_filter", Fate.REFUSED, False),
    ({"content": " "}, "stop", Fate.REFUSED, False),
    ({}, "stop", Fate.REFUSED, False),
]


@pytest.mark.parametrize(("message", "finish", "fate", "cut_off"), ENDS)
def test_how_an_answer_ended_is_known(message: dict[str, Any], finish: str | None, fate: Fate, cut_off: bool) -> None:
    """Whole, cut off, or not given."""
    reply = read_completion(completion(message, finish=finish), PROMPT)
    assert (reply.fate, reply.cut_off) == (fate, cut_off)


@pytest.mark.parametrize(
    ("counted", "fate"), [(39, Fate.TRUNCATED), (41, Fate.ANSWERED), (0, Fate.ANSWERED), (250, Fate.ANSWERED)]
)
def test_a_prompt_that_was_not_read_whole_is_noticed(counted: int, fate: Fate) -> None:
    """A server that counts far too few tokens has left out the rest; one that counts none does not count."""
    assert read_completion(completion({"content": "{}"}, usage={"prompt_tokens": counted}), PROMPT).fate is fate


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"choices": []}', b'{"choices": [{}]}', b'{"error": "x"}', b"\xff"])
def test_what_is_no_completion_is_not_taken_for_one(body: bytes) -> None:
    """Whatever the status said."""
    with pytest.raises(NoCompletion):
        read_completion(body, PROMPT)


@pytest.mark.parametrize(
    ("url", "scheme", "header"),
    [
        ("https://api.openai.com/v1", KeyScheme.AUTO, "Bearer k"),
        ("https://llm-gateway.assemblyai.com/v1", KeyScheme.AUTO, "k"),
        ("https://llm-gateway.eu.assemblyai.com/v1", KeyScheme.AUTO, "k"),
        ("https://assemblyai.com.example.org/v1", KeyScheme.AUTO, "Bearer k"),
        ("http://localhost:9/v1", KeyScheme.PLAIN, "k"),
        ("https://llm-gateway.assemblyai.com/v1", KeyScheme.BEARER, "Bearer k"),
    ],
)
def test_the_key_is_sent_as_the_server_wants_it(url: str, scheme: KeyScheme, header: str) -> None:
    """AssemblyAI takes it alone."""
    settings = LlmSettings(llm_url=url, llm_api_key="k", llm_key_scheme=scheme)
    assert settings.authorization == header
    assert LlmSettings(llm_url=url).authorization is None
