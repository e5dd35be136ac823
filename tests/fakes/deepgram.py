"""A small Deepgram on loopback: one endpoint, its parameters and refusals, callbacks, and what goes wrong on the way."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import aiohttp
from aiohttp import web
from multidict import MultiMapping

from tests.fakes.faults import Fault
from tests.fakes.loopback import serving

KEY = "dg-key-of-the-tests"
LINES = (
    (0, "en", "Good morning, Anna. Shall we begin?"),
    (1, "en", "Yes, let us start with the budget."),
    (0, "zh", "我們 先看 數字。"),
)
"""Speaker, language, text: what every recording says."""
WORD_SECONDS = 0.4
_GROUPS = {"pci", "pii", "phi", "numbers", "name", "ssn", "email_address", "phone_number"}
_TOKENS = 500


@dataclass(kw_only=True)
class Request:
    """One request as it came in."""

    id: str
    query: MultiMapping[str]
    headers: MultiMapping[str]
    size: int
    sha256: str
    had_length: bool


@dataclass(kw_only=True)
class FakeDeepgram:
    """Takes recordings and answers with the lines above."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    """Those that were taken, and so charged."""
    faults: list[Fault] = field(default_factory=list)
    """Each meets one request; without any, all goes well."""
    refusals: list[Fault] = field(default_factory=list)
    """The same, before anything is taken."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def environment(self) -> dict[str, str]:
        """What an operator sets to use it."""
        return {"AUDIO2TXT_DEEPGRAM_API_KEY": KEY, "AUDIO2TXT_DEEPGRAM_URL": self.url}

    async def listen(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/listen`."""
        if request.headers.get("Authorization") != f"Token {KEY}":
            return _error(401, "INVALID_AUTH", "Invalid credentials.")
        recording = await _recording(request)
        if self.refusals:
            return await self.refusals.pop(0)(request, web.Response())
        if (refused := _refused(request.query, len(recording))) is not None:
            return refused
        taken = Request(
            id=str(uuid4()),
            query=request.query,
            headers=request.headers,
            size=len(recording),
            sha256=hashlib.sha256(recording).hexdigest(),
            had_length="Content-Length" in request.headers,
        )
        self.requests.append(taken)
        self.changed.set()
        whole = {"request_id": taken.id} if "callback" in request.query else result(taken)
        answer = web.json_response(whole)
        return await self.faults.pop(0)(request, answer) if self.faults else answer

    async def taken(self, count: int = 1) -> Request:
        """Wait until so many requests were taken; the last of them."""
        async with asyncio.timeout(30):
            while len(self.requests) < count:
                self.changed.clear()
                await self.changed.wait()
        return self.requests[count - 1]

    async def call_back(self, request: Request, *, body: bytes | None = None) -> int:
        """Call back as Deepgram does, once; the status that came back."""
        sent = json.dumps(result(request)).encode() if body is None else body
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                request.query["callback"], data=sent, headers={"Content-Type": "application/json", "dg-token": "key-id"}
            ) as answer,
        ):
            return answer.status


@asynccontextmanager
async def fake_deepgram() -> AsyncIterator[FakeDeepgram]:
    """One on a free port."""
    fake = FakeDeepgram()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_post("/v1/listen", fake.listen)
    async with serving(app) as fake.url:
        yield fake


async def _recording(request: web.Request) -> bytes:
    """What was sent, or what lies at the URL that was sent."""
    if request.content_type != "application/json":
        return await request.read()
    async with aiohttp.ClientSession() as session, session.get((await request.json())["url"]) as answer:
        return await answer.read()


def result(request: Request) -> dict[str, Any]:
    """The whole answer to a request, with what its parameters ask for and nothing else."""
    query = request.query
    channels = 2 if query.get("multichannel") == "true" else 1
    results: dict[str, Any] = {"channels": [_channel(query, number, channels) for number in range(channels)]}
    if query.get("utterances") == "true":
        results["utterances"] = list(_utterances(query, channels))
    words = results["channels"][0]["alternatives"][0]["words"]
    if query.get("sentiment") == "true":
        segment = {
            "text": "Good morning, Anna.",
            "start_word": 0,
            "end_word": 2,
            "sentiment": "positive",
            "sentiment_score": 0.6,
        }
        results["sentiments"] = {"segments": [segment], "average": {"sentiment": "positive", "sentiment_score": 0.6}}
    if query.get("topics") == "true":
        topics = [{"topic": "Budget", "confidence_score": 0.9}]
        results["topics"] = {"segments": [{"text": "…", "start_word": 6, "end_word": len(words) - 1, "topics": topics}]}
    if query.get("summarize") == "v2":
        results["summary"] = {"result": "success", "short": "They talk about the budget."}
    return {"metadata": _metadata(request, channels), "results": results}


def _metadata(request: Request, channels: int) -> dict[str, Any]:
    model = request.query["model"]
    metadata = {
        "transaction_key": "deprecated",
        "request_id": request.id,
        "sha256": request.sha256,
        "created": "2026-11-22T20:00:00.000Z",
        "duration": 12.5,
        "channels": channels,
        "models": ["m1"],
        "model_info": {"m1": {"name": f"general-{model}", "version": "2026-10-23.0", "arch": model}},
    }
    if extra := dict(pair.split(":", 1) for pair in request.query.getall("extra", [])):
        metadata["extra"] = extra
    return metadata


def _channel(query: MultiMapping[str], number: int, channels: int) -> dict[str, Any]:
    words = [word for line in _lines(query, number, channels) for word in line]
    alternative: dict[str, Any] = {
        "transcript": " ".join(word["punctuated_word"] for word in words),
        "confidence": 0.98,
        "words": words,
    }
    if query.get("detect_entities") == "true":
        alternative["entities"] = [
            {"label": "NAME", "value": " Anna", "raw_value": "anna", "confidence": 0.99, "start_word": 2, "end_word": 3}
        ]
    channel: dict[str, Any] = {"alternatives": [alternative]}
    if query.get("detect_language") == "true":
        channel |= {"detected_language": "en", "language_confidence": 0.97}
    return channel


def _utterances(query: MultiMapping[str], channels: int) -> Iterator[dict[str, Any]]:
    lines = [(line, number) for number in range(channels) for line in _lines(query, number, channels)]
    for words, number in sorted(lines, key=lambda pair: float(pair[0][0]["start"])):
        utterance = {
            "start": words[0]["start"],
            "end": words[-1]["end"],
            "confidence": 0.98,
            "channel": number,
            "transcript": " ".join(word["punctuated_word"] for word in words),
            "words": words,
            "id": f"{number}-{words[0]['start']}",
        }
        yield utterance | ({"speaker": words[0]["speaker"]} if "speaker" in words[0] else {})


def _lines(query: MultiMapping[str], number: int, channels: int) -> Iterator[list[dict[str, Any]]]:
    """The words of each line on a channel; several channels have one speaker each."""
    at = 0
    for speaker, language, text in LINES:
        words = []
        for token in text.split():
            start = at * WORD_SECONDS
            words.append(_word(query, token, start, speaker, language))
            at += 1
        if channels == 1 or speaker == number:
            yield words


def _word(query: MultiMapping[str], token: str, start: float, speaker: int, language: str) -> dict[str, Any]:
    word: dict[str, Any] = {
        "word": token.strip(",.?。").lower(),
        "start": round(start, 3),
        "end": round(start + 0.32, 3),
        "confidence": 0.9912,
        "punctuated_word": token,
    }
    if query.get("diarize_model"):
        word |= {"speaker": speaker, "speaker_confidence": 0.8}
    if query.get("language") == "multi":
        word["language"] = language
    return word


def _refused(query: MultiMapping[str], size: int) -> web.Response | None:
    if size == 0:
        return _error(400, "Bad Request", "Bad Request: failed to process audio: corrupt or unsupported data")
    if query.get("model") not in ("nova-3", "nova-2"):
        return _error(400, "Bad Request", "Bad Request: No such model/language/tier combination found.")
    if unknown := set(query.getall("redact", [])) - _GROUPS:
        return _error(400, "Bad Request", f"Bad Request: Invalid redact value: {', '.join(sorted(unknown))}")
    if query.get("language", "en") not in ("en", "multi") and {"summarize", "sentiment", "topics"} & set(query):
        return _error(400, "Bad Request", "Bad Request: summarization is only available for English")
    if sum(len(term) for term in query.getall("keyterm", [])) / 4 > _TOKENS:
        return _error(400, "Bad Request", "Keyterm limit exceeded. The maximum number of tokens across all keyterms is 500.")
    return None


def _error(code: int, name: str, message: str) -> web.Response:
    return web.json_response({"err_code": name, "err_msg": message, "request_id": str(uuid4())}, status=code)
