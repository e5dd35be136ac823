# Made from _async/batches.py by generate_sync.py: change that, and run `make fmt`.

"""Many recordings at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Unpack
from uuid import UUID, uuid4

from audio2txt_client._protocol.requests import Request, path_of
from audio2txt_client._protocol.waiting import Polling
from audio2txt_client._sync.connection import Connection
from audio2txt_client.models.batches import Batch, BatchDetails
from audio2txt_client.models.lists import Page
from audio2txt_client.wishes import BatchItem, JobWishes


class Batches:
    """`/v1/batches`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(
        self, items: Sequence[BatchItem], *, idempotency_key: str | None = None, **wishes: Unpack[JobWishes]
    ) -> BatchDetails:
        """Make a job of each of up to 500 recordings, after the same wishes. A recording that is not accepted has its reason in
        `items`, and holds up no other. The request carries an Idempotency-Key, made here unless it is given."""
        request = Request(
            method="POST",
            path=path_of("batches"),
            kind=BatchDetails,
            json={"items": items, **wishes},
            headers={"Idempotency-Key": idempotency_key or uuid4().hex},
        )
        return self._connection.send(request)

    def list(self, *, page_size: int | None = None) -> Iterator[Batch]:
        """The tenant's batches, the newest first, and how their jobs stand."""
        query = {"limit": page_size}
        return self._connection.pages(Request(method="GET", path=path_of("batches"), kind=Page[Batch], query=query))

    def get(self, batch_id: UUID | str) -> BatchDetails:
        """A batch, and what became of each recording; `jobs.list(batch_id=…)` has its jobs."""
        return self._connection.send(self._one(batch_id))

    def wait(self, batch_id: UUID | str, *, timeout: float | None = None) -> BatchDetails:
        """The batch once all of its jobs are final, failed ones too. One whose making broke off (`made` is false) never is:
        create it again with the same key. Raises `WaitTimedOut` after `timeout` seconds, of which there is no end by
        default."""
        polling = Polling(timeout, about=f"The batch {batch_id} has jobs at work")
        return self._connection.until(self._one(batch_id), lambda batch: batch.ended, polling)

    def cancel(self, batch_id: UUID | str) -> BatchDetails:
        """Stop the work on all of its jobs that have not ended."""
        path = path_of("batches", batch_id, "cancel")
        return self._connection.send(Request(method="POST", path=path, kind=BatchDetails, idempotent=True))

    def _one(self, batch_id: UUID | str) -> Request[BatchDetails]:
        return Request(method="GET", path=path_of("batches", batch_id), kind=BatchDetails)
