"""The body of webhooks."""

from __future__ import annotations

import msgspec
import pytest

from services.notifier.notifications import encode_body
from shared.schemas.jobs import ArtifactResult, ArtifactState, Failure, FileFormat
from shared.schemas.webhooks import WebhookBody
from tests.notifying import job_completed, job_failed

URL = "https://receiver.example/hook"


@pytest.mark.parametrize("public_url", ["https://a2t.example", "https://a2t.example/"])
def test_links_start_with_the_public_url(public_url: str) -> None:
    """However the operator wrote it."""
    event = job_completed(URL)
    body = msgspec.json.decode(encode_body(event, public_url=public_url), type=WebhookBody)
    assert body.data.url == f"https://a2t.example/v1/jobs/{event.job_id}"
    assert body.data.artifacts[0].url == f"https://a2t.example/v1/jobs/{event.job_id}/artifacts/minutes%201.pdf"


def test_without_a_public_url_there_are_no_links() -> None:
    """The ids are enough to ask the gateway."""
    body = msgspec.json.decode(encode_body(job_completed(URL), public_url=None), type=WebhookBody)
    assert body.data.url is None
    assert body.data.artifacts[0].url is None


def test_a_failed_artifact_has_no_link() -> None:
    """A completed job may carry one; it is told as failed."""
    failed = ArtifactResult(
        name="minutes.pdf",
        format=FileFormat.PDF,
        state=ArtifactState.FAILED,
        media_type="application/pdf",
        failure=Failure(code="render_failed", message="The PDF could not be rendered."),
    )
    event = job_completed(URL, artifacts=(failed,))
    body = msgspec.json.decode(encode_body(event, public_url="https://a2t.example"), type=WebhookBody)
    assert (body.data.artifacts[0].state, body.data.artifacts[0].url) == (ArtifactState.FAILED, None)


def test_the_body_follows_standard_webhooks() -> None:
    """`type`, `timestamp`, `data`; ids and states, no text; where the artifacts lie in the store is nobody's business."""
    event = job_failed(URL, metadata={"order": "42"})
    body = msgspec.json.decode(encode_body(event, public_url=None))
    assert list(body) == ["type", "timestamp", "data"]
    assert body["type"] == "job.failed"
    assert body["data"]["metadata"] == {"order": "42"}
    assert b"t/1/j/2" not in encode_body(job_completed(URL), public_url=None)
