# Made from _async/endpoints.py by generate_sync.py: change that, and run `make fmt`.

"""Endpoints that are told what happens to jobs, what was sent to them, and addresses that get nothing more."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from types import NoneType
from typing import Any, Unpack
from uuid import UUID

from audio2txt_client._protocol.requests import QueryValue, Request, aware, given, matching, path_of
from audio2txt_client._sync.connection import Connection
from audio2txt_client.models.endpoints import (
    Delivery,
    DeliveryDetails,
    Endpoint,
    NewEndpointSecret,
    PublicKey,
    PublicKeys,
    Suppression,
    TestMessage,
)
from audio2txt_client.models.lists import Page
from audio2txt_client.wishes import EndpointChange, NewEndpoint


class Endpoints:
    """`/v1/endpoints`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(self, endpoint: NewEndpoint) -> NewEndpointSecret:
        """Have somebody told what happens to all jobs of the tenant: `{"kind": "webhook", "url": …}`. Its secret is in this
        answer, and in no other."""
        request = Request(method="POST", path=path_of("endpoints"), kind=NewEndpointSecret, json=endpoint)
        return self._connection.send(request)

    def list(self, *, page_size: int | None = None) -> Iterator[Endpoint]:
        """The tenant's endpoints, the newest first, and how they fare."""
        query = {"limit": page_size}
        return self._connection.pages(Request(method="GET", path=path_of("endpoints"), kind=Page[Endpoint], query=query))

    def get(self, endpoint_id: UUID | str) -> Endpoint:
        """An endpoint, and how it fares."""
        return self._connection.send(Request(method="GET", path=path_of("endpoints", endpoint_id), kind=Endpoint))

    def update(self, endpoint_id: UUID | str, *, if_match: str | None = None, **change: Unpack[EndpointChange]) -> Endpoint:
        """Change what is given, and leave the rest: `paused=True` keeps messages back. With `if_match`, the `etag` that you
        read, only while it fits; raises `PreconditionFailed` where somebody has changed the endpoint since."""
        body: dict[str, Any] = {**change}
        path, headers = path_of("endpoints", endpoint_id), matching(if_match)
        return self._connection.send(Request(method="PATCH", path=path, kind=Endpoint, json=body, headers=headers))

    def delete(self, endpoint_id: UUID | str, *, if_match: str | None = None) -> None:
        """Send nothing more to it."""
        path, headers = path_of("endpoints", endpoint_id), matching(if_match)
        self._connection.send(Request(method="DELETE", path=path, kind=NoneType, headers=headers))

    def rotate(self, endpoint_id: UUID | str, *, overlap_hours: float | None = None) -> NewEndpointSecret:
        """Give it a new secret. Messages are signed with those before it, too, for so long (24 by default)."""
        path, body = path_of("endpoints", endpoint_id, "rotate"), given(overlap_hours=overlap_hours)
        return self._connection.send(Request(method="POST", path=path, kind=NewEndpointSecret, json=body))

    def test(self, endpoint_id: UUID | str) -> TestMessage:
        """Send an `endpoint.test`, whatever it listens to."""
        path = path_of("endpoints", endpoint_id, "test")
        return self._connection.send(Request(method="POST", path=path, kind=TestMessage))

    def ask_to_confirm(self, endpoint_id: UUID | str) -> Endpoint:
        """Ask the reader of an e-mail address once more whether they want what it listens to."""
        path = path_of("endpoints", endpoint_id, "confirmation")
        return self._connection.send(Request(method="POST", path=path, kind=Endpoint))

    def replay(
        self,
        endpoint_id: UUID | str,
        *,
        since: dt.datetime,
        until: dt.datetime | None = None,
        missing: bool = False,
        types: Sequence[str] = (),
    ) -> None:
        """Send again what failed since a time; with `missing`, also what it was never sent."""
        body = {"since": aware(since), "until": None if until is None else aware(until), "missing": missing, "types": types}
        path = path_of("endpoints", endpoint_id, "replay")
        self._connection.send(Request(method="POST", path=path, kind=NoneType, json=body))

    def public_keys(self, endpoint_id: UUID | str) -> Sequence[PublicKey]:
        """What `v1a` signatures of this endpoint are verified with now."""
        path = path_of("endpoints", endpoint_id, "keys")
        answer = self._connection.send(Request(method="GET", path=path, kind=PublicKeys))
        return answer.keys


class Deliveries:
    """`/v1/deliveries`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(
        self,
        *,
        endpoint_id: UUID | str | None = None,
        job_id: UUID | str | None = None,
        message_id: str | None = None,
        status: str | None = None,
        page_size: int | None = None,
    ) -> Iterator[Delivery]:
        """Every message to every endpoint, the newest first, as long as the log is kept."""
        query: Mapping[str, QueryValue] = {
            "endpoint_id": endpoint_id,
            "job": job_id,
            "message_id": message_id,
            "status": status,
            "limit": page_size,
        }
        return self._connection.pages(Request(method="GET", path=path_of("deliveries"), kind=Page[Delivery], query=query))

    def get(self, delivery_id: UUID | str) -> DeliveryDetails:
        """What was sent when, and what came back."""
        path = path_of("deliveries", delivery_id)
        return self._connection.send(Request(method="GET", path=path, kind=DeliveryDetails))

    def redeliver(self, delivery_id: UUID | str) -> Delivery:
        """Send it once more with the same id, whatever became of it."""
        path = path_of("deliveries", delivery_id, "redeliver")
        return self._connection.send(Request(method="POST", path=path, kind=Delivery))


class Suppressions:
    """`/v1/suppressions`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self, *, address: str | None = None, page_size: int | None = None) -> Iterator[Suppression]:
        """Addresses that do not exist, or whose readers have unsubscribed, the newest first."""
        query = {"address": address, "limit": page_size}
        return self._connection.pages(Request(method="GET", path=path_of("suppressions"), kind=Page[Suppression], query=query))

    def lift(self, suppression_id: UUID | str) -> None:
        """Send to the address again; whoever has unsubscribed is asked first."""
        self._connection.send(Request(method="DELETE", path=path_of("suppressions", suppression_id), kind=NoneType))
