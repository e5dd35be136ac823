"""The body of webhooks."""

from __future__ import annotations

import msgspec
import pytest

from services.notifier.notifications import LONGEST_BODY, JobEnded, body_of, encode, worth_telling
from shared.schemas.endpoints import Payload
from shared.schemas.events import JobCancelled, ReportProgressed, TranscriptionProgressed, TranscriptionState
from shared.schemas.ids import new_id
from shared.schemas.jobs import ArtifactResult, ArtifactState, Failure, FileFormat, JobState
from shared.schemas.transcripts import EngineRun, Media, Segment, Speaker, Transcript
from shared.schemas.webhooks import WebhookBody, WebhookSegment
from tests.notifying import NOW, job_completed, job_failed

URL = "https://receiver.example/hook"


def transcript(*texts: str) -> Transcript:
    """What one person said."""
    return Transcript(
        id=new_id(),
        job_id=new_id(),
        version=1,
        created_at=NOW,
        language="en",
        media=Media(duration_ms=1000),
        speakers=(Speaker(id="s1", label="A", name="王小明"),),
        segments=tuple(
            Segment(id=f"g{place}", start_ms=place, end_ms=place + 1, text=text, speaker_id="s1")
            for place, text in enumerate(texts)
        ),
        engine=EngineRun(provider="scripted", model="1", raw_key="t/1/j/2/raw/1.json", raw_sha256="00"),
    )


def told(event: JobEnded, *, payload: Payload = Payload.THIN, said: Transcript | None = None) -> WebhookBody:
    """The body as a receiver reads it."""
    body = body_of(event, public_url="https://a2t.example")
    return msgspec.json.decode(encode(body, sequence=7, payload=payload, transcript=said), type=WebhookBody)


@pytest.mark.parametrize("public_url", ["https://a2t.example", "https://a2t.example/"])
def test_links_start_with_the_public_url(public_url: str) -> None:
    """However the operator wrote it."""
    event = job_completed(URL)
    body = body_of(event, public_url=public_url)
    assert body.data.url == f"https://a2t.example/v1/jobs/{event.job_id}"
    assert body.data.artifacts[0].url == f"https://a2t.example/v1/jobs/{event.job_id}/artifacts/minutes%201.pdf"


def test_without_a_public_url_there_are_no_links() -> None:
    """The ids are enough to ask the gateway."""
    body = body_of(job_completed(URL), public_url=None)
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
    body = told(job_completed(URL, artifacts=(failed,)))
    assert (body.data.artifacts[0].state, body.data.artifacts[0].url) == (ArtifactState.FAILED, None)


def test_the_body_follows_standard_webhooks() -> None:
    """`type`, `timestamp`, `data`; ids and states, no text; where the artifacts lie in the store is nobody's business."""
    event = job_failed(URL, metadata={"order": "42"})
    body = msgspec.json.decode(
        encode(body_of(event, public_url=None), sequence=1, payload=Payload.THIN, transcript=transcript("秘密"))
    )
    assert list(body) == ["type", "timestamp", "data"]
    assert body["type"] == "job.failed"
    assert body["data"]["metadata"] == {"order": "42"}
    assert body["data"]["text"] is body["data"]["segments"] is None
    assert b"t/1/j/2" not in msgspec.json.encode(told(job_completed(URL)))


def test_each_message_of_a_job_has_its_number() -> None:
    """So a receiver can tell which of two is the older."""
    assert told(job_completed(URL)).data.sequence == 7


def test_a_cancelled_job_is_told() -> None:
    """With what is known of it."""
    event = JobCancelled(tenant_id=new_id(), job_id=new_id(), title="週會", solution="minutes")
    body = told(event)
    assert (body.type, body.data.state, body.data.title, body.data.finished_at) == (
        "job.cancelled",
        JobState.CANCELLED,
        "週會",
        event.occurred_at,
    )


def test_endpoints_may_want_the_text() -> None:
    """As text, or in segments with times and the speakers' names; only one of the two."""
    said = transcript("開始吧。", "好。")
    text, segments = (told(job_completed(URL), payload=payload, said=said) for payload in (Payload.TEXT, Payload.SEGMENTS))
    assert (text.data.text, text.data.segments, text.data.reduced) == ("開始吧。\n好。", None, False)
    assert segments.data.segments == (
        WebhookSegment(start_ms=0, end_ms=1, speaker="王小明", text="開始吧。"),
        WebhookSegment(start_ms=1, end_ms=2, speaker="王小明", text="好。"),
    )
    assert segments.data.text is None


@pytest.mark.parametrize("payload", [Payload.TEXT, Payload.SEGMENTS])
@pytest.mark.parametrize("length", [80_000, LONGEST_BODY // 3 + 1, LONGEST_BODY + 1])
def test_what_is_too_long_is_left_out_and_said_to_be(payload: Payload, length: int) -> None:
    """Bytes count, not characters."""
    said = transcript("會" * length)
    body = body_of(job_completed(URL), public_url="https://a2t.example")
    encoded = encode(body, sequence=1, payload=payload, transcript=said)
    read = msgspec.json.decode(encoded, type=WebhookBody)
    assert len(encoded) <= LONGEST_BODY
    assert read.data.reduced is (length > 80_000)
    assert bool(read.data.text or read.data.segments) is not read.data.reduced


def test_a_transcript_that_is_gone_is_not_made_up() -> None:
    """The thin form says that something is missing."""
    assert told(job_completed(URL), payload=Payload.TEXT).data.reduced


def test_progress_is_told_while_there_is_some() -> None:
    """How a transcription ends is another message's business."""
    working = TranscriptionProgressed(
        tenant_id=new_id(), job_id=new_id(), state=TranscriptionState.PROCESSING, progress=0.5, engine="local"
    )
    body = body_of(working, public_url=None)
    assert (body.type, body.data.state, body.data.progress) == ("job.progressed", JobState.TRANSCRIBING, 0.5)
    reporting = ReportProgressed(tenant_id=new_id(), job_id=new_id(), progress=0.25)
    assert body_of(reporting, public_url=None).data.state is JobState.REPORTING
    assert worth_telling(working)
    assert worth_telling(reporting)
    for state in (TranscriptionState.DONE, TranscriptionState.FAILED, TranscriptionState.CANCELLED):
        assert not worth_telling(msgspec.structs.replace(working, state=state))
    assert not worth_telling(msgspec.structs.replace(working, progress=None))
