# Made from _async/vocabularies.py by generate_sync.py: change that, and run `make fmt`.

"""Terms that are likely to be said, and words that are written in one way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import NoneType
from uuid import UUID

from audio2txt_client._protocol.requests import Request, path_of
from audio2txt_client._sync.connection import Connection
from audio2txt_client.models.lists import Page
from audio2txt_client.models.vocabularies import Replacement, Vocabulary, VocabularySummary, VocabularyTerm


class Vocabularies:
    """`/v1/vocabularies`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(
        self,
        name: str,
        *,
        terms: Sequence[VocabularyTerm] = (),
        replacements: Sequence[Replacement] = (),
        default: bool = False,
    ) -> Vocabulary:
        """Make a set, which jobs name in `vocabularies`; those that name none take the `default` one."""
        body = {"name": name, "terms": terms, "replacements": replacements, "default": default}
        return self._connection.send(Request(method="POST", path=path_of("vocabularies"), kind=Vocabulary, json=body))

    def list(self, *, page_size: int | None = None) -> Iterator[VocabularySummary]:
        """The tenant's sets without what is in them, the newest first."""
        path, query = path_of("vocabularies"), {"limit": page_size}
        return self._connection.pages(Request(method="GET", path=path, kind=Page[VocabularySummary], query=query))

    def get(self, vocabulary_id: UUID | str) -> Vocabulary:
        """A set with all of its terms and replacements."""
        return self._connection.send(Request(method="GET", path=path_of("vocabularies", vocabulary_id), kind=Vocabulary))

    def export(self, vocabulary_id: UUID | str) -> bytes:
        """What is in a set, as CSV for spreadsheets."""
        request = Request(method="GET", path=path_of("vocabularies", vocabulary_id, "csv"), kind=bytes)
        answer = self._connection.exchange(request)
        return answer.content

    def replace(
        self,
        vocabulary_id: UUID | str,
        *,
        version: int,
        name: str,
        terms: Sequence[VocabularyTerm] = (),
        replacements: Sequence[Replacement] = (),
        default: bool = False,
    ) -> Vocabulary:
        """Write the whole set anew, which has this version still. Jobs that took it before keep it as it was."""
        request = Request(
            method="PUT",
            path=path_of("vocabularies", vocabulary_id),
            kind=Vocabulary,
            json={"name": name, "terms": terms, "replacements": replacements, "default": default},
            headers={"If-Match": f'"{version}"'},
        )
        return self._connection.send(request)

    def fill(self, vocabulary_id: UUID | str, table: bytes, *, version: int) -> Vocabulary:
        """Put a table in the place of all that is in the set, which has this version still."""
        headers = {"Content-Type": "text/csv", "If-Match": f'"{version}"'}
        path = path_of("vocabularies", vocabulary_id, "csv")
        return self._connection.send(Request(method="PUT", path=path, kind=Vocabulary, content=table, headers=headers))

    def delete(self, vocabulary_id: UUID | str, *, version: int | None = None) -> None:
        """Delete a set, with `version` only while it has that still. Jobs that took it keep what they took."""
        headers = {} if version is None else {"If-Match": f'"{version}"'}
        path = path_of("vocabularies", vocabulary_id)
        self._connection.send(Request(method="DELETE", path=path, kind=NoneType, headers=headers))
