"""An OpenAI-compatible `/v1/chat/completions` as its clients meet it: limits, refusals in its words, and faults on demand.

What it says is up to a `Model` (`tests.fakes.models`), honest or not.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec
from aiohttp import web

from tests.fakes.faults import Fault
from tests.fakes.loopback import serving
from tests.fakes.openai import error

_TOKEN = re.compile(r"[⺀-鿿豈-﫿]|[A-Za-z']{1,6}|\d{1,3}|[^\sA-Za-z\d]")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request that was accepted."""

    authorization: str | None
    body: dict[str, Any]
    size: int

    @property
    def messages(self) -> list[dict[str, str]]:
        """The chat."""
        messages: list[dict[str, str]] = self.body["messages"]
        return messages

    @property
    def text(self) -> str:
        """Everything that was sent, in one piece."""
        return "\n".join(message["content"] for message in self.messages)


Model: TypeAlias = Callable[[Asked], str]
"""What a model answers."""


@dataclass(kw_only=True)
class FakeChat:
    """The server."""

    model: Model
    name: str = "fake-1"
    key: str | None = None
    plain_key: bool = False
    """The key stands in the header without a scheme, and usage has AssemblyAI's names."""
    refused: frozenset[str] = frozenset()
    """Parameters that this server does not know."""
    forms: frozenset[str] = frozenset({"json_schema", "json_object"})
    """Kinds of `response_format` that it knows."""
    context_tokens: int | None = None
    """Longer prompts lose their beginning without a word, as Ollama's do."""
    reports_usage: bool = True
    says: list[dict[str, Any] | str | None] = field(default_factory=list)
    """What the next answers are instead of the model's: changes to the choice, or the content; null is the model's own."""
    faults: list[Fault | None] = field(default_factory=list)
    """What the next requests meet; null is none."""
    asked: list[Asked] = field(default_factory=list)
    refusals: int = 0
    at_once: int = 0
    most_at_once: int = 0
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """The base URL, up to `/v1`, for the length of a block."""
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/v1/models", self._models)
        async with serving(app) as url:
            yield f"{url}/v1"

    async def wait_for(self, count: int) -> None:
        """Return once so many requests have been accepted."""
        async with asyncio.timeout(30), self.arrived:
            await self.arrived.wait_for(lambda: len(self.asked) >= count)

    def seen(self) -> str:
        """Everything that was ever sent."""
        return "\n".join(asked.text for asked in self.asked)

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            data = await request.read()
            asked = Asked(authorization=request.headers.get("Authorization"), body=msgspec.json.decode(data), size=len(data))
            if refusal := self._refusal(asked):
                self.refusals += 1
                return refusal
            async with self.arrived:
                self.asked.append(asked)
                self.arrived.notify_all()
            fault = self.faults.pop(0) if self.faults else None
            answer = self._answer(asked)
            return await fault(request, answer) if fault else answer
        finally:
            self.at_once -= 1

    async def _models(self, request: web.Request) -> web.Response:
        asked = Asked(authorization=request.headers.get("Authorization"), body={"model": self.name, "messages": []}, size=0)
        return self._key_refusal(asked) or web.json_response({"object": "list", "data": [{"id": self.name}, {"id": "other"}]})

    def _key_refusal(self, asked: Asked) -> web.Response | None:
        expected = self.key if self.plain_key or self.key is None else f"Bearer {self.key}"
        if self.key is not None and asked.authorization != expected:
            return error(401, f"Incorrect API key provided: {asked.authorization}.", code="invalid_api_key")
        return None

    def _refusal(self, asked: Asked) -> web.Response | None:
        if refusal := self._key_refusal(asked):
            return refusal
        if asked.body["model"] != self.name:
            return error(404, f"The model `{asked.body['model']}` does not exist.", code="model_not_found")
        for name in self.refused & asked.body.keys():
            instead = " Use 'max_completion_tokens' instead." if name == "max_tokens" else ""
            message = f"Unsupported parameter: '{name}' is not supported with this model.{instead}"
            return error(400, message, code="unsupported_parameter", param=name)
        form = asked.body.get("response_format", {}).get("type")
        if form is not None and form not in self.forms:
            return error(400, f"This response_format type is unavailable now: {form}", code="invalid_request_error")
        if asked.messages[-1]["role"] != "user":
            return error(400, "the last message must be from the user")
        return None

    def _answer(self, asked: Asked) -> web.Response:
        read = self._read(asked)
        special = self.says.pop(0) if self.says else None
        content = special if isinstance(special, str) else self.model(read)
        limit = asked.body.get("max_tokens") or asked.body.get("max_completion_tokens") or 1000
        content, cut = _cut(content, limit)
        message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": None}
        choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": "length" if cut else "stop"}
        if isinstance(special, dict):
            message |= special.pop("message", {})
            choice |= special
        prompt, completion = _count(read.messages), len(_TOKEN.findall(content))
        names = ("input_tokens", "output_tokens") if self.plain_key else ("prompt_tokens", "completion_tokens")
        usage = {"usage": {names[0]: prompt, names[1]: completion, "total_tokens": prompt + completion}}
        return web.json_response({"id": "c1", "choices": [choice], **(usage if self.reports_usage else {})})

    def _read(self, asked: Asked) -> Asked:
        """What of a request gets to the model."""
        limit = self.context_tokens
        if limit is None or _count(asked.messages) <= limit:
            return asked
        *others, last = asked.messages
        tokens = list(_TOKEN.finditer(last["content"]))
        start = tokens[max(0, len(tokens) - limit + _count(others))].start() if tokens else 0
        shortened = [*others, {**last, "content": last["content"][start:]}]
        return Asked(authorization=asked.authorization, body={**asked.body, "messages": shortened}, size=asked.size)


def _count(messages: Sequence[dict[str, str]]) -> int:
    return sum(4 + len(_TOKEN.findall(message["content"])) for message in messages)


def _cut(content: str, limit: int) -> tuple[str, bool]:
    """As much of an answer as may be, and whether that is not all."""
    tokens = list(_TOKEN.finditer(content))
    return (content, False) if len(tokens) <= limit else (content[: tokens[limit].start()], True)
