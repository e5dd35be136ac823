"""OpenAI's `/v1/audio/transcriptions` as its clients meet it: forms of answer, refusals in its words, and faults on demand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from tests.fakes.faults import Fault
from tests.fakes.loopback import serving

LARGEST_FILE = 26_214_400
LONGEST_GPT_4O = 1400.0
GPT_TRANSCRIBE_LANGUAGES = frozenset({"en", "de", "zh", "ja", "no", "fr"})

MODELS = frozenset({"whisper-1", "gpt-transcribe", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-4o-transcribe-diarize"})
FORMS = {
    "whisper-1": ("json", "text", "srt", "verbose_json", "vtt"),
    "gpt-4o-transcribe-diarize": ("json", "text", "diarized_json"),
}


@dataclass(frozen=True, kw_only=True)
class Said:
    """What the server hears in a file; seconds from the file's start."""

    text: str
    start: float
    end: float
    speaker: str = "A"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request that was accepted."""

    authorization: str | None
    fields: dict[str, list[str]]
    file_name: str
    audio: bytes
    seconds: float

    def one(self, name: str) -> str | None:
        """A field that stands there once, if at all."""
        (value,) = self.fields.get(name, [None])
        return value


@dataclass(kw_only=True)
class FakeOpenAI:
    """The server. The n-th file is heard as the n-th of `says`, later ones as the last."""

    key: str | None = None
    says: Sequence[Sequence[Said]] = field(default_factory=lambda: [(Said(text="Hello, world.", start=0.0, end=1.0),)])
    models: frozenset[str] | None = MODELS
    """Null takes any name for Whisper, as other servers do."""
    times_words: bool = True
    reports_usage: bool = True
    refused_forms: frozenset[str] = frozenset()
    """Forms that this server does not know, whatever the model."""
    faults: list[Fault | None] = field(default_factory=list)
    """What the next requests meet; null is none."""
    asked: list[Asked] = field(default_factory=list)
    refused: int = 0
    """How many requests were not accepted."""
    at_once: int = 0
    most_at_once: int = 0
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """The base URL, up to `/v1`, for the length of a block."""
        app = web.Application(client_max_size=LARGEST_FILE * 2)
        app.router.add_post("/v1/audio/transcriptions", self._transcribe)
        async with serving(app) as url:
            yield f"{url}/v1"

    async def wait_for(self, count: int) -> None:
        """Return once so many requests have been accepted."""
        async with asyncio.timeout(30), self.arrived:
            await self.arrived.wait_for(lambda: len(self.asked) >= count)

    async def _transcribe(self, request: web.Request) -> web.StreamResponse:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            asked = await _read(request)
            if refusal := self._refusal(asked):
                self.refused += 1
                return refusal
            async with self.arrived:
                self.asked.append(asked)
                number = len(self.asked)
                self.arrived.notify_all()
            answer = self._answer(asked, self.says[min(number, len(self.says)) - 1])
            fault = self.faults.pop(0) if self.faults else None
            return await fault(request, answer) if fault else answer
        finally:
            self.at_once -= 1

    def _refusal(self, asked: Asked) -> web.Response | None:
        model, form = asked.one("model") or "", asked.one("response_format") or "json"
        if self.key is not None and asked.authorization != f"Bearer {self.key}":
            return error(401, f"Incorrect API key provided: {(asked.authorization or '')[7:]}.", code="invalid_api_key")
        if len(asked.audio) > LARGEST_FILE:
            return error(413, f"Maximum content size limit ({LARGEST_FILE}) exceeded ({len(asked.audio)} bytes read)")
        if self.models is not None and model not in self.models:
            return error(404, f"The model '{model}' does not exist or you do not have access to it.", code="model_not_found")
        if asked.seconds < 0.1:
            return error(400, "Audio file is too short. Minimum audio length is 0.1 seconds.", code="audio_too_short")
        return self._form_refusal(model, form) or _length_refusal(model, asked) or _language_refusal(model, asked)

    def _form_refusal(self, model: str, form: str) -> web.Response | None:
        known = FORMS.get(model, ("json", "text")) if self.models is not None else FORMS["whisper-1"]
        if form in known and form not in self.refused_forms:
            return None
        message = f"response_format '{form}' is not compatible with model '{model}-api-ev3'. Use 'json' or 'text' instead."
        return error(400, message, code="unsupported_value", param="response_format")

    def _answer(self, asked: Asked, said: Sequence[Said]) -> web.Response:
        match asked.one("response_format"):
            case "verbose_json":
                document = self._verbose(asked, said)
            case "diarized_json":
                document = _diarized(asked, said)
            case _:
                languages = {"languages": [{"code": code} for code in asked.fields.get("languages[]", ["en"])]}
                document = {"text": _text(said), **(languages if asked.one("model") == "gpt-transcribe" else {})}
        usage = {"usage": {"type": "duration", "seconds": round(asked.seconds)}} if self.reports_usage else {}
        return web.json_response({**document, **usage, "x_request": {"id": "req_1"}})

    def _verbose(self, asked: Asked, said: Sequence[Said]) -> dict[str, object]:
        granularities = asked.fields.get("timestamp_granularities[]", ["segment"])
        words = {"words": [word for one in said for word in _words(one)]} if self.times_words else {}
        segments = {"segments": [_segment(number, one) for number, one in enumerate(said)]}
        return {
            "task": "transcribe",
            "language": "english",
            "duration": asked.seconds,
            "text": _text(said),
            **(segments if "segment" in granularities else {}),
            **(words if "word" in granularities else {}),
        }


def error(status: int, message: str, *, code: str | None = None, param: str | None = None) -> web.Response:
    """A refusal as OpenAI words it."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    body = {"error": {"message": message, "type": kind, "param": param, "code": code}}
    return web.json_response(body, status=status)


async def unpaid(request: web.Request, response: web.Response) -> web.StreamResponse:
    """The account has no credit left."""
    return error(429, "You exceeded your current quota, please check your plan.", code="insufficient_quota")


async def dripping(request: web.Request, response: web.Response) -> web.StreamResponse:
    """The answer comes byte by byte."""
    assert isinstance(response.body, bytes)
    slow = web.StreamResponse(headers={"Content-Type": "application/json"})
    await slow.prepare(request)
    for byte in response.body:
        await slow.write(bytes([byte]))
    return slow


def flac_seconds(audio: bytes) -> float:
    """How long a FLAC file says it is: samples and rate in its first block."""
    assert audio.startswith(b"fLaC")
    packed = int.from_bytes(audio[18:26], "big")
    return (packed & 0xF_FFFF_FFFF) / (packed >> 44)


async def _read(request: web.Request) -> Asked:
    fields: dict[str, list[str]] = {}
    name, audio = "", b""
    async for part in await request.multipart():
        assert not isinstance(part, web.BaseRequest)
        if part.name == "file":  # type: ignore[union-attr]
            name, audio = part.filename or "", bytes(await part.read())  # type: ignore[union-attr]
        else:
            fields.setdefault(part.name or "", []).append(await part.text())  # type: ignore[union-attr]
    return Asked(
        authorization=request.headers.get("Authorization"),
        fields=fields,
        file_name=name,
        audio=audio,
        seconds=flac_seconds(audio),
    )


def _length_refusal(model: str, asked: Asked) -> web.Response | None:
    if model.startswith("gpt-4o") and asked.seconds > LONGEST_GPT_4O:
        message = f"audio duration {asked.seconds} seconds is longer than 1400 seconds which is the maximum for this model"
        return error(400, message, code="invalid_value")
    if model.endswith("diarize") and asked.seconds > 30 and not asked.one("chunking_strategy"):
        return error(400, "chunking_strategy is required for diarization models", param="chunking_strategy")
    return None


def _language_refusal(model: str, asked: Asked) -> web.Response | None:
    if model == "gpt-transcribe" and not set(asked.fields.get("languages[]", [])) <= GPT_TRANSCRIBE_LANGUAGES:
        return error(400, "Invalid language.", code="invalid_value", param="languages")
    return None


def _text(said: Sequence[Said]) -> str:
    return " ".join(one.text for one in said)


def _words(said: Said) -> list[dict[str, object]]:
    """As whisper-1 gives them: without punctuation, each as long as the next."""
    texts = ["".join(letter for letter in text if letter.isalnum() or letter == "'") for text in said.text.split()]
    step = (said.end - said.start) / max(1, len(texts))
    return [
        {"word": text, "start": round(said.start + index * step, 2), "end": round(said.start + (index + 1) * step, 2)}
        for index, text in enumerate(texts)
    ]


def _segment(number: int, said: Said) -> dict[str, object]:
    return {
        "id": number,
        "seek": 0,
        "start": said.start,
        "end": said.end,
        "text": f" {said.text}",
        "tokens": [50364, 2425],
        "temperature": 0.0,
        "avg_logprob": -0.21,
        "compression_ratio": 1.2,
        "no_speech_prob": 0.01,
    }


def _diarized(asked: Asked, said: Sequence[Said]) -> dict[str, object]:
    segments = [
        {
            "id": f"seg_{number}",
            "type": "transcript.text.segment",
            "start": one.start,
            "end": one.end,
            "speaker": one.speaker,
            "text": f" {one.text}",
        }
        for number, one in enumerate(said)
    ]
    return {"task": "transcribe", "duration": asked.seconds, "text": _text(said), "segments": segments}
