"""The Python client asks for all that the gateway's description has and nothing else, and reads all that it answers."""

from __future__ import annotations

import datetime as dt
import io
import re
from collections.abc import Callable, Mapping
from operator import attrgetter
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import httpx
import jsonschema  # type: ignore[import-untyped]
import msgspec
import pytest

import audio2txt_client as client
from audio2txt_client import errors, wishes
from audio2txt_client.models import endpoints, lists
from audio2txt_client.models.uploads import Upload
from services.gateway.admission import AnyRequest
from services.gateway.routes.context import Gateway
from services.gateway.settings import GatewaySettings
from services.gateway.views.building import Views
from services.gateway.web import web_app
from shared.schemas import webhooks
from tests.clienting import facing
from tests.describing import Comparison, Schema, followed

ANSWERS: dict[str, Any] = {
    "JobView": client.Job,
    "Page_JobView_": lists.Page[client.Job],
    "UploadView": Upload,
    "Transcript": client.Transcript,
    "RevisionView": client.Revision,
    "Report": client.Report,
    "ArtifactView": client.Artifact,
    "SolutionView": client.Solution,
    "EngineView": client.Engine,
    "AccountView": client.Account,
    "EndpointView": client.Endpoint,
    "EndpointCreated": client.NewEndpointSecret,
    "TestView": endpoints.TestMessage,
    "PublicKey": endpoints.PublicKey,
    "DeliveryView": client.Delivery,
    "DeliveryDetails": client.DeliveryDetails,
    "SuppressionView": client.Suppression,
    "ApiKeyView": client.ApiKey,
    "KeyCreated": client.NewApiKey,
    "AuditView": client.AuditEntry,
    "VocabularyView": client.Vocabulary,
    "Page_VocabularySummary_": lists.Page[client.VocabularySummary],
    "UsageMonthView": client.UsageMonth,
    "UsageRecordView": client.UsageRecord,
    "FoundView": client.Found,
    "BatchView": client.Batch,
    "BatchDetails": client.BatchDetails,
    "UserView": client.User,
    "MeView": client.Me,
    "TokenView": client.Token,
    "TokenCreated": client.NewToken,
    "OpenSessionView": client.BrowserSession,
    "RetentionView": client.Retention,
    "Policy": client.Policy,
    "ErasureView": client.Erasure,
    "PublicKeys": endpoints.PublicKeys,
    "ExportView": client.Export,
    "EstimateView": client.Estimate,
    "NewEstimateView": client.RecordingEstimate,
    "DirectUploadView": client.DirectUpload,
    "ProblemDocument": errors.Problem,
}
"""What the gateway answers, and what the client reads it as. Where this test fails, a field is to be added there."""

WISHES: dict[str, Any] = {
    "JobRequest": wishes.JobWishes,
    "RetryRequest": wishes.RetryWishes,
    "JobChange": wishes.JobChange,
    "BatchItem": wishes.BatchItem,
    "SegmentEdit": wishes.SegmentEdit,
    "SpeakerEdit": wishes.SpeakerEdit,
    "EndpointChange": wishes.EndpointChange,
    "NewWebhook": wishes.NewWebhook,
    "NewEmail": wishes.NewEmail,
    "NewSlack": wishes.NewSlack,
    "NewTeams": wishes.NewTeams,
    "NewDiscord": wishes.NewDiscord,
    "NewTelegram": wishes.NewTelegram,
    "NewNtfy": wishes.NewNtfy,
    "UserChange": wishes.UserChange,
    "OwnChange": wishes.OwnChange,
    "RetentionRules": client.RetentionRules,
}

ID = "0198c2de-8b1c-7d3e-9f5a-2b6c4d8e0f1a"
TAG = '"3.abc"'
NOW = dt.datetime(2026, 11, 29, tzinfo=dt.UTC)
SPEAKERS = {"min": 2, "max": 4}
TERM = client.VocabularyTerm(text="Kowloon", sounds_like=("cow loon",))
RULE = client.Replacement(from_="colour", to="color", case=client.LetterCase.FOLLOW)
RULES = client.RetentionRules(
    tenant=client.TenantRetention(audio=30, raw=None), solutions={"lecture": client.RetentionDays(audio=0)}
)
CALLS: list[Callable[[Any], Any]] = [
    lambda c: c.uploads.create(b"RIFF", file_name="a.wav"),
    lambda c: c.uploads.get(ID),
    lambda c: c.uploads.delete(ID),
    lambda c: c.jobs.create(
        upload_id=ID,
        language="en",
        engine=None,
        solution="verbatim",
        formats=[client.ArtifactFormat.PDF, "srt"],
        speakers=SPEAKERS,
        vocabulary=["Audio2txt"],
        redaction={"categories": ["person_name"], "substitute": "hash", "audio": True},
        analyses=["topics"],
        script=client.Script.TAIWAN,
        report_language="en",
        report_mode=client.ReportMode.LLM,
        inputs={"matter_no": "1"},
        callback_url="https://example.com/h",
        metadata={"case": "7"},
        tags=["board"],
        priority="low",
        start_after=NOW,
        duplicates="reuse",
        title="Weekly",
        channels=False,
    ),
    lambda c: c.jobs.create(audio_url="https://example.com/a.mp3"),
    lambda c: c.jobs.list(state="completed", page_size=50),
    lambda c: c.jobs.list(
        solution="verbatim",
        language="zh",
        tags=["board", "2026"],
        metadata={"case": "7"},
        created_after=NOW,
        created_before=NOW,
    ),
    lambda c: c.jobs.feed(states=["failed", "completed"], tags=["board"], snapshot=True),
    lambda c: c.jobs.feed(after="1796212800.744:746:744"),
    lambda c: c.jobs.search('"best of times"', job_id=ID, created_after=NOW, created_before=NOW, page_size=5),
    lambda c: c.jobs.list(batch_id=ID),
    lambda c: c.batches.create([{"audio_url": "https://e.com/1", "tags": ["a"]}], priority="low", start_after=NOW),
    lambda c: c.batches.list(page_size=5),
    lambda c: c.batches.get(ID),
    lambda c: c.batches.cancel(ID),
    lambda c: c.jobs.update(ID, if_version=4, title=None, tags=["a"], metadata={"case": "7"}),
    lambda c: c.jobs.get(ID),
    lambda c: c.jobs.wait(ID, timeout=0),
    lambda c: c.jobs.events(ID, after=3),
    lambda c: c.jobs.cancel(ID),
    lambda c: c.jobs.retry(ID, solution="lecture", vocabularies=["Board"], formats=["pdf"], inputs={"a": "b"}),
    lambda c: c.jobs.delete(ID, if_version=4),
    lambda c: c.transcripts.get(ID, run=1, revision=0),
    lambda c: c.transcripts.edit(
        ID,
        if_match="*",
        segments=[{"id": "s1", "text": "Yes.", "speaker_id": None}],
        speakers=[{"id": "spk_1", "name": "Dr. Chen"}],
    ),
    lambda c: c.transcripts.revisions(ID, run=1),
    lambda c: c.transcripts.restore(ID, 0, if_match='"x"'),
    lambda c: c.reports.get(ID, run=1),
    lambda c: c.artifacts.list(ID),
    lambda c: c.artifacts.read(ID, "transcript.pdf"),
    lambda c: c.solutions.list(),
    lambda c: c.solutions.get("verbatim"),
    lambda c: c.engines.list(),
    lambda c: c.account.get(),
    lambda c: c.usage.month("2026-11"),
    lambda c: c.usage.records("2026-11", page_size=5),
    lambda c: c.usage.export(io.BytesIO(), month="2026-11"),
    lambda c: c.usage.statement(io.BytesIO(), month="2026-11", language="zh-Hant"),
    lambda c: c.vocabularies.create("Board", terms=[TERM], replacements=[RULE], default=True),
    lambda c: c.vocabularies.list(page_size=5),
    lambda c: c.vocabularies.get(ID),
    lambda c: c.vocabularies.replace(ID, version=3, name="Board", terms=[TERM], replacements=[RULE]),
    lambda c: c.vocabularies.export(ID),
    lambda c: c.vocabularies.fill(ID, b"kind,text", version=3),
    lambda c: c.vocabularies.delete(ID, version=3),
    lambda c: c.account.webhook_secret(),
    lambda c: c.endpoints.create(
        {"kind": "webhook", "url": "https://example.com/h", "events": ["job.*"], "signatures": ["v1a"]}
    ),
    lambda c: c.endpoints.create({"kind": "email", "address": "chen@example.com", "language": "zh-Hant", "attach": False}),
    lambda c: c.endpoints.list(page_size=5),
    lambda c: c.endpoints.get(ID),
    lambda c: c.endpoints.update(ID, if_match=TAG, paused=True, description=None, rate_per_minute=120),
    lambda c: c.endpoints.delete(ID, if_match=TAG),
    lambda c: c.endpoints.rotate(ID, overlap_hours=2.5),
    lambda c: c.endpoints.test(ID),
    lambda c: c.endpoints.ask_to_confirm(ID),
    lambda c: c.endpoints.replay(ID, since=NOW, until=NOW, missing=True, types=["job.completed"]),
    lambda c: c.endpoints.public_keys(ID),
    lambda c: c.deliveries.list(endpoint_id=ID, job_id=ID, message_id="msg_1", status="failed", page_size=5),
    lambda c: c.deliveries.get(ID),
    lambda c: c.deliveries.redeliver(ID),
    lambda c: c.suppressions.list(address="chen@example.com", page_size=5),
    lambda c: c.suppressions.lift(ID),
    lambda c: c.keys.create(name="importer", role="editor", scopes=["jobs:read"], expires_at=NOW),
    lambda c: c.keys.list(page_size=5),
    lambda c: c.keys.get(ID),
    lambda c: c.keys.rotate(ID, overlap_hours=0, expires_at=NOW),
    lambda c: c.keys.revoke(ID),
    lambda c: c.audit.export(io.BytesIO()),
    lambda c: c.uploads.create_direct(b"RIFF", file_name="a.wav"),
    lambda c: c.batches.wait(ID),
    lambda c: c.estimates.job(ID),
    lambda c: c.estimates.recording(duration_ms=3_600_000, size=5, engine="local"),
    lambda c: c.users.invite("chen@example.com", role="editor", name="Chen Yu", language="zh-Hant"),
    lambda c: c.users.invite_again(ID),
    lambda c: c.users.list(page_size=5),
    lambda c: c.users.get(ID),
    lambda c: c.users.update(ID, if_match=TAG, name="Chen", role=client.Role.VIEWER, disabled=True),
    lambda c: c.users.remove(ID, if_match=TAG),
    lambda c: c.me.get(),
    lambda c: c.me.update(if_match=TAG, name="Chen", language="en"),
    lambda c: c.me.change_password(old="a", new="correct horse battery"),
    lambda c: c.tokens.create(name="script", expires_in=60),
    lambda c: c.tokens.list(page_size=5),
    lambda c: c.tokens.end(ID),
    lambda c: c.sessions.list(page_size=5),
    lambda c: c.sessions.end(ID),
    lambda c: c.retention.get(),
    lambda c: c.retention.decide(RULES, if_match=TAG),
    lambda c: c.policy.get(),
    lambda c: c.policy.decide(outside=False, if_match=TAG),
    lambda c: c.erasures.erase_speaker(ID, "spk_2"),
    lambda c: c.erasures.list(page_size=5),
    lambda c: c.erasures.get(ID),
    lambda c: c.erasures.wait(ID),
    lambda c: c.erasures.keys(),
    lambda c: c.exports.create(),
    lambda c: c.exports.list(page_size=5),
    lambda c: c.exports.get(ID),
    lambda c: c.exports.wait(ID),
    lambda c: c.audit.list(action="job.created", actor=ID, thing_id=ID, since=NOW, until=NOW, page_size=5),
]
"""Every method, and all that it can be given."""

LATER = {
    "append_to_upload": "uploads.create_resumable",
    "get_offset_head": "uploads.create_resumable",
    "complete_direct_upload": "uploads.create_direct",
    "get_export_file": "exports.download",
}
"""Operations that a method comes to after its first request; those methods are tried at a real gateway."""

NOT_FOR_PROGRAMS = {
    "sign_in": "gives a browser its cookie; programs have keys and tokens",
    "sign_out": "ends a browser's cookie",
    "get_session": "tells a page of a browser's cookie",
    "get_sign_in_methods": "tells the page for signing in what to show",
    "go_to_provider": "sends a browser to the provider of identities",
    "come_back": "is where that sends the browser to",
    "ask_for_reset": "is the page's for people who forgot their password",
}
"""Operations that the client has no method for, and why."""

OF_ITSELF = {
    "after": "the next page is fetched as it is needed",
    "if-none-match": "nothing is kept that could be unchanged",
    "if-range": "downloads go on by themselves",
    "range": "downloads go on by themselves",
    "content-digest": "what arrived is compared with what was sent",
    "tus-resumable": "`uploads.create_resumable` speaks tus by itself",
    "upload-length": "so it does",
    "upload-metadata": "so it does",
    "idempotency-key": "it is made where none is given",
    "accept": "there is one kind of each answer",
}
"""Parameters that no call needs to be given, and why."""


@pytest.fixture
async def document() -> Schema:
    """The gateway's own description."""

    async def admit(_: AnyRequest) -> None:
        return None

    app = web_app(cast("Gateway", SimpleNamespace(views=Views("https://a2t.example"), settings=GatewaySettings())), admit)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(cast("Any", app)), base_url="http://gateway") as http:
        described: Schema = (await http.get("/v1/openapi.json")).json()
        return described


async def test_the_client_speaks_as_the_gateway_describes_itself(document: Schema) -> None:
    """Every answer has the fields that the client reads, no others, and of the same types; every request is one that is
    described, down to its parameters and its body; and for everything that is described there is a method."""
    schemas = document["components"]["schemas"]
    differences = [
        *(line for name, kind in ANSWERS.items() for line in Comparison(schemas, kind).of(name)),
        *(line for name, kind in WISHES.items() for line in Comparison(schemas, kind, wish=True).of(name)),
    ]
    [_], sent = msgspec.json.schema_components([webhooks.WebhookBody], ref_template="#/components/schemas/{name}")
    [_], told = msgspec.json.schema_components([webhooks.WebhookUsageBody], ref_template="#/components/schemas/{name}")
    differences += Comparison(told, client.WebhookUsage).of("WebhookUsage")
    [_], ended = msgspec.json.schema_components([webhooks.WebhookBatchBody], ref_template="#/components/schemas/{name}")
    differences += Comparison(ended, client.WebhookBatch).of("WebhookBatch")
    differences += Comparison(sent, client.WebhookJob).of("WebhookJob")
    differences += Comparison(sent, client.EventType).of("EventType")
    assert not differences, "\n".join(differences)
    asked: list[httpx.Request] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        request.read()
        asked.append(request)
        return httpx.Response(418, json={"detail": "enough"})

    async with facing("sync", handler=refuse) as face:
        for call in CALLS:
            with pytest.raises(client.ApiError, match="enough"):
                await face(call)
    assert len(asked) == len(CALLS)
    seen: dict[str, set[str]] = {}
    for request in asked:
        operation = _described(request, document)
        seen.setdefault(operation["operationId"], set()).update(_parameters(request))
    _check_completeness(seen, document)


def _check_completeness(seen: Mapping[str, set[str]], document: Schema) -> None:
    """Raise for operations, and parameters of them, that nobody can ask for by the client's methods."""
    operations = {
        operation["operationId"]: operation
        for methods in document["paths"].values()
        for method, operation in methods.items()
        # That of a document is its GET without the document.
        if method != "head" or "get" not in methods or operation["operationId"] in LATER
    }
    missing = operations.keys() - seen.keys() - LATER.keys() - NOT_FOR_PROGRAMS.keys()
    assert not missing, f"no method of the client asks for {', '.join(sorted(missing))}; add one, or say why there is none"
    assert not (seen.keys() & (LATER.keys() | NOT_FOR_PROGRAMS.keys())), "these have a method"
    assert LATER.keys() | NOT_FOR_PROGRAMS.keys() <= operations.keys(), "these are not described any more"
    for face in (client.Client(url="http://x", api_key="x"), client.AsyncClient(url="http://x", api_key="x")):
        assert all(callable(attrgetter(method)(face)) for method in LATER.values())
    lacking = {
        f"{name}: {parameter['name']}"
        for name, given in seen.items()
        for parameter in (followed(document, item) for item in operations[name]["parameters"])
        if parameter["in"] != "path" and parameter["name"].lower() not in given | OF_ITSELF.keys()
    }
    assert not lacking, f"no method of the client can be given {', '.join(sorted(lacking))}"


def _parameters(request: httpx.Request) -> set[str]:
    """Query and headers, without those that every request has."""
    usual = {"host", "accept", "accept-encoding", "connection", "user-agent", "authorization", "content-type", "content-length"}
    return {name.lower() for name in request.url.params} | set(request.headers) - usual - {"cache-control"}


def _described(request: httpx.Request, document: Schema) -> Schema:
    """The operation that a request is for. Raises for a request that is not described."""
    path, operations = next(
        (path, operations)
        for path, operations in document["paths"].items()
        if re.fullmatch(re.sub(r"\{[^/]+\}", "[^/]+", path), request.url.path)
        and not (path.endswith("}") and request.url.path in document["paths"])
    )
    place = f"{request.method} {path}"
    operation: Schema = operations[request.method.lower()]
    assert _parameters(request) <= {followed(document, item)["name"].lower() for item in operation["parameters"]}, place
    body = operation.get("requestBody")
    assert body is not None or not request.content, place
    if body is not None and request.headers.get("content-type") == "application/json":
        schema = {**body["content"]["application/json"]["schema"], "components": document["components"]}
        jsonschema.validate(msgspec.json.decode(request.content), schema)
    return operation


def test_what_a_newer_gateway_says_breaks_nothing() -> None:
    """Unknown fields are ignored; unknown names are kept, told apart, and written back as they came."""
    key = {
        "id": str(uuid4()), "name": "x", "hint": "a2t_…", "state": "frozen", "role": "owner", "scopes": None,
        "permissions": ["moon:visit"], "made_by": None, "created_at": "2026-11-29T00:00:00Z", "expires_at": None,
        "last_used_at": None, "revoked_at": None, "replaced_by": None, "colour": {"deep": ["blue"]},
    }  # fmt: skip
    read = msgspec.json.decode(msgspec.json.encode(key), type=client.ApiKey)
    assert (read.state, read.state.known, read.role.known) == ("frozen", False, True)
    assert read.state == type(read.state)("frozen")
    assert hash(read.state) == hash("frozen")
    assert msgspec.json.decode(msgspec.json.encode(read))["state"] == "frozen"
    assert not client.JobState("archived").final
