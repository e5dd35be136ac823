"""Chat completions on the wire, as OpenAI, AssemblyAI's LLM gateway, vLLM, Ollama and others speak them."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, replace

import msgspec

from services.reporter.chats import Fate, Prompt, Reply, Terms

FEWEST_READ = 0.4
"""A server that counts less than this share of what we take a prompt for has not read all of it: no tokeniser is so thrifty.
Ollama leaves out the beginning of what is longer than its `num_ctx`, and says nothing."""

_LENGTH = frozenset({"length", "max_tokens"})
_REFUSALS = frozenset({"content_filter", "refusal", "safety"})
_ABOUT_FORM = re.compile(rb"response_format|json_schema|json_object|structured[ _]output|guided|grammar|schema", re.IGNORECASE)
_ABOUT_LENGTH = re.compile(rb"max_completion_tokens")
_ABOUT_TEMPERATURE = re.compile(rb"temperature")


class AnswerForm(enum.Enum):
    """How a server is asked for JSON."""

    SCHEMA = enum.auto()
    OBJECT = enum.auto()
    WORDS = enum.auto()
    """In the prompt alone."""


_WEAKER = {AnswerForm.SCHEMA: AnswerForm.OBJECT, AnswerForm.OBJECT: AnswerForm.WORDS}


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """What a server was found to understand."""

    form: AnswerForm = AnswerForm.SCHEMA
    newer_length: bool = False
    """The greatest length is called `max_completion_tokens`, as OpenAI's newer models want it."""
    temperature: bool = True

    def after_refusal(self, body: bytes) -> Dialect | None:
        """What to try after a request was refused with these words; null when no other wording would help."""
        if not self.newer_length and _ABOUT_LENGTH.search(body):
            return replace(self, newer_length=True)
        if self.temperature and _ABOUT_TEMPERATURE.search(body):
            return replace(self, temperature=False)
        if self.form in _WEAKER and _ABOUT_FORM.search(body):
            return replace(self, form=_WEAKER[self.form])
        return None

    def plainest(self) -> Dialect:
        """With JSON asked for in the prompt alone."""
        return replace(self, form=AnswerForm.WORDS)


class _Piece(msgspec.Struct):
    text: str | None = None


class _Said(msgspec.Struct):
    content: str | list[_Piece] | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Said
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


class _Completion(msgspec.Struct):
    choices: list[_Choice]
    usage: _Usage | None = None


class NoCompletion(ValueError):
    """The answer is none to a chat."""


def request_body(prompt: Prompt, terms: Terms, dialect: Dialect) -> bytes:
    """A request in what the server understands."""
    body: dict[str, object] = {"model": terms.model, "messages": prompt.messages, "stream": False}
    body["max_completion_tokens" if dialect.newer_length else "max_tokens"] = terms.max_output_tokens
    if terms.temperature is not None and dialect.temperature:
        body["temperature"] = terms.temperature
    match dialect.form:
        case AnswerForm.SCHEMA:
            schema = {"name": "report", "strict": True, "schema": msgspec.Raw(prompt.schema.encode())}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        case AnswerForm.OBJECT:
            body["response_format"] = {"type": "json_object"}
        case AnswerForm.WORDS:
            pass
    return msgspec.json.encode(body)


def read_completion(body: bytes, prompt: Prompt) -> Reply:
    """What an answer says. Raises `NoCompletion`."""
    try:
        completion = msgspec.json.decode(body, type=_Completion)
        choice = completion.choices[0]
    except (msgspec.MsgspecError, UnicodeDecodeError, IndexError):
        raise NoCompletion from None
    usage = completion.usage or _Usage()
    prompt_tokens = usage.prompt_tokens or usage.input_tokens or None
    text = _text(choice.message.content)
    cut_off = choice.finish_reason in _LENGTH
    says_nothing = not text.strip() and not cut_off
    return Reply(
        fate=_fate(choice, says_nothing, prompt_tokens, prompt),
        text=text,
        cut_off=cut_off,
        prompt_tokens=prompt_tokens,
        completion_tokens=usage.completion_tokens or usage.output_tokens or None,
    )


def _text(content: str | list[_Piece] | None) -> str:
    if isinstance(content, list):
        return "".join(piece.text or "" for piece in content)
    return content or ""


def _fate(choice: _Choice, says_nothing: bool, prompt_tokens: int | None, prompt: Prompt) -> Fate:
    if prompt_tokens is not None and prompt_tokens < FEWEST_READ * prompt.tokens:
        return Fate.TRUNCATED
    if choice.message.refusal or choice.finish_reason in _REFUSALS or says_nothing:
        return Fate.REFUSED
    return Fate.ANSWERED
