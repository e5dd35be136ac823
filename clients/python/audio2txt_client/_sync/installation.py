# Made from _async/installation.py by generate_sync.py: change that, and run `make fmt`.

"""What the installation offers, and who asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from audio2txt_client._protocol.downloads import Target
from audio2txt_client._protocol.requests import QueryValue, Request, path_of
from audio2txt_client._sync.connection import Connection
from audio2txt_client.models.account import Account
from audio2txt_client.models.engines import Engine
from audio2txt_client.models.lists import Listing, Page
from audio2txt_client.models.solutions import Solution
from audio2txt_client.models.usage import UsageMonth, UsageRecord


class _Secret(msgspec.Struct, frozen=True):
    secret: str


class Solutions:
    """`/v1/solutions`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self) -> Sequence[Solution]:
        """The scenarios that a job can be reported after."""
        answer = self._connection.send(Request(method="GET", path=path_of("solutions"), kind=Listing[Solution]))
        return answer.data

    def get(self, solution: str) -> Solution:
        """One scenario, by its id or an alias."""
        return self._connection.send(Request(method="GET", path=path_of("solutions", solution), kind=Solution))


class Engines:
    """`/v1/engines`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self) -> Sequence[Engine]:
        """The speech engines that your jobs may use, and what each can do."""
        answer = self._connection.send(Request(method="GET", path=path_of("engines"), kind=Listing[Engine]))
        return answer.data


class Usage:
    """`/v1/usage`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def month(self, month: str | None = None) -> UsageMonth:
        """What the tenant has used in a calendar month such as `2026-11` (UTC), or in the present one."""
        query = {"month": month}
        return self._connection.send(Request(method="GET", path=path_of("usage"), kind=UsageMonth, query=query))

    def records(self, month: str | None = None, *, page_size: int | None = None) -> Iterator[UsageRecord]:
        """Everything that was used in a month, one by one, the newest first."""
        query: Mapping[str, QueryValue] = {"month": month, "limit": page_size}
        request = Request(method="GET", path=path_of("usage", "records"), kind=Page[UsageRecord], query=query)
        return self._connection.pages(request)

    def export(self, target: Target, *, month: str | None = None) -> int:
        """Store a month's records as a table (CSV) at a path, or write it to a binary file; returns its bytes."""
        request = Request(method="GET", path=path_of("usage", "records.csv"), kind=bytes, query={"month": month})
        return self._connection.store(request, target)

    def statement(self, target: Target, *, month: str | None = None, language: str | None = None) -> int:
        """Store a month's statement (PDF) at a path, or write it to a binary file; returns its bytes."""
        query = {"month": month, "language": language}
        request = Request(method="GET", path=path_of("usage", "statement.pdf"), kind=bytes, query=query)
        return self._connection.store(request, target)


class Accounts:
    """`/v1/account`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self) -> Account:
        """The tenant and the key that you ask with."""
        return self._connection.send(Request(method="GET", path=path_of("account"), kind=Account))

    def webhook_secret(self) -> str:
        """What messages to a job's `callback_url` are signed with, for `verify_webhook`."""
        answer = self._connection.send(Request(method="GET", path=path_of("webhook-secret"), kind=_Secret))
        return answer.secret
