"""A customer in tests: calls the API as anybody would, and keeps every webhook it is sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from aiohttp import web
from standardwebhooks import Webhook

PATIENCE = 120.0
SAMPLE = Path(__file__).parent.parent / "services" / "commands" / "sample" / "two_cities.ogg"


class Customer:
    """One API key at one gateway. Methods that start with `must` insist on success."""

    def __init__(self, url: str | Callable[[], str], api_key: str) -> None:
        self._url = url if callable(url) else lambda: url
        self.http = httpx.AsyncClient(headers={"Authorization": f"Bearer {api_key}"}, timeout=90)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.http.aclose()

    @property
    def url(self) -> str:
        """The gateway's address now; it moves when the gateway is started again."""
        return self._url()

    async def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request, whatever comes back."""
        return await self.http.request(method, self.url + path, **options)

    async def must(self, method: str, path: str, **options: Any) -> Any:
        """One request that succeeds; the decoded answer."""
        answer = await self.call(method, path, **options)
        assert answer.status_code < 400, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    async def must_upload(self, data: bytes, file_name: str = "recording.ogg") -> str:
        """Upload a recording; its id."""
        headers = {"Content-Type": "application/octet-stream"}
        upload = await self.must("POST", "/v1/uploads", params={"file_name": file_name}, content=data, headers=headers)
        return str(upload["id"])

    async def must_create(self, **order: Any) -> dict[str, Any]:
        """Create a job; the job."""
        job: dict[str, Any] = await self.must("POST", "/v1/jobs", json=order)
        return job

    async def must_submit(self, data: bytes, **order: Any) -> dict[str, Any]:
        """Upload and create."""
        return await self.must_create(upload_id=await self.must_upload(data), **order)

    async def must_end(self, job_id: str, *, patience: float = PATIENCE) -> dict[str, Any]:
        """Wait so many seconds until the job is final, whatever happens to the servers meanwhile."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            try:
                answer = await self.call("GET", f"/v1/jobs/{job_id}", params={"wait": 20})
            except httpx.TransportError:
                await asyncio.sleep(0.2)
                continue
            if answer.status_code == 200 and answer.json()["state"] in ("completed", "failed", "cancelled"):
                job: dict[str, Any] = answer.json()
                return job
            if answer.status_code >= 500:
                await asyncio.sleep(0.2)
        raise AssertionError(f"job {job_id} is not final after {patience:g} s")

    async def artifact(self, job: dict[str, Any], name: str) -> bytes:
        """An artifact's bytes."""
        answer = await self.call("GET", f"/v1/jobs/{job['id']}/artifacts/{name}")
        assert answer.status_code == 200, answer.text
        return answer.content


class Receiver:
    """The customer's webhook endpoint: answers what it is told to and keeps all it gets."""

    def __init__(self) -> None:
        self.url = ""
        self.answers: list[int] = []
        """Statuses of the next answers; 204 when there are none left."""
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self._came = asyncio.Condition()

    async def take(self, request: web.Request) -> web.Response:
        """Keep one request."""
        body = await request.read()
        async with self._came:
            self.requests.append((dict(request.headers), body))
            self._came.notify_all()
        return web.Response(status=self.answers.pop(0) if self.answers else 204)

    async def wait_for(self, count: int) -> None:
        """Return once so many requests have come."""
        async with asyncio.timeout(PATIENCE), self._came:
            await self._came.wait_for(lambda: len(self.requests) >= count)

    async def wait_for_job(self, job_id: str) -> list[dict[str, Any]]:
        """Return once a webhook about the job has come: all of them, decoded."""
        async with asyncio.timeout(PATIENCE), self._came:
            await self._came.wait_for(lambda: bool(self.about(job_id)))
        return self.about(job_id)

    def about(self, job_id: str) -> list[dict[str, Any]]:
        """Webhooks about one job so far, each with its `webhook-id` as `_id`."""
        import msgspec

        decoded = [{**msgspec.json.decode(body), "_id": headers["webhook-id"]} for headers, body in self.requests]
        return [body for body in decoded if body["data"]["id"] == job_id]

    def verify_all(self, secret: str) -> None:
        """Every request passes the official verifier."""
        for headers, body in self.requests:
            Webhook(secret).verify(body.decode(), {name.lower(): value for name, value in headers.items()})


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver on a free port of loopback."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/webhooks", receiver.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        receiver.url = f"http://{host}:{port}/webhooks"
        yield receiver
    finally:
        await runner.cleanup()
