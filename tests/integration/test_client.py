"""The Python client, both faces, at a real gateway: over a network that breaks, and beside stand-ins for the other services."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID
from zipfile import ZipFile

import msgspec
import pytest

import audio2txt_client as a2t
from services.gateway.permissions import Role
from services.gateway.store.tenants import TenantStore
from shared.blobs import transcript_key
from shared.schemas.events import JobSubmitted, TranscriptionState
from shared.schemas.jobs import ArtifactResult, Failure
from tests.clienting import FACES, Face, facing, first
from tests.gatewaying import PASSWORD, WAV, RunningGateway, contents, ready, running_gateway, unrendered
from tests.relay import relaying
from tests.speech import conversation, transcript

MIB = 1024 * 1024
SETTINGS = {"AUDIO2TXT_SWEEP_SECONDS": "0.2", "AUDIO2TXT_ERASURE_SETTLE_SECONDS": "0.3"}
PUBLIC_URL = "https://a2t.example.com"
FAST = a2t.Retries(first=0.05)
SAID = transcript(conversation(("A", "We sign on the third of June."), ("B", "I agree.")))


@pytest.fixture
async def gateway(database_url: str, tmp_path: Path) -> AsyncIterator[RunningGateway]:
    """A gateway on an empty database."""
    async with running_gateway(database_url, tmp_path / "data", settings=SETTINGS, public_url=PUBLIC_URL) as running:
        yield running


@pytest.fixture
async def key(gateway: RunningGateway) -> str:
    """An owner's key of a new tenant."""
    async with await gateway.new_client(await TenantStore(gateway.pool).add("acme"), Role.OWNER) as http:
        return str(http.headers["Authorization"].removeprefix("Bearer "))


@pytest.fixture(params=FACES)
async def face(request: pytest.FixtureRequest, gateway: RunningGateway, key: str) -> AsyncIterator[Face]:
    """The client that a developer has."""
    async with facing(request.param, url=gateway.url + "/v1/", api_key=key, retries=FAST) as face:
        yield face


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A sound file of 40 MB that no compression makes smaller."""
    path = tmp_path / "週會.wav"
    path.write_bytes(WAV + os.urandom(40 * MIB))
    return path


def digest(path: Path) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


async def test_a_recording_becomes_documents(face: Face, gateway: RunningGateway, tmp_path: Path) -> None:
    """The whole way of a developer: send, follow, wait, fetch, mend, ask again, delete."""
    sent: list[tuple[int, int | None]] = []
    data = WAV + bytes(3 * MIB)
    job = await face(
        lambda c: c.jobs.create(
            io.BytesIO(data),
            file_name="週會.wav",
            language="zh-hant",
            formats=["txt", a2t.ArtifactFormat.PDF],
            metadata={"case": "7"},
            on_progress=lambda done, total: sent.append((done, total)),
        )
    )
    assert (job.state, job.language, job.file_name, job.metadata) == ("queued", "zh-Hant", "週會.wav", {"case": "7"})
    assert sent[-1] == (len(data), len(data))
    assert job.source.sha256 == hashlib.sha256(data).hexdigest()
    order = await gateway.others.heard(JobSubmitted, str(job.id))
    begun = await face(lambda c: first(2, c.jobs.feed(snapshot=True)))
    assert [(news.kind, news.job_id) for news in begun] == [("job", job.id), ("synced", None)]
    followed = asyncio.create_task(face(lambda c: c.jobs.events(job.id)))
    waited = asyncio.create_task(face(lambda c: c.jobs.wait(job.id, timeout=60)))
    await gateway.others.progress(order, TranscriptionState.PROCESSING, 0.5)
    await _complete(gateway, order)
    seen, done = await followed, await waited
    assert (seen[-1].state, done.state) == ("completed", "completed")
    assert [job.version for job in seen] == sorted({job.version for job in seen})
    done.raise_for_state()
    [missed] = await face(lambda c: first(1, c.jobs.feed(after=begun[-1].place)))
    assert (missed.kind, missed.job_id) == (a2t.NewsKind.JOB, job.id)

    assert [artifact.name for artifact in done.artifacts if artifact.ready] == ["transcript.txt"]
    assert await face(lambda c: c.artifacts.download(job.id, "transcript.txt", tmp_path / "t.txt")) == done.artifacts[0].size
    assert (tmp_path / "t.txt").read_bytes() == contents("transcript.txt")
    assert [path.name for path in tmp_path.glob("*.part")] == []
    kept = io.BytesIO()
    await face(lambda c: c.artifacts.download(job.id, done.artifact("transcript.txt"), kept))
    assert kept.getvalue() == contents("transcript.txt")
    with pytest.raises(a2t.NotFound, match="could not be rendered") as failed:
        await face(lambda c: c.artifacts.download(job.id, "transcript.pdf", tmp_path / "t.pdf"))
    assert failed.value.code == "artifact_failed"
    assert failed.value.request_id

    read = await face(lambda c: c.transcripts.get(job.id))
    assert (read.text, read.speaker(read.segments[0])) == ("We sign on the third of June.\nI agree.", "A")
    [found] = await _until_found(face, '"third of June"')
    assert (found.job_id, found.hits[0].segment_id) == (job.id, read.segments[0].id)
    assert "".join(piece.text for piece in found.hits[0].snippet if piece.match) == "third of June"
    edit = {"if_match": read.etag, "speakers": [{"id": read.speakers[0].id, "name": "Dr. Chen"}]}
    revision = await face(lambda c: c.transcripts.edit(job.id, **edit))
    with pytest.raises(a2t.PreconditionFailed):
        await face(lambda c: c.transcripts.edit(job.id, **edit))
    back = await face(lambda c: c.transcripts.restore(job.id, 0, if_match=revision.etag))
    assert [entry.number for entry in await face(lambda c: c.transcripts.revisions(job.id))] == [2, 1]
    assert (back.restored, (await face(lambda c: c.jobs.get(job.id))).at_rest) == (0, False)
    with pytest.raises(a2t.WaitTimedOut):
        await face(lambda c: c.jobs.wait(job.id, timeout=0.05))

    await face(lambda c: c.jobs.delete(job.id))
    with pytest.raises(a2t.NotFound):
        await face(lambda c: c.jobs.wait(job.id))


async def test_what_a_developer_asks_beside_jobs(face: Face, gateway: RunningGateway, tmp_path: Path) -> None:
    """Pages follow one another, failures are told, webhooks are set up, keys are made; the audit log has it all."""
    jobs = [await face(lambda c: c.jobs.create(audio_url="https://example.com/a.mp3")) for _ in range(3)]
    changed = await face(
        lambda c: c.jobs.update(jobs[0].id, if_version=jobs[0].version, tags=["board"], metadata={"case": "7"})
    )
    with pytest.raises(a2t.PreconditionFailed):
        await face(lambda c: c.jobs.update(jobs[0].id, if_version=changed.version - 1, title="Board"))
    found = await face(lambda c: c.jobs.list(tags=["board"], metadata={"case": "7"}))
    assert [(job.id, job.tags) for job in found] == [(jobs[0].id, ("board",))]
    listed = await face(lambda c: c.jobs.list(page_size=2))
    assert [job.id for job in listed] == [job.id for job in reversed(jobs)]
    order = await gateway.others.heard(JobSubmitted, str(jobs[0].id))
    failure = Failure(code="no_speech", message="There is no speech in the recording.")
    await gateway.others.progress(order, TranscriptionState.FAILED, failure=failure)
    with pytest.raises(a2t.JobFailed, match="no speech"):
        (await face(lambda c: c.jobs.wait(jobs[0].id))).raise_for_state()
    assert (await face(lambda c: c.jobs.cancel(jobs[1].id))).state == a2t.JobState.CANCELLED
    assert (await face(lambda c: c.jobs.retry(jobs[1].id))).run == 2

    items = [{"audio_url": "https://example.com/1.mp3", "title": "Tape 1"}, {"upload_id": str(jobs[0].id)}]
    batch = await face(lambda c: c.batches.create(items, tags=["archive"], priority=a2t.Priority.LOW))
    assert (batch.size, batch.refused, batch.items[1].refusal is not None) == (2, 1, True)
    [tape] = await face(lambda c: c.jobs.list(batch_id=batch.id))
    assert (tape.title, tape.tags, tape.priority) == ("Tape 1", ("archive",), "low")
    assert (await face(lambda c: c.batches.cancel(batch.id))).ended
    assert [one.id for one in await face(lambda c: c.batches.list())] == [batch.id]

    account = await face(lambda c: c.account.get())
    assert (account.tenant.name, account.key.role) == ("acme", a2t.Role.OWNER)
    assert (await face(lambda c: c.usage.month())).totals.transcriptions == 0
    assert await face(lambda c: c.usage.records()) == []
    assert await face(lambda c: c.usage.export(tmp_path / "usage.csv")) == (tmp_path / "usage.csv").stat().st_size
    assert "verbatim" in {solution.id for solution in await face(lambda c: c.solutions.list())}
    assert (await face(lambda c: c.solutions.get("executive_meeting"))).title["zh-Hant"]
    assert isinstance(await face(lambda c: c.engines.list()), tuple)

    webhook = {"kind": "webhook", "url": "https://example.com/hooks", "signatures": ["v1", "v1a"]}
    made = await face(lambda c: c.endpoints.create(webhook))
    assert made.secret.startswith("whsec_")
    assert made.secret not in repr(made)
    rotated = await face(lambda c: c.endpoints.rotate(made.id))
    assert rotated.secret != made.secret
    assert [key.kid for key in await face(lambda c: c.endpoints.public_keys(made.id))] == ["2", "1"]
    read = await face(lambda c: c.endpoints.get(made.id))
    paused = await face(lambda c: c.endpoints.update(made.id, if_match=read.etag, paused=True))
    with pytest.raises(a2t.PreconditionFailed):
        await face(lambda c: c.endpoints.update(made.id, if_match=read.etag, paused=False))
    assert paused.etag != read.etag
    assert (paused.state, paused.signatures) == (a2t.EndpointState.PAUSED, ("v1", "v1a"))
    assert [endpoint.id for endpoint in await face(lambda c: c.endpoints.list())] == [made.id]
    await face(lambda c: c.endpoints.delete(made.id))

    viewer = await face(lambda c: c.keys.create(name="reader", role=a2t.Role.VIEWER, scopes=["jobs:read"]))
    assert (viewer.permissions, viewer.key not in repr(viewer)) == (("jobs:read",), True)
    async with facing("async", url=gateway.url, api_key=viewer.key) as other:
        with pytest.raises(a2t.Forbidden) as refused:
            await other(lambda c: c.jobs.cancel(jobs[1].id))
    assert refused.value.permission == "jobs:write"
    await face(lambda c: c.keys.revoke(viewer.id))
    with pytest.raises(a2t.Invalid) as invalid:
        await face(lambda c: c.jobs.create(audio_url="https://example.com/a.mp3", formats=["papyrus"]))
    assert invalid.value.errors[0].pointer.startswith("/formats")

    await _until_chained(face)
    assert [entry.action for entry in await face(lambda c: c.audit.list(action="key.revoked"))] == ["key.revoked"]
    assert await face(lambda c: c.audit.export(tmp_path / "audit.ndjson")) == (tmp_path / "audit.ndjson").stat().st_size
    answer = await face(lambda c: c.request("GET", "/v1/jobs", query={"limit": 1}))
    assert len(msgspec.json.decode(answer.content)["data"]) == 1


async def test_what_an_administrator_asks(face: Face, gateway: RunningGateway, tmp_path: Path) -> None:
    """People are invited, changed and removed, and ask by their own passwords and tokens; rules are decided; what is deleted
    ends in a certificate that can be verified; everything is taken along."""
    invited = await face(lambda c: c.users.invite("Li@example.com", role=a2t.Role.VIEWER, language="zh-Hant"))
    assert (invited.email, invited.state, invited.language) == ("li@example.com", a2t.UserState.INVITED, "zh-Hant")
    await face(lambda c: c.users.invite_again(invited.id))
    assert (await face(lambda c: c.users.update(invited.id, name="Li Na", role="editor"))).role == a2t.Role.EDITOR
    await face(lambda c: c.users.remove(invited.id))
    with pytest.raises(a2t.NotFound):
        await face(lambda c: c.users.get(invited.id))

    tenant = (await face(lambda c: c.account.get())).tenant
    chen = await gateway.new_user(tenant.id, Role.EDITOR, "chen@example.com")
    assert [user.email for user in await face(lambda c: c.users.list())] == ["chen@example.com"]
    async with facing("sync", url=gateway.url, user=("chen@example.com", PASSWORD)) as by_password:
        token = await by_password(lambda c: c.tokens.create(name="script", expires_in=600))
    assert token.token not in repr(token)
    async with facing("async", url=gateway.url, api_key=token.token) as by_token:
        me = await by_token(lambda c: c.me.update(name="Chen Yu", language="zh-Hant"))
        assert (me.user.id, me.user.name, me.tenant, me.means) == (chen.id, "Chen Yu", tenant, "token")
        assert await by_token(lambda c: c.sessions.list()) == []
        assert [known.id for known in await by_token(lambda c: c.tokens.list())] == [token.id]
        await by_token(lambda c: c.me.change_password(old=PASSWORD, new="four umbrellas, at least"))
        await by_token(lambda c: c.tokens.end(token.id))
        with pytest.raises(a2t.Unauthenticated):
            await by_token(lambda c: c.me.get())
    with pytest.raises(a2t.NotFound, match="API key"):
        await face(lambda c: c.me.get())

    rules = a2t.RetentionRules(
        tenant=a2t.TenantRetention(audio=30, raw=None, deliveries=7), solutions={"lecture": a2t.RetentionDays(transcript=0)}
    )
    kept = await face(lambda c: c.retention.decide(rules))
    assert (kept.rules, kept.effective_by_solution["lecture"].audio, kept.effective.raw) == (rules, 30, None)
    assert await face(lambda c: c.retention.get()) == kept
    assert not (await face(lambda c: c.policy.decide(outside=False))).outside
    assert not (await face(lambda c: c.policy.get())).outside

    job = await face(lambda c: c.jobs.create(WAV + bytes(2000)))
    assert (await face(lambda c: c.estimates.job(job.id))).finishes_at is None
    assert (await face(lambda c: c.estimates.recording(duration_ms=60_000))).duration_ms == 60_000
    with pytest.raises(a2t.Conflict):
        await face(lambda c: c.erasures.erase_speaker(job.id, "spk_1"))
    asked = await face(lambda c: c.exports.create())
    export = await face(lambda c: c.exports.wait(asked.id, timeout=60))
    assert export.state == a2t.ExportState.READY, export.failure
    assert await face(lambda c: c.exports.download(export.id, tmp_path / "acme.zip")) == export.size
    assert f"jobs/{job.id}/source/audio" in ZipFile(tmp_path / "acme.zip").namelist()
    assert [known.id for known in await face(lambda c: c.exports.list())] == [export.id]

    await face(lambda c: c.jobs.delete(job.id))
    erasure = await face(lambda c: c.erasures.wait(job.id, timeout=60))
    [public_key] = await face(lambda c: c.erasures.keys())
    for known in (public_key, erasure.certificate.public_key):
        said = a2t.verify_certificate(erasure.certificate, known)
        assert (said.id, said.kind, {place.left for place in said.verified}) == (job.id, a2t.ErasureKind.JOB, {0})
    changed = msgspec.structs.replace(erasure.certificate, statement=erasure.certificate.statement.replace("job", "jot", 1))
    for certificate, other in ((changed, public_key), (erasure.certificate, "AAAA" * 10 + "AAA=")):
        with pytest.raises(a2t.CertificateRejected, match="was changed"):
            a2t.verify_certificate(certificate, other)
    with pytest.raises(a2t.NotConfigured, match="32 bytes"):
        a2t.verify_certificate(erasure.certificate, "AAAA")
    assert [known.id for known in await face(lambda c: c.erasures.list())] == [job.id]
    with pytest.raises(a2t.NotFound):  # the job is in it
        await face(lambda c: c.exports.download(export.id, tmp_path / "again.zip"))


@pytest.mark.parametrize("kind", FACES)
async def test_cut_connections_and_a_stopped_program_cost_no_byte(
    kind: str, gateway: RunningGateway, key: str, recording: Path
) -> None:
    """Each connection is cut after 12 MB; the program is stopped, and goes on with the id it kept; the bytes are the same."""
    kept: list[UUID] = []

    def stop(done: int, total: int | None) -> None:
        if done > 20 * MIB:
            raise KeyboardInterrupt

    async with relaying(lambda: gateway.url, cut_every=12 * MIB) as network:
        async with facing(kind, url=network.url, api_key=key, retries=FAST) as face:
            with pytest.raises(KeyboardInterrupt):
                await face(lambda c: _resumable(c, recording, on_begin=kept.append, on_progress=stop))
        [begun] = kept
        async with facing(kind, url=network.url, api_key=key, retries=FAST) as face:
            url = f"{gateway.url}/v1/uploads/{begun}"
            upload = await face(lambda c: _resumable(c, recording, resume=url, on_begin=kept.append))
            assert (upload.id, upload.state, upload.sha256) == (begun, a2t.UploadState.READY, digest(recording))
            assert network.cuts >= 3
            assert kept == [begun]
            job = await face(lambda c: c.jobs.create(upload_id=upload.id, idempotency_key="once"))
            again = await face(lambda c: c.jobs.create(upload_id=upload.id, idempotency_key="once"))
            assert (job.id, again.id, job.file_name) == (begun, begun, "週會.wav")
            whole = await face(lambda c: c.jobs.create(recording, title="By itself"))
            assert whole.source.sha256 == digest(recording)


async def test_another_recording_is_not_taken_for_the_rest_of_one(face: Face, recording: Path) -> None:
    """Of another length it is refused at once; of the same, when its digest is known, and what was stored is deleted."""
    kept: list[UUID] = []

    def stop(done: int, total: int | None) -> None:
        if done > 8 * MIB:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await face(lambda c: _resumable(c, recording, on_begin=kept.append, on_progress=stop))
    with pytest.raises(a2t.ContentMismatch, match="another one"):
        await face(lambda c: _resumable(c, WAV, resume=kept[0]))
    recording.write_bytes(WAV + os.urandom(40 * MIB))
    with pytest.raises(a2t.ContentMismatch, match="did the file change"):
        await face(lambda c: _resumable(c, recording, resume=kept[0]))
    with pytest.raises(a2t.NotFound):
        await face(lambda c: c.uploads.get(kept[0]))
    expired = await face(lambda c: _resumable(c, recording, resume=kept[0], on_begin=kept.append))
    assert expired.id == kept[1]
    await face(lambda c: c.uploads.delete(expired.id))
    with pytest.raises(a2t.UnsupportedMedia):
        await face(lambda c: c.uploads.create(b"no recording at all" * 50))


def _resumable(client: Any, source: Any, **options: Any) -> Any:
    return client.uploads.create_resumable(source, **options)


async def _complete(gateway: RunningGateway, order: JobSubmitted) -> None:
    """Transcribe what was said, and render it: one file well, one not."""
    await gateway.others.transcribe(order)
    said = msgspec.structs.replace(SAID, job_id=order.job_id, version=order.run)
    await gateway.blobs.put(transcript_key(order.tenant_id, order.job_id, order.run), msgspec.json.encode(said))
    await gateway.others.report(order, _digested(ready(order)), unrendered())


def _digested(artifact: ArtifactResult) -> ArtifactResult:
    return msgspec.structs.replace(artifact, sha256=hashlib.sha256(contents(artifact.name)).hexdigest())


async def _until_found(face: Face, question: str) -> list[a2t.Found]:
    async with asyncio.timeout(30):
        while not (found := await face(lambda c: c.jobs.search(question))):
            await asyncio.sleep(0.1)
    return list(found)


async def _until_chained(face: Face) -> None:
    async with asyncio.timeout(30):
        while not await face(lambda c: c.audit.list(action="key.revoked")):
            await asyncio.sleep(0.1)
