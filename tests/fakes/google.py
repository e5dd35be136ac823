"""A small Google on loopback: tokens for a service account, one bucket, and batches of Speech-to-Text v2."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.fakes.faults import Fault
from tests.fakes.loopback import serving

PROJECT, BUCKET, LOCATION, EMAIL = "a-project", "a-bucket", "us-central1", "transcriber@a-project.iam.gserviceaccount.com"
PARENT = f"projects/{PROJECT}/locations/{LOCATION}"
LINES = (
    ("1", "en-us", "Good morning, Anna. Shall we begin?"),
    ("2", "en-us", "Yes, let us start with the budget."),
    ("1", "cmn-hant-tw", "我們 先 看 數字。"),
)
"""Speaker, language, text: what every recording says."""
WORD_SECONDS = 0.4

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(kw_only=True)
class FakeGoogle:
    """Keeps recordings, hears them when told, and forgets them."""

    url: str = ""
    tokens: dict[str, float] = field(default_factory=dict)
    """Valid ones, and until when."""
    token_requests: int = 0
    objects: dict[str, str] = field(default_factory=dict)
    """Digests of what lies in the bucket."""
    operations: dict[str, dict[str, Any]] = field(default_factory=dict)
    cancelled: list[str] = field(default_factory=list)
    refusals: list[Fault] = field(default_factory=list)
    """Each meets one request with a token, before anything is done."""
    faults: list[Fault] = field(default_factory=list)
    """Each meets one `batchRecognize`, after it was taken."""
    page_size: int = 1
    """However many are asked for."""
    lists: bool = True
    """Whether the list of operations is up to date."""

    @cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def write_credentials(self, path: Path) -> Path:
        """The key file of the service account."""
        pem = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.write_text(
            json.dumps(
                {
                    "type": "service_account",
                    "project_id": PROJECT,
                    "private_key_id": "key-1",
                    "private_key": pem.decode(),
                    "client_email": EMAIL,
                    "token_uri": f"{self.url}/token",
                }
            )
        )
        return path

    def finish(self, name: str, *, error: dict[str, Any] | None = None, file_error: dict[str, Any] | None = None) -> None:
        """Be done with an operation."""
        operation = self.operations[name]
        request = operation["metadata"]["batchRecognizeRequest"]
        operation["done"] = True
        operation["metadata"]["progressPercent"] = 100
        if error is not None:
            operation["error"] = error
            return
        (file,) = request["files"]
        found = {"error": file_error} if file_error is not None else {"inlineResult": {"transcript": _transcript(request)}}
        operation["response"] = {
            "@type": "type.googleapis.com/google.cloud.speech.v2.BatchRecognizeResponse",
            "results": {file["uri"]: {"metadata": {"totalBilledDuration": "13s"}, **found}},
            "totalBilledDuration": "13s",
        }

    async def token(self, request: web.Request) -> web.Response:
        """`POST /token`: a JWT for an access token."""
        self.token_requests += 1
        form = await request.post()
        try:
            claims = jwt.decode(
                str(form["assertion"]),
                self._key.public_key(),
                algorithms=["RS256"],
                audience=f"{self.url}/token",
                options={"require": ["iss", "scope", "exp", "iat"]},
            )
        except jwt.InvalidTokenError as error:
            body = {"error": "invalid_grant", "error_description": f"Invalid JWT Signature: {error}"}
            return web.json_response(body, status=400)
        assert claims["iss"] == EMAIL
        token = f"ya29.{uuid4().hex}"
        self.tokens[token] = time.monotonic() + 3599
        return web.json_response({"access_token": token, "expires_in": 3599, "token_type": "Bearer"})

    async def upload(self, request: web.Request) -> web.StreamResponse:
        """`POST /upload/storage/v1/b/{bucket}/o?uploadType=media`."""
        assert request.query["uploadType"] == "media"
        assert "Content-Length" in request.headers
        if request.match_info["bucket"] != BUCKET:
            return _error(404, "NOT_FOUND", "The specified bucket does not exist.")
        digest = hashlib.sha256()
        async for chunk in request.content.iter_chunked(65536):
            digest.update(chunk)
        self.objects[request.query["name"]] = digest.hexdigest()
        return web.json_response({"kind": "storage#object", "bucket": BUCKET, "name": request.query["name"]})

    async def delete_object(self, request: web.Request) -> web.StreamResponse:
        """`DELETE /storage/v1/b/{bucket}/o/{object}`."""
        gone = self.objects.pop(request.match_info["name"], None)
        return _error(404, "NOT_FOUND", "No such object.") if gone is None else web.Response(status=204)

    async def batch_recognize(self, request: web.Request) -> web.StreamResponse:
        """`POST /v2/{recognizer}:batchRecognize`."""
        wanted = await request.json()
        (file,) = wanted["files"]
        name = file["uri"].removeprefix(f"gs://{BUCKET}/")
        if not wanted["config"].get("languageCodes") or wanted["recognitionOutputConfig"] != {"inlineResponseConfig": {}}:
            return _error(400, "INVALID_ARGUMENT", "Invalid recognition config.")
        operation = {
            "name": f"{PARENT}/operations/{uuid4()}",
            "metadata": {
                "@type": "type.googleapis.com/google.cloud.speech.v2.OperationMetadata",
                "createTime": "2026-11-22T20:00:00.000000Z",
                "resource": f"{PARENT}/recognizers/_",
                "method": "google.cloud.speech.v2.Speech.BatchRecognize",
                "batchRecognizeRequest": {"recognizer": f"{PARENT}/recognizers/_", **wanted},
                "progressPercent": 0,
            },
        }
        self.operations[operation["name"]] = operation  # type: ignore[index]
        if name not in self.objects:
            self.finish(operation["name"], file_error={"code": 5, "message": "Audio not found"})  # type: ignore[arg-type]
        answer = web.json_response({"name": operation["name"], "metadata": operation["metadata"]})
        return await self.faults.pop(0)(request, answer) if self.faults else answer

    async def operation(self, request: web.Request) -> web.StreamResponse:
        """`GET`, `DELETE` and `:cancel` of an operation."""
        identifier, _, verb = request.match_info["id"].partition(":")
        name = f"{PARENT}/operations/{identifier}"
        if name not in self.operations:
            return _error(404, "NOT_FOUND", "Operation not found.")
        if verb == "cancel":
            self.cancelled.append(name)
            return web.json_response({})
        if request.method == "DELETE":
            del self.operations[name]
            return web.json_response({})
        return web.json_response(self.operations[name])

    async def list_operations(self, request: web.Request) -> web.StreamResponse:
        """`GET /v2/{location}/operations`, a page at a time."""
        assert request.query["fields"] == "operations(name,metadata),nextPageToken"
        start = int(request.query.get("pageToken", "0"))
        known = list(self.operations.values()) if self.lists else []
        page = {"operations": [{"name": one["name"], "metadata": one["metadata"]} for one in known[start:][: self.page_size]]}
        more = start + self.page_size < len(known)
        return web.json_response(page | ({"nextPageToken": str(start + self.page_size)} if more else {}))

    @web.middleware
    async def authorize(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse who has no valid token, or what is to be refused."""
        if request.path == "/token":
            return await handler(request)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.tokens.get(token, 0.0) < time.monotonic():
            await request.read()
            return _error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
        if self.refusals:
            await request.read()
            return await self.refusals.pop(0)(request, web.json_response({}))
        return await handler(request)


@asynccontextmanager
async def fake_google() -> AsyncIterator[FakeGoogle]:
    """One on a free port."""
    fake = FakeGoogle()
    app = web.Application(middlewares=[fake.authorize], client_max_size=64 * 1024 * 1024)
    app.router.add_post("/token", fake.token)
    app.router.add_post("/upload/storage/v1/b/{bucket}/o", fake.upload)
    app.router.add_delete("/storage/v1/b/{bucket}/o/{name:.+}", fake.delete_object)
    app.router.add_post(f"/v2/{PARENT}/recognizers/_:batchRecognize", fake.batch_recognize)
    app.router.add_get(f"/v2/{PARENT}/operations", fake.list_operations)
    app.router.add_route("*", f"/v2/{PARENT}/operations/{{id}}", fake.operation)
    async with serving(app) as fake.url:
        yield fake


def _transcript(request: dict[str, Any]) -> dict[str, Any]:
    """The lines as the model tells them: `chirp_2` with times and without speakers, `chirp_3` the other way round."""
    features = request["config"]["features"]
    results, at = [], 0.0
    for speaker, language, text in LINES:
        words = []
        for token in text.split():
            word: dict[str, Any] = {"word": token}
            if features.get("enableWordTimeOffsets"):
                start = {"startOffset": f"{at:.3f}s"} if at else {}
                word |= {**start, "endOffset": f"{at + 0.32:.3f}s", "confidence": 0.9}
            if "diarizationConfig" in features:
                word["speakerLabel"] = speaker
            words.append(word)
            at += WORD_SECONDS
        results.append(
            {
                "alternatives": [{"transcript": text, "confidence": 0.9, "words": words}],
                "resultEndOffset": f"{at:.3f}s",
                "languageCode": language,
            }
        )
    return {"results": results, "metadata": {"totalBilledDuration": "13s"}}


def _error(code: int, status: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": message, "status": status}}, status=code)
