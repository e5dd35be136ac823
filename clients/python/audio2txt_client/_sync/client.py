# Made from _async/client.py by generate_sync.py: change that, and run `make fmt`.

"""The client."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx

from audio2txt_client._protocol.requests import ABSENT, QueryValue, Request
from audio2txt_client._protocol.retries import Retries
from audio2txt_client._protocol.settings import settings_of
from audio2txt_client._sync.batches import Batches
from audio2txt_client._sync.connection import Connection
from audio2txt_client._sync.endpoints import Deliveries, Endpoints, Suppressions
from audio2txt_client._sync.estimates import Estimates
from audio2txt_client._sync.installation import Accounts, Engines, Solutions, Usage
from audio2txt_client._sync.jobs import Jobs
from audio2txt_client._sync.people import Profile, Sessions, Tokens, Users
from audio2txt_client._sync.privacy import Erasures, Exports, Policies, RetentionTimes
from audio2txt_client._sync.results import Artifacts, Reports, Transcripts
from audio2txt_client._sync.security import Audit, Keys
from audio2txt_client._sync.uploads import Uploads
from audio2txt_client._sync.vocabularies import Vocabularies


class Client:
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
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        settings = settings_of(url=url, api_key=api_key, user=user, timeout=timeout, retries=retries or Retries())
        self._connection = Connection(settings, transport=transport)
        self.uploads = Uploads(self._connection)
        self.jobs = Jobs(self._connection, self.uploads)
        self.batches = Batches(self._connection)
        self.estimates = Estimates(self._connection)
        self.transcripts = Transcripts(self._connection)
        self.reports = Reports(self._connection)
        self.artifacts = Artifacts(self._connection)
        self.solutions = Solutions(self._connection)
        self.engines = Engines(self._connection)
        self.vocabularies = Vocabularies(self._connection)
        self.account = Accounts(self._connection)
        self.usage = Usage(self._connection)
        self.endpoints = Endpoints(self._connection)
        self.deliveries = Deliveries(self._connection)
        self.suppressions = Suppressions(self._connection)
        self.keys = Keys(self._connection)
        self.audit = Audit(self._connection)
        self.users = Users(self._connection)
        self.me = Profile(self._connection)
        self.tokens = Tokens(self._connection)
        self.sessions = Sessions(self._connection)
        self.retention = RetentionTimes(self._connection)
        self.policy = Policies(self._connection)
        self.erasures = Erasures(self._connection)
        self.exports = Exports(self._connection)

    @property
    def url(self) -> str:
        """Where the gateway is."""
        return self._connection.url

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def request(
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
        return self._connection.exchange(request)
