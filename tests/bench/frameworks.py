"""`python -m tests.bench.frameworks litestar|fastapi DATABASE_URL API_KEY`: create and read a job with a framework alone.

The route that anybody would write in an afternoon: the key's digest is looked up in a dict, the body is checked, one row is
written or read. No outbox, no idempotency, no audit, no limits, no problem documents, no request ids, no metrics. Served by
uvicorn as ours is. Prints its port when it serves.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import sys
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import asyncpg
import litestar
import msgspec
import uvloop
from fastapi import Depends, FastAPI, Header, HTTPException
from litestar.exceptions import NotAuthorizedException, NotFoundException
from pydantic import BaseModel, ConfigDict

from shared.health import AsgiApp
from shared.http import HttpServer
from shared.schemas.ids import new_id

TABLE = """
    create schema if not exists bench;
    create table if not exists bench.jobs (
        id uuid primary key, audio_url text not null, language text, title text, metadata jsonb not null,
        state text not null, created_at timestamptz not null
    );
"""
_INSERT = "insert into bench.jobs values ($1, $2, $3, $4, $5, 'queued', $6)"
_SELECT = "select id, audio_url, language, title, metadata, state, created_at from bench.jobs where id = $1"


class Keys:
    """The one key there is."""

    def __init__(self, key: str) -> None:
        self._tenants = {hashlib.sha256(key.encode()).digest(): 1}

    def opens(self, authorization: str | None) -> bool:
        """Whether the header has the key."""
        key = (authorization or "").removeprefix("Bearer ")
        return hashlib.sha256(key.encode()).digest() in self._tenants


class Wish(msgspec.Struct, forbid_unknown_fields=True):
    """A job as it is asked for, in msgspec's words."""

    audio_url: str
    language: str | None = None
    title: str | None = None
    metadata: dict[str, str] = {}


class Job(Wish, kw_only=True):
    """A job as it is shown."""

    id: UUID
    state: str
    created_at: dt.datetime


class WishModel(BaseModel):
    """The same in pydantic's."""

    model_config = ConfigDict(extra="forbid")

    audio_url: str
    language: str | None = None
    title: str | None = None
    metadata: dict[str, str] = {}


class JobModel(WishModel):
    """A job as it is shown."""

    id: UUID
    state: str
    created_at: dt.datetime


@dataclass(frozen=True)
class Jobs:
    """Rows of `bench.jobs`."""

    pool: Any

    async def add(self, wish: Wish | WishModel) -> dict[str, Any]:
        """Write one; returns what was not in the wish."""
        added = {"id": new_id(), "state": "queued", "created_at": dt.datetime.now(dt.UTC)}
        metadata = msgspec.json.encode(wish.metadata).decode()
        await self.pool.execute(_INSERT, added["id"], wish.audio_url, wish.language, wish.title, metadata, added["created_at"])
        return added

    async def find(self, job_id: UUID) -> dict[str, Any] | None:
        """Read one."""
        row = await self.pool.fetchrow(_SELECT, job_id)
        return None if row is None else {**row, "metadata": msgspec.json.decode(row["metadata"])}


def with_litestar(jobs: Jobs, keys: Keys) -> Any:
    """The routes in Litestar, with msgspec."""

    async def guard(request: litestar.Request[Any, Any, Any]) -> None:
        if not keys.opens(request.headers.get("authorization")):
            raise NotAuthorizedException

    @litestar.post("/v1/jobs", status_code=202)
    async def create(data: Wish) -> Job:
        return Job(**await jobs.add(data), **msgspec.structs.asdict(data))

    @litestar.get("/v1/jobs/{job_id:uuid}")
    async def read(job_id: UUID) -> Job:
        if (found := await jobs.find(job_id)) is None:
            raise NotFoundException
        return msgspec.convert(found, Job)

    return litestar.Litestar([create, read], before_request=guard, openapi_config=None, logging_config=None)


def with_fastapi(jobs: Jobs, keys: Keys) -> Any:
    """The routes in FastAPI, with pydantic."""

    async def guard(authorization: Annotated[str | None, Header()] = None) -> None:
        if not keys.opens(authorization):
            raise HTTPException(401)

    app = FastAPI(dependencies=[Depends(guard)], openapi_url=None)

    @app.post("/v1/jobs", status_code=202)
    async def create(data: WishModel) -> JobModel:
        return JobModel(**await jobs.add(data), **data.model_dump())

    @app.get("/v1/jobs/{job_id}")
    async def read(job_id: UUID) -> JobModel:
        if (found := await jobs.find(job_id)) is None:
            raise HTTPException(404)
        return JobModel(**found)

    return app


async def _serve(framework: str, database_url: str, key: str, size: str) -> None:
    async with asyncpg.create_pool(database_url, min_size=int(size), max_size=int(size)) as pool:
        await pool.execute(TABLE)
        app: AsgiApp = {"litestar": with_litestar, "fastapi": with_fastapi}[framework](Jobs(pool), Keys(key))
        server = HttpServer(app, host="127.0.0.1", port=0)
        await server.start()
        sys.stdout.write(server.url + "\n")
        sys.stdout.flush()
        serving = asyncio.create_task(server.run())
        await asyncio.to_thread(sys.stdin.read)  # until whoever started this is done
        await server.stop()
        await serving


if __name__ == "__main__":
    uvloop.run(_serve(*sys.argv[1:5]))
