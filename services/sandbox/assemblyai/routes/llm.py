"""The LLM gateway: well-formed answers that were written beforehand."""

from __future__ import annotations

import time
from uuid import uuid4

import msgspec
from aiohttp import web

from services.sandbox.assemblyai.door import Door, reply
from services.sandbox.assemblyai.faults import Route
from services.sandbox.assemblyai.order import Object, Refusal

_ANSWER = "This is the sandbox's answer; no language model was asked."
_USUAL_TOKENS = 1000
_CHARACTERS_A_TOKEN = 4
_MODELS = (
    ("claude-sonnet-5", "Claude Sonnet 5", "Anthropic", 0.000003, 0.000015),
    ("gpt-5-mini", "GPT-5 mini", "OpenAI", 0.00000025, 0.000002),
    ("gemini-3-flash", "Gemini 3 Flash", "Google", 0.0000003, 0.0000025),
)

_SAMPLES: Object = {"array": [], "integer": 0, "number": 0, "boolean": False, "string": _ANSWER}


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One of a conversation."""

    role: str
    content: object = None


class Chat(msgspec.Struct, frozen=True, kw_only=True):
    """Body of `/v1/chat/completions`, as far as it matters here."""

    model: str
    messages: list[Message] = []
    prompt: str | None = None
    max_tokens: int = _USUAL_TOKENS
    temperature: float | None = None
    stream: bool = False
    response_format: Object | None = None


class LlmGateway:
    """`/v1/chat/completions` and `/v1/models`."""

    def routes(self, door: Door) -> list[web.RouteDef]:
        """Both of them."""
        return [
            web.post("/v1/chat/completions", door.opens(Route.CHAT, self.complete)),
            web.get("/v1/models", door.opens(Route.MODELS, self.models, public=True)),
        ]

    async def complete(self, request: web.Request, _: str) -> web.Response:
        """An answer to a conversation; JSON after the schema if one was given."""
        began = time.monotonic_ns()
        try:
            chat = msgspec.json.decode(await request.read(), type=Chat)
        except msgspec.DecodeError as error:
            raise Refusal(400, f"Invalid request: {error}") from None
        if chat.stream:
            raise Refusal(400, "The sandbox does not stream; set stream to false")
        content = _content(chat)
        return reply(
            {
                "request_id": str(uuid4()),
                "choices": [
                    {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"},
                ],
                "request": {"model": chat.model, "max_tokens": chat.max_tokens, "temperature": chat.temperature},
                "usage": _usage(chat, content),
                "http_status_code": 200,
                "response_time": time.monotonic_ns() - began,
                "llm_status_code": 200,
            }
        )

    async def models(self, _: web.Request, __: str) -> web.Response:
        """What there is, with prices for a token in dollars. They are examples."""
        return reply({"data": [_model(*facts) for facts in _MODELS]})


def _content(chat: Chat) -> str:
    schema = _object(_object((chat.response_format or {}).get("json_schema")).get("schema"))
    return msgspec.json.encode(_sample(schema)).decode() if schema else _ANSWER


def _sample(schema: Object) -> object:
    """The least that a JSON schema accepts."""
    choices = schema.get("enum")
    if isinstance(choices, list) and choices:
        return choices[0]
    if schema.get("type") == "object":
        return {name: _sample(_object(inner)) for name, inner in _object(schema.get("properties")).items()}
    return _SAMPLES.get(str(schema.get("type")))


def _usage(chat: Chat, content: str) -> dict[str, int]:
    asked = sum(len(str(message.content)) for message in chat.messages) + len(chat.prompt or "")
    read, written = asked // _CHARACTERS_A_TOKEN + 1, len(content) // _CHARACTERS_A_TOKEN + 1
    return {
        "input_tokens": read,
        "output_tokens": written,
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
    }


def _model(name: str, title: str, creator: str, prompt: float, completions: float) -> Object:
    provider = {"id": creator.lower(), "name": creator}
    return {
        "id": name,
        "name": title,
        "description": f"{title}, as the sandbox plays it.",
        "default_parameters": {"temperature": 1.0, "top_p": None, "frequency_penalty": None},
        "supported_parameters": ["max_tokens", "temperature", "response_format"],
        "top_provider": {"is_moderated": False, "context_length": 200_000, "max_completion_tokens": 64_000},
        "context_length": 200_000,
        "pricing": {"global": {"prompt": prompt, "completions": completions}},
        "creator": creator,
        "retirement_date": 0,
        "available_regions": ["us", "eu"],
        "providers": [provider],
        "default_provider": provider,
    }


def _object(value: object) -> Object:
    return value if isinstance(value, dict) else {}
