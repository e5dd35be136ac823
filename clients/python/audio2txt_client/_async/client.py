"""The client."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx

from audio2txt_client._async.batches import AsyncBatches
from audio2txt_client._async.connection import AsyncConnection
from audio2txt_client._async.endpoints import AsyncDeliveries, AsyncEndpoints, AsyncSuppressions
from audio2txt_client._async.estimates import AsyncEstimates
from audio2txt_client._async.installation import AsyncAccounts, AsyncEngines, AsyncSolutions, AsyncUsage
from audio2txt_client._async.jobs import AsyncJobs
from audio2txt_client._async.people import AsyncProfile, AsyncSessions, AsyncTokens, AsyncUsers
from audio2txt_client._async.privacy import AsyncErasures, AsyncExports, AsyncPolicies, AsyncRetentionTimes
from audio2txt_client._async.results import AsyncArtifacts, AsyncReports, AsyncTranscripts
from audio2txt_client._async.security import AsyncAudit, AsyncKeys
from audio2txt_client._async.uploads import AsyncUploads
from audio2txt_client._async.vocabularies import AsyncVocabularies
from audio2txt_client._protocol.requests import ABSENT, QueryValue, Request
from audio2txt_client._protocol.retries import Retries
from audio2txt_client._protocol.settings import settings_of


class AsyncClient:
    """A gateway, as one API key or user may use it. Holds connections open: use it as a context manager, or `close` it.

    `url` and `api_key` (a key, or a user's token) may stand in the environment as `AUDIO2TXT_URL` and `AUDIO2TXT_API_KEY`.
    `user` is the e-mail and the password of somebody who asks in place of a key, best for a token only. `timeout` is what
    connecting, sending and receiving may each take, in seconds or as `httpx.Timeout`; `retries` says how often what failed is
    tried again; `transport` takes the place of the network, for proxies, certificates and tests. Raises `NotConfigured`.
    """

    def __init__(
        self,
        *,
        url: str | None = None,
        api_key: str | None = None,
        user: tuple[str, str] | None = None,
        timeout: float | httpx.Timeout = 30.0,
        retries: Retries | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        settings = settings_of(url=url, api_key=api_key, user=user, timeout=timeout, retries=retries or Retries())
        self._connection = AsyncConnection(settings, transport=transport)
        self.uploads = AsyncUploads(self._connection)
        self.jobs = AsyncJobs(self._connection, self.uploads)
        self.batches = AsyncBatches(self._connection)
        self.estimates = AsyncEstimates(self._connection)
        self.transcripts = AsyncTranscripts(self._connection)
        self.reports = AsyncReports(self._connection)
        self.artifacts = AsyncArtifacts(self._connection)
        self.solutions = AsyncSolutions(self._connection)
        self.engines = AsyncEngines(self._connection)
        self.vocabularies = AsyncVocabularies(self._connection)
        self.account = AsyncAccounts(self._connection)
        self.usage = AsyncUsage(self._connection)
        self.endpoints = AsyncEndpoints(self._connection)
        self.deliveries = AsyncDeliveries(self._connection)
        self.suppressions = AsyncSuppressions(self._connection)
        self.keys = AsyncKeys(self._connection)
        self.audit = AsyncAudit(self._connection)
        self.users = AsyncUsers(self._connection)
        self.me = AsyncProfile(self._connection)
        self.tokens = AsyncTokens(self._connection)
        self.sessions = AsyncSessions(self._connection)
        self.retention = AsyncRetentionTimes(self._connection)
        self.policy = AsyncPolicies(self._connection)
        self.erasures = AsyncErasures(self._connection)
        self.exports = AsyncExports(self._connection)

    @property
    def url(self) -> str:
        """Where the gateway is."""
        return self._connection.url

    async def close(self) -> None:
        """Close the connections."""
        await self._connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, QueryValue] | None = None,
        json: Any = ABSENT,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Ask for what this version has no method for: `request("GET", "/v1/…")`, with the same errors and repetitions.

        A `POST` to `/v1/jobs` carries an Idempotency-Key, made here unless `headers` has one; no other is repeated after it
        may have arrived, unless `headers` has one.
        """
        sent = dict(headers or {})
        if method == "POST" and path == "/v1/jobs" and "idempotency-key" not in {name.lower() for name in sent}:
            sent["Idempotency-Key"] = uuid4().hex
        request = Request(method=method, path=path, kind=bytes, query=query or {}, json=json, content=content, headers=sent)
        return await self._connection.exchange(request)
