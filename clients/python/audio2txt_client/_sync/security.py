# Made from _async/security.py by generate_sync.py: change that, and run `make fmt`.

"""API keys, and the audit log."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from types import NoneType
from uuid import UUID

from audio2txt_client._protocol.downloads import Target
from audio2txt_client._protocol.requests import QueryValue, Request, aware, given, path_of
from audio2txt_client._sync.connection import Connection
from audio2txt_client.models.audit import AuditEntry
from audio2txt_client.models.keys import ApiKey, NewApiKey
from audio2txt_client.models.lists import Page


class Keys:
    """`/v1/keys`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(
        self, *, name: str, role: str, scopes: Sequence[str] | None = None, expires_at: dt.datetime | None = None
    ) -> NewApiKey:
        """Make a key, which may do no more than yours. It is in this answer, and in no other."""
        body = {"name": name, "role": role} | given(scopes=scopes, expires_at=expires_at and aware(expires_at))
        return self._connection.send(Request(method="POST", path=path_of("keys"), kind=NewApiKey, json=body))

    def list(self, *, page_size: int | None = None) -> Iterator[ApiKey]:
        """The tenant's keys, the newest first; expired and revoked ones, too."""
        query = {"limit": page_size}
        return self._connection.pages(Request(method="GET", path=path_of("keys"), kind=Page[ApiKey], query=query))

    def get(self, key_id: UUID | str) -> ApiKey:
        """What a key may do, until when, and when it was last used."""
        return self._connection.send(Request(method="GET", path=path_of("keys", key_id), kind=ApiKey))

    def rotate(
        self, key_id: UUID | str, *, overlap_hours: float | None = None, expires_at: dt.datetime | None = None
    ) -> NewApiKey:
        """Put a new key in the place of an old one, which goes on for so long (24 by default)."""
        body = given(overlap_hours=overlap_hours, expires_at=expires_at and aware(expires_at))
        return self._connection.send(Request(method="POST", path=path_of("keys", key_id, "rotate"), kind=NewApiKey, json=body))

    def revoke(self, key_id: UUID | str) -> None:
        """End a key for good."""
        self._connection.send(Request(method="DELETE", path=path_of("keys", key_id), kind=NoneType))


class Audit:
    """`/v1/audit`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(
        self,
        *,
        action: str | None = None,
        actor: UUID | str | None = None,
        thing_id: UUID | str | None = None,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
        page_size: int | None = None,
    ) -> Iterator[AuditEntry]:
        """Who did what to which thing, the newest first."""
        query: Mapping[str, QueryValue] = {
            "action": action,
            "actor": actor,
            "thing_id": thing_id,
            "since": since,
            "until": until,
            "limit": page_size,
        }
        return self._connection.pages(Request(method="GET", path=path_of("audit"), kind=Page[AuditEntry], query=query))

    def export(self, target: Target) -> int:
        """Store the whole log at a path, or write it to a binary file: one entry a line, from the first on, with the hashes
        that chain them. Returns its bytes."""
        request = Request(method="GET", path=path_of("audit", "export"), kind=bytes)
        return self._connection.store(request, target)
