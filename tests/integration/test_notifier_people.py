"""People's endpoints from the event to what they read: e-mails over a real mail server, notifications of a real ntfy topic."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from shared.blobs import artifact_key
from shared.blobs.file import FileBlobs
from shared.database import Pool
from shared.schemas.endpoints import (
    Destination,
    DisabledReason,
    EmailDestination,
    EndpointKind,
    NtfyDestination,
    Test,
)
from shared.schemas.events import (
    BatchCompleted,
    BatchErased,
    EndpointChanged,
    JobCompleted,
    UsageResource,
    UsageThresholdReached,
)
from shared.schemas.ids import new_id
from shared.schemas.jobs import ArtifactResult, ArtifactState, FileFormat, ReportLanguage
from shared.sealing import Sealer
from tests.mailing import MailServer, mail_server, settled
from tests.notifying import MASTER, NOW, endpoint_changed, job_completed, notifier_pool, running_notifier, wish
from tests.receivers import receiver

CHEN = EmailDestination(address="chen@example.com")


@pytest_asyncio.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A database with the notifier's tables."""
    async with notifier_pool(database_url) as pool:
        yield pool


def settings(server: MailServer, **more: str) -> dict[str, str]:
    """Of an installation with that mail server."""
    return {
        "AUDIO2TXT_EGRESS_ALLOW_CIDRS": "127.0.0.0/8",
        "AUDIO2TXT_SMTP_URL": f"smtp://127.0.0.1:{server.port}?starttls=off",
        "AUDIO2TXT_MAIL_FROM": "Audio2txt <notices@example.com>",
        **more,
    }


def endpoint(kind: EndpointKind, destination: Destination, language: ReportLanguage = "zh-Hant") -> EndpointChanged:
    """Somebody wants to be told like that."""
    id_ = new_id()
    sealed = Sealer(MASTER.encode(), purpose="endpoint").seal(msgspec.json.encode(destination).decode(), place=str(id_))
    return endpoint_changed(new_id(), "", endpoint_id=id_, kind=kind, sealed=sealed, label=kind.value, language=language)


def completed_for(setup: EndpointChanged, **changes: object) -> JobCompleted:
    """A job of the same tenant."""
    return msgspec.structs.replace(job_completed(None), tenant_id=setup.tenant_id, solution="meeting_minutes", **changes)


async def test_an_email_with_its_files(pool: Pool, tmp_path: Path) -> None:
    """From the event of a completed job to the mailbox, the scenario's PDF attached; the log shows the e-mail."""
    blobs, setup = await FileBlobs.open(tmp_path), endpoint(EndpointKind.EMAIL, CHEN)
    job, data = new_id(), b"%PDF-1.7 minutes"
    key = artifact_key(setup.tenant_id, job, 1, "minutes.pdf")
    await blobs.put(key, data)
    made = ArtifactResult(
        name="minutes.pdf",
        format=FileFormat.PDF,
        state=ArtifactState.READY,
        media_type="application/pdf",
        key=key,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )
    event = completed_for(setup, job_id=job, artifacts=(made,))
    async with (
        mail_server() as server,
        running_notifier(pool, settings(server, AUDIO2TXT_MAIL_ALLOW_ATTACHMENTS="true"), blobs=blobs) as notifier,
    ):
        await notifier.publish(setup)
        await notifier.publish(event)
        (attempt,) = await notifier.after_attempts(event, 1)
    (mail,) = server.mails
    assert (mail["To"], mail["Subject"]) == ("chen@example.com", "已完成：週會")
    assert [part.get_content() for part in mail.iter_attachments()] == [data]
    assert (attempt.status, attempt.reason) == (250, None)
    assert attempt.request_headers["Subject"] == "已完成：週會"
    assert "週會" in attempt.request_body.decode()


async def test_usage_is_told_once_to_whoever_listens(pool: Pool) -> None:
    """An e-mail in the reader's language, a webhook in numbers; whoever listens to jobs alone hears nothing."""
    setup = endpoint(EndpointKind.EMAIL, CHEN)
    assert setup.endpoint is not None
    setup = msgspec.structs.replace(setup, endpoint=msgspec.structs.replace(setup.endpoint, events=("usage.*",)))
    event = UsageThresholdReached(
        tenant_id=setup.tenant_id,
        resource=UsageResource.MINUTES,
        threshold=80,
        used="482.5",
        limit="600",
        month="2026-11",
        resets_at=dt.datetime(2026, 12, 1, tzinfo=dt.UTC),
        plan="small",
    )
    async with mail_server() as server, receiver() as hook, running_notifier(pool, settings(server)) as notifier:
        await notifier.publish(setup)
        await notifier.publish(endpoint_changed(setup.tenant_id, hook.url, events=("usage.threshold",)))
        await notifier.publish(endpoint_changed(setup.tenant_id, hook.url))
        for _ in range(2):
            await notifier.publish(event)
        await settled(lambda: bool(server.letters) and bool(hook.requests))
    (mail,) = server.mails
    plain = mail.get_body(("plain",))
    assert plain is not None
    text = plain.get_content()
    assert mail["Subject"] == "已使用 80 %：錄音分鐘數"
    assert "482.5 / 600" in text
    assert "2026-12-01 UTC" in text
    (told,) = [msgspec.json.decode(request.body) for request in hook.requests]
    assert (told["type"], told["data"]["resource"], told["data"]["used"]) == ("usage.threshold", "minutes", "482.5")


async def test_the_end_of_a_batch_is_told_once_and_forgotten(pool: Pool) -> None:
    """An e-mail in the reader's language, a webhook in numbers; once its last job is deleted nothing of it is left, and news of
    its end that come later stay untold."""
    setup = endpoint(EndpointKind.EMAIL, CHEN)
    assert setup.endpoint is not None
    setup = msgspec.structs.replace(setup, endpoint=msgspec.structs.replace(setup.endpoint, events=("batch.*",)))
    ids = [new_id(), new_id()]
    ended, late = (
        BatchCompleted(
            event_id=batch_id,
            tenant_id=setup.tenant_id,
            batch_id=batch_id,
            title="1998 年錄音",
            metadata={"box": "1"},
            size=40,
            completed=38,
            failed=1,
            cancelled=0,
            refused=1,
            deleted=0,
            created_at=NOW,
            ended_at=NOW,
        )
        for batch_id in ids
    )
    async with mail_server() as server, receiver() as hook, running_notifier(pool, settings(server)) as notifier:
        await notifier.publish(setup)
        await notifier.publish(endpoint_changed(setup.tenant_id, hook.url, events=("batch.completed",)))
        for _ in range(2):
            await notifier.publish(ended)
        await settled(lambda: bool(server.letters) and bool(hook.requests))
        for batch_id in ids:
            await notifier.publish(BatchErased(tenant_id=setup.tenant_id, batch_id=batch_id))
        await notifier.publish(late)
        assert await pool.fetchval("select count(*) from notifier.messages") == 0
    (mail,) = server.mails
    plain = mail.get_body(("plain",))
    assert plain is not None
    assert mail["Subject"] == "全部處理完畢：1998 年錄音"
    assert "錄音總數：40" in plain.get_content()
    (told,) = [msgspec.json.decode(request.body) for request in hook.requests]
    assert (told["type"], told["data"]["id"], told["data"]["completed"]) == ("batch.completed", str(ids[0]), 38)
    assert told["data"]["metadata"] == {"box": "1"}


async def test_a_test_message(pool: Pool) -> None:
    """Whoever sets up an address can have one sent."""
    setup = endpoint(EndpointKind.EMAIL, CHEN, "en")
    async with mail_server() as server, running_notifier(pool, settings(server)) as notifier:
        await notifier.publish(setup)
        await notifier.publish(wish(setup, Test()))
        await settled(lambda: bool(server.letters))
    assert server.mails[0]["Subject"] == "Test message from Audio2txt"


async def test_an_address_that_does_not_exist_gets_nothing_more(pool: Pool) -> None:
    """The mail server said so: the endpoint is suppressed, and the gateway hears of it, by the name it gave the address."""
    setup = endpoint(EndpointKind.EMAIL, CHEN)
    assert setup.endpoint is not None
    named = msgspec.structs.replace(setup.endpoint, address_id=new_id())
    setup = msgspec.structs.replace(setup, endpoint=named)
    event = completed_for(setup)
    refusing = {"RCPT": ["550 5.1.1 no such user"]}
    async with mail_server(replies=refusing) as server, running_notifier(pool, settings(server)) as notifier:
        await notifier.publish(setup)
        await notifier.publish(event)
        await notifier.after_attempts(event, 1)

        async def suppressed() -> bool:
            return (await notifier.health(setup)).disabled_reason is DisabledReason.SUPPRESSED

        await notifier.until(suppressed)
        assert await notifier.statuses(setup) == ["failed"]
        (refused,) = await notifier.refusals(1)
    assert (refused.tenant_id, refused.endpoint_id, refused.address_id) == (
        setup.tenant_id,
        setup.endpoint_id,
        named.address_id,
    )
    assert not server.letters


async def test_a_mail_server_that_is_away_costs_no_attempts(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The e-mail goes out when it is back, however often it was tried meanwhile."""
    monkeypatch.setattr("services.notifier.retries.OUR_TROUBLE_SECONDS", 0.01)
    monkeypatch.setattr("services.notifier.channels.email.FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr("services.notifier.channels.email.LONGEST_PAUSE_SECONDS", 0.01)
    setup = endpoint(EndpointKind.EMAIL, CHEN)
    event = completed_for(setup)
    away = {"MAIL": ["421 4.3.2 shutting down"] * 12 + [""]}
    async with mail_server(replies=away) as server, running_notifier(pool, settings(server)) as notifier:
        await notifier.publish(setup)
        await notifier.publish(event)
        await settled(lambda: bool(server.letters))

        async def delivered() -> bool:
            return await notifier.statuses(setup) == ["delivered"]

        await notifier.until(delivered)
    assert len(server.letters) == 1


async def test_without_a_mail_server_emails_fail_at_once(pool: Pool) -> None:
    """And say why; nothing else is kept from going out."""
    setup = endpoint(EndpointKind.EMAIL, CHEN)
    event = completed_for(setup)
    async with running_notifier(pool, {}) as notifier:
        await notifier.publish(setup)
        await notifier.publish(event)
        (attempt,) = await notifier.after_attempts(event, 1)
    assert attempt.reason == "email_off"


async def test_a_notification_on_a_topic(pool: Pool) -> None:
    """ntfy on a server inside, which the operator's network list allows."""
    async with receiver() as server:
        setup = endpoint(
            EndpointKind.NTFY, NtfyDestination(url=f"http://127.0.0.1:{server.port}/recordings", token="tk_s3cret")
        )
        event = completed_for(setup)
        async with running_notifier(pool, {"AUDIO2TXT_EGRESS_ALLOW_CIDRS": "127.0.0.0/8"}) as notifier:
            await notifier.publish(setup)
            await notifier.publish(event)
            (attempt,) = await notifier.after_attempts(event, 1)
    (request,) = server.requests
    document = msgspec.json.decode(request.body)
    assert (request.target, request.headers["authorization"]) == ("/", "Bearer tk_s3cret")
    assert (document["topic"], document["title"]) == ("recordings", "錄音已轉成文字")
    assert attempt.status == 204
    assert "tk_s3cret" not in repr(attempt)
    assert '"recordings"' not in repr(attempt), "whoever knows the topic reads along"
