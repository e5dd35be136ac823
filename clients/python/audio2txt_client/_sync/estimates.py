# Made from _async/estimates.py by generate_sync.py: change that, and run `make fmt`.

"""When something will be done, and for how much."""

from __future__ import annotations

from uuid import UUID

from audio2txt_client._protocol.requests import Request, given, path_of
from audio2txt_client._sync.connection import Connection
from audio2txt_client.models.estimates import Estimate, RecordingEstimate


class Estimates:
    """`/v1/estimates`, and those of jobs."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def job(self, job_id: UUID | str) -> Estimate:
        """When the work on a job begins and ends; of one that has ended, when it did."""
        path = path_of("jobs", job_id, "estimate")
        return self._connection.send(Request(method="GET", path=path, kind=Estimate))

    def recording(
        self, *, duration_ms: int | None = None, size: int | None = None, engine: str | None = None
    ) -> RecordingEstimate:
        """When a recording of this length, or of so many bytes, would be done if it were sent now, and for how much. Nothing is
        sent but that."""
        body = given(duration_ms=duration_ms, size=size, engine=engine)
        request = Request(method="POST", path=path_of("estimates"), kind=RecordingEstimate, json=body, idempotent=True)
        return self._connection.send(request)
