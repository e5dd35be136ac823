"""A customer who costs little: uploads, creates jobs and notes when the webhook about each arrives."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import aiohttp
import msgspec
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from tests.installation import Installation
from tests.recordings import silence

PATIENCE = 60.0


class _About(msgspec.Struct):
    id: UUID


class _Webhook(msgspec.Struct):
    type: str
    data: _About


class Customer:
    """Calls one gateway, and is called back."""

    def __init__(self, installation: Installation, session: aiohttp.ClientSession) -> None:
        self._installation = installation
        self._session = session
        self._recording = silence(1)
        self._called_back: dict[UUID, asyncio.Future[float]] = defaultdict(asyncio.get_running_loop().create_future)
        self.callback_url = ""

    async def upload(self) -> str:
        """A second of silence, for an engine that does not listen; the upload's id."""
        headers = {"Content-Type": "application/octet-stream"}
        answer = await self._post("/v1/uploads", data=self._recording, headers=headers)
        return str(answer["id"])

    async def create(self, upload_id: str, **order: Any) -> UUID:
        """A job for the scripted engine; its id."""
        body = {"upload_id": upload_id, "engine": "scripted", "callback_url": self.callback_url, **order}
        answer = await self._post("/v1/jobs", json=body)
        return UUID(answer["id"])

    async def called_back(self, job_id: UUID) -> float:
        """Wait for the webhook about a job; when it arrived, on the clock of `time.perf_counter`."""
        async with asyncio.timeout(PATIENCE):
            return await self._called_back[job_id]

    async def take(self, request: web.Request) -> web.Response:
        """A webhook."""
        arrived = time.perf_counter()
        webhook = msgspec.json.decode(await request.read(), type=_Webhook)
        called_back = self._called_back[webhook.data.id]
        if webhook.type != "job.completed":
            called_back.set_exception(RuntimeError(f"{webhook.type} about job {webhook.data.id}"))
        elif not called_back.done():
            called_back.set_result(arrived)
        return web.Response(status=204)

    async def metric(self, service: str, name: str) -> float:
        """The sum of one metric of a service over its labels."""
        async with self._session.get(self._installation.process(service).url + "/metrics") as answer:
            text = await answer.text()
        families = text_string_to_metric_families(text)
        return sum(sample.value for family in families for sample in family.samples if sample.name == name)

    async def _post(self, path: str, **options: Any) -> Any:
        async with self._session.post(self._installation.url + path, **options) as answer:
            body = await answer.read()
            if answer.status >= 400:
                raise RuntimeError(f"POST {path}: {answer.status} {body.decode()}")
            return msgspec.json.decode(body)


@asynccontextmanager
async def customer_of(installation: Installation) -> AsyncIterator[Customer]:
    """A customer with a webhook endpoint on loopback."""
    headers = {"Authorization": f"Bearer {installation.api_key}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        customer = Customer(installation, session)
        app = web.Application()
        app.router.add_post("/webhooks", customer.take)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            host, port = runner.addresses[0][:2]
            customer.callback_url = f"http://{host}:{port}/webhooks"
            yield customer
        finally:
            await runner.cleanup()
