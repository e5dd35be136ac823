"""Reports as a tenant's developer orders them: scenarios, inputs, writers, what language models may cost, and again later."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.gateway import choosing
from services.gateway.store.allowances import AllowanceStore, Ceiling
from services.transcriber.offers import OfferStore
from shared import migrations
from shared.blobs import report_key
from shared.schemas.engines import Capabilities, EngineOffer, Feature, VocabularyLimits
from shared.schemas.events import JobCompleted, JobSubmitted
from shared.schemas.ids import new_id
from shared.schemas.jobs import ArtifactFormat, ReportMode
from shared.schemas.reports import Usage
from tests.gatewaying import ApiClient, RunningGateway, ready, report_ready, running_gateway

REPORT = Path(__file__).parents[1] / "contract" / "samples" / "report.4.json"

LIMITS = {
    "AUDIO2TXT_LLM_JOB_TOKENS": "1000",
    "AUDIO2TXT_LLM_JOB_USD": "0.50",
    "AUDIO2TXT_LLM_MONTH_TOKENS": "2500",
    "AUDIO2TXT_LLM_MONTH_USD": "10",
}
USED = Usage(model="qwen3", calls=3, prompt_tokens=200, completion_tokens=50, cost_usd="0.0125")
ABLE = EngineOffer(
    name="able",
    rented=True,
    is_default=True,
    capabilities=Capabilities(features=frozenset(Feature), vocabulary=VocabularyLimits(terms=5)),
)


@pytest.fixture
async def gateway(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RunningGateway]:
    """A gateway with limits; no transcriber has offered an engine yet."""
    monkeypatch.setattr(choosing, "KNOWN_SECONDS", 0.0)
    async with running_gateway(database_url, tmp_path, settings=LIMITS) as running:
        await migrations.apply(running.pool, "transcriber")
        yield running


async def _submitted(gateway: RunningGateway, api: ApiClient, **order: Any) -> JobSubmitted:
    job = await api.create(**order)
    return await gateway.others.heard(JobSubmitted, job["id"])


async def _month(api: ApiClient) -> tuple[int, str]:
    month = (await api.http.get("/v1/account")).json()["llm_month"]
    assert (month["tokens_limit"], month["cost_usd_limit"]) == (2500, "10")
    return month["tokens"], month["cost_usd"]


async def _reported(gateway: RunningGateway, order: JobSubmitted, **news: Any) -> None:
    """The report is there, as its writer tells."""
    await gateway.others.transcribe(order)
    artifact = ready(order, name="report.txt")
    assert artifact.key is not None
    await gateway.blobs.put(artifact.key, b"report")
    await gateway.others.say(msgspec.structs.replace(report_ready(order, artifact), **news))


async def test_a_report_is_ordered_by_scenario_inputs_language_and_writer(gateway: RunningGateway, api: ApiClient) -> None:
    """An old name is understood and kept as the scenario's own id; everything travels to whoever does the work."""
    order = await _submitted(
        gateway,
        api,
        solution="executive_meeting",
        inputs={"chair": " 王董 ", "meeting_date": "2026-11-28"},
        report_language="zh-Hant",
        report_mode="extractive",
        script="zh-Hant-TW",
    )
    options = order.options
    assert (options.solution, options.report_language, options.report_mode) == (
        "executive_decisions",
        "zh-Hant",
        ReportMode.EXTRACTIVE,
    )
    assert (options.inputs, options.script, options.llm) == (
        {"meeting_date": "2026-11-28", "chair": "王董"},
        "zh-Hant-TW",
        None,
    )
    shown = await api.job(str(order.job_id))
    assert (shown["solution"], shown["report_mode"], shown["inputs"]["chair"]) == ("executive_decisions", "extractive", "王董")


@pytest.mark.parametrize(
    ("order", "code", "pointer"),
    [
        ({"solution": "poetry"}, "unknown_solution", "/solution"),
        ({"solution": "lecture", "inputs": {"matter_no": "7"}}, "unknown_input", "/inputs/matter_no"),
        ({"solution": "legal_consultation", "inputs": {"matter_no": "7" * 41}}, "input_too_long", "/inputs/matter_no"),
        ({"solution": "lecture", "inputs": {"lecture_date": "soon"}}, "input_not_valid", "/inputs/lecture_date"),
        ({"solution": "lecture", "inputs": {"course": 5}}, "invalid_request", "/inputs/*"),
        ({"solution": "verbatim", "report_mode": "llm"}, "mode_not_available", "/report_mode"),
        ({"solution": "action_items", "report_mode": "provider"}, "mode_not_available", "/report_mode"),
        ({"solution": "lecture", "report_mode": "ghost"}, "invalid_request", "/report_mode"),
        ({"solution": "lecture", "report_language": "fr"}, "invalid_request", "/report_language"),
        ({"script": "zh"}, "invalid_request", "/script"),
    ],
)
async def test_an_order_that_makes_no_sense_is_refused_at_once(
    api: ApiClient, order: dict[str, Any], code: str, pointer: str
) -> None:
    """With the value at fault, before anything is stored."""
    answer = await api.http.post("/v1/jobs", json={"audio_url": "https://example.com/a.mp3", **order})
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert (await api.http.get("/v1/jobs")).json()["data"] == []
    assert (await _month(api))[0] == 0


async def test_a_form_carries_inputs_as_json(gateway: RunningGateway, api: ApiClient) -> None:
    """Small recordings come in one request, with everything that a job can be told."""
    upload = {"file": ("a.wav", b"RIFF\x24\x10\x00\x00WAVEfmt " + bytes(4000))}
    fields = {"solution": "legal_consultation", "inputs": '{"matter_no": "2026-117"}', "report_language": "en"}
    answer = await api.http.post("/v1/jobs", files=upload, data=fields)
    assert answer.status_code == 202, answer.text
    assert answer.json()["inputs"] == {"matter_no": "2026-117"}


async def test_the_scenarios_wishes_reach_the_engine_where_it_can_meet_them(gateway: RunningGateway, api: ApiClient) -> None:
    """Number of speakers and key terms are given to an engine that takes them; the job keeps the last word."""
    await OfferStore(pool=gateway.pool, owner=new_id()).publish([ABLE])
    order = await _submitted(gateway, api, solution="legal_consultation", language="zh-Hant", vocabulary=["王小明"])
    assert order.options.speakers is not None
    assert (order.options.speakers.min, order.options.speakers.max) == (2, 4)
    assert order.options.vocabulary == ("王小明", "存證信函", "支付命令", "假扣押", "假處分")
    order = await _submitted(gateway, api, solution="legal_consultation", speakers={"min": 3})
    assert order.options.speakers is not None
    assert (order.options.speakers.min, order.options.speakers.max, order.options.vocabulary) == (3, None, ())


async def test_the_scenarios_are_listed_with_all_that_a_form_needs(api: ApiClient) -> None:
    """Titles, descriptions, sections, inputs, files and old names, in both languages."""
    listed = {solution["id"]: solution for solution in (await api.http.get("/v1/solutions")).json()["data"]}
    assert len(listed) == 10
    legal = (await api.http.get("/v1/solutions/legal_consultation")).json()
    assert legal == listed["legal_consultation"]
    assert (legal["title"]["en"], legal["modes"], legal["allow_cloud_llm"]) == (
        "Legal consultation record",
        ["llm", "extractive"],
        False,
    )
    assert [section["id"] for section in legal["sections"]][-1] == "actions"
    assert legal["sections"][-1]["columns"][2] == {"id": "due", "title": {"zh-Hant": "期限", "en": "Due"}, "type": "date_text"}
    assert legal["sections"][-1]["evidence"] == "required"
    assert legal["inputs"][0]["id"] == "matter_no"
    assert (await api.http.get("/v1/solutions/quick_summary")).json()["aliases"] == ["quick_summary"]
    assert listed["verbatim"]["modes"] == []
    missing = await api.http.get("/v1/solutions/poetry")
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_solution")


async def test_a_report_tells_who_wrote_it_and_what_that_took(gateway: RunningGateway, api: ApiClient) -> None:
    """What was used takes the place of what was allowed in the tenant's month."""
    order = await _submitted(gateway, api, solution="meeting_minutes")
    assert order.options.llm is not None
    assert (order.options.llm.tokens, order.options.llm.cost_usd, order.options.llm.outside) == (1000, "0.50", True)
    assert await _month(api) == (1000, "0.50")
    stage = (await api.job(str(order.job_id)))["stages"]["report"]
    assert (stage["allowance"]["tokens"], stage["mode"], stage["usage"]) == (1000, None, None)

    await _reported(gateway, order, mode=ReportMode.LLM, model="qwen3", usage=USED)
    stage = (await api.job(str(order.job_id)))["stages"]["report"]
    assert (stage["mode"], stage["model"], stage["usage"]["calls"], stage["usage"]["cost_usd"]) == ("llm", "qwen3", 3, "0.0125")
    assert await _month(api) == (250, "0.0125")


async def test_what_an_earlier_attempt_paid_for_is_not_charged_again(gateway: RunningGateway, api: ApiClient) -> None:
    """Another file of the same report is made from the answers that are kept."""
    order = await _submitted(gateway, api, solution="meeting_minutes", formats=["txt"])
    await _reported(gateway, order, mode=ReportMode.LLM, model="qwen3", usage=USED)
    retry = await api.http.post(f"/v1/jobs/{order.job_id}/retry", json={"formats": ["md"]})
    assert retry.status_code == 202, retry.text
    again = await gateway.others.heard(JobSubmitted, str(order.job_id), count=2)
    kept = msgspec.structs.replace(USED, kept_tokens=250, kept_cost_usd="0.0125")
    files = [ready(again, format=one, name=f"report.{one}") for one in (ArtifactFormat.TEXT, ArtifactFormat.MARKDOWN)]
    await gateway.others.say(
        msgspec.structs.replace(report_ready(again, *files), mode=ReportMode.LLM, model="qwen3", usage=kept)
    )
    job = await api.job(str(order.job_id))
    assert (job["state"], job["stages"]["report"]["usage"]["kept_tokens"]) == ("completed", 250)
    assert await _month(api) == (250, "0.0125")


async def test_a_report_without_a_language_model_gives_its_allowance_back(gateway: RunningGateway, api: ApiClient) -> None:
    """So do jobs that end before there is a transcript to ask about."""
    order = await _submitted(gateway, api, solution="meeting_minutes")
    await _reported(gateway, order, mode=ReportMode.EXTRACTIVE)
    assert await _month(api) == (0, "0.00")
    order = await _submitted(gateway, api, solution="meeting_minutes")
    await api.http.post(f"/v1/jobs/{order.job_id}/cancel")
    assert (await _month(api))[0] == 0
    order = await _submitted(gateway, api, solution="meeting_minutes")
    await api.http.delete(f"/v1/jobs/{order.job_id}")
    assert (await _month(api))[0] == 0


async def test_a_report_that_was_begun_is_paid_for_also_when_nobody_waits_for_it(
    gateway: RunningGateway, api: ApiClient
) -> None:
    """Cancelling or deleting a job does not give back what may have been spent; news of what was spent still counts."""
    order = await _submitted(gateway, api, solution="meeting_minutes")
    await gateway.others.transcribe(order)
    await api.http.post(f"/v1/jobs/{order.job_id}/cancel")
    assert (await _month(api))[0] == 1000
    for _ in range(2):
        await _reported(gateway, order, mode=ReportMode.LLM, model="qwen3", usage=USED)
    assert await _month(api) == (250, "0.0125")
    assert (await api.job(str(order.job_id)))["state"] == "cancelled"
    order = await _submitted(gateway, api, solution="meeting_minutes")
    await gateway.others.transcribe(order)
    await api.http.delete(f"/v1/jobs/{order.job_id}")
    assert (await _month(api))[0] == 1250


async def test_the_month_cannot_be_overdrawn_by_jobs_at_the_same_moment(gateway: RunningGateway, api: ApiClient) -> None:
    """Two get all, one gets what is left, the others are written by code; who insists on a language model is refused."""
    uploads = [(await api.upload())["id"] for _ in range(12)]
    made = await asyncio.gather(*(api.create(upload_id=upload, solution="meeting_minutes") for upload in uploads))
    allowed = sorted((job["stages"]["report"]["allowance"] or {"tokens": 0})["tokens"] for job in made)
    assert allowed == [0] * 9 + [500, 1000, 1000]
    assert (await _month(api))[0] == 2500
    upload = (await api.upload())["id"]
    refused = await api.http.post("/v1/jobs", json={"upload_id": upload, "solution": "meeting_minutes", "report_mode": "llm"})
    assert (refused.status_code, refused.json()["code"]) == (422, "llm_budget_spent")
    assert "is used up; ask for report_mode extractive" in refused.json()["detail"]
    assert (await api.create(upload_id=upload, solution="meeting_minutes"))["stages"]["report"]["allowance"] is None


async def test_a_request_that_makes_no_job_costs_no_allowance(gateway: RunningGateway, api: ApiClient) -> None:
    """Neither a repeat by its key nor one whose upload is not there."""
    upload = (await api.upload())["id"]
    order = {"upload_id": upload, "solution": "meeting_minutes"}
    for _ in range(4):
        answer = await api.http.post("/v1/jobs", json=order, headers={"Idempotency-Key": "one"})
        assert answer.status_code == 202
        assert answer.json()["stages"]["report"]["allowance"]["tokens"] == 1000
    assert (await api.http.post("/v1/jobs", json={**order, "upload_id": str(new_id())})).status_code == 422
    assert (await _month(api))[0] == 1000


async def test_an_allowance_that_a_dead_process_left_is_given_back(gateway: RunningGateway, api: ApiClient) -> None:
    """Taken for a job that then was not made, or a retry that did not begin; one whose job is there stays."""
    order = await _submitted(gateway, api, solution="meeting_minutes")
    store, month = AllowanceStore(gateway.pool), dt.datetime.now(dt.UTC).date().replace(day=1)
    wanted, attempt = Ceiling(tokens=500), order.options.attempt + 1
    await store.take(order.tenant_id, month, job_id=order.job_id, attempt=attempt, wanted=wanted, limit=Ceiling())
    assert (await _month(api))[0] == 1500
    await gateway.pool.execute("update gateway.llm_allowances set created_at = now() - interval '2 hours'")
    await store.release_lost()
    assert (await _month(api))[0] == 1000
    await gateway.pool.execute("delete from gateway.jobs where id = $1", order.job_id)
    await store.release_lost()
    assert (await _month(api))[0] == 0


async def test_confidences_and_audio_that_stays_in_the_house_are_read_by_models_in_the_house(
    gateway: RunningGateway, api: ApiClient
) -> None:
    """The scenario's privacy and the tenant's rule about rented engines both keep the text inside."""
    order = await _submitted(gateway, api, solution="legal_consultation")
    assert order.options.llm is not None
    assert order.options.llm.outside is False
    await gateway.pool.execute(
        "insert into transcriber.tenant_rules (tenant_id, rules) values ($1, $2)", order.tenant_id, {"allow_rented": False}
    )
    order = await _submitted(gateway, api, solution="meeting_minutes")
    assert order.options.llm is not None
    assert order.options.llm.outside is False


async def test_another_report_is_had_of_the_transcript_that_is_there(gateway: RunningGateway, api: ApiClient) -> None:
    """Another scenario by an old name, in another language, with a new allowance; late news of the first does not end it."""
    order = await _submitted(gateway, api)
    job_id = str(order.job_id)
    await gateway.others.transcribe(order)
    old = await gateway.others.report(order, ready(order))
    answer = await api.http.post(
        f"/v1/jobs/{job_id}/retry",
        json={"solution": "lecture_course", "report_language": "en", "inputs": {"course": "History"}},
    )
    assert answer.status_code == 202, answer.text
    again = answer.json()
    assert (again["state"], again["run"], again["solution"], again["inputs"]) == (
        "reporting",
        1,
        "lecture",
        {"course": "History"},
    )
    assert again["stages"]["report"]["allowance"]["tokens"] == 1000
    second = await gateway.others.heard(JobSubmitted, job_id, count=2)
    assert (second.run, second.options.attempt, second.options.solution) == (1, 2, "lecture")
    await gateway.others.say(msgspec.structs.replace(old, event_id=new_id()))
    assert (await api.job(job_id))["state"] == "reporting"
    await _reported(gateway, second, mode=ReportMode.LLM, model="qwen3", usage=USED)
    done = await api.job(job_id)
    assert (done["state"], [file["name"] for file in done["artifacts"]]) == ("completed", ["report.txt"])
    assert (await gateway.others.heard(JobCompleted, job_id, count=2)).solution == "lecture"

    nothing = await api.http.post(f"/v1/jobs/{job_id}/retry", json={"solution": "lecture"})
    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing_to_retry")
    for wish, code in (({"solution": "poetry"}, "unknown_solution"), ({"inputs": {"x": "y"}}, "unknown_input")):
        refused = await api.http.post(f"/v1/jobs/{job_id}/retry", json=wish)
        assert (refused.status_code, refused.json()["code"]) == (422, code)
    assert (await _month(api))[0] == 250


async def test_a_retry_keeps_the_inputs_and_the_writer_that_the_new_scenario_has_too(
    gateway: RunningGateway, api: ApiClient
) -> None:
    """What it does not know is forgotten, so that a change of scenario is one word."""
    inputs = {"chair": "王董", "meeting_date": "2026-11-28", "body": "董事會"}
    order = await _submitted(gateway, api, solution="executive_decisions", report_mode="extractive", inputs=inputs)
    await _reported(gateway, order, mode=ReportMode.EXTRACTIVE)
    again = (await api.http.post(f"/v1/jobs/{order.job_id}/retry", json={"solution": "meeting_minutes"})).json()
    assert (again["report_mode"], again["inputs"]) == ("extractive", {"meeting_date": "2026-11-28", "chair": "王董"})
    order = await gateway.others.heard(JobSubmitted, str(order.job_id), count=2)
    await _reported(gateway, order, mode=ReportMode.EXTRACTIVE)
    again = (await api.http.post(f"/v1/jobs/{order.job_id}/retry", json={"solution": "verbatim"})).json()
    assert (again["report_mode"], again["inputs"]) == (None, {})


async def test_the_report_document_is_fetched_like_the_transcript(gateway: RunningGateway, api: ApiClient) -> None:
    """With ranges and validators; there is none before it is written."""
    order = await _submitted(gateway, api, solution="meeting_minutes")
    path = f"/v1/jobs/{order.job_id}/report"
    early = await api.http.get(path)
    assert (early.status_code, early.json()["code"]) == (404, "report_not_ready")
    await gateway.blobs.put(report_key(order.tenant_id, order.job_id, 1), REPORT.read_bytes())
    await _reported(gateway, order, mode=ReportMode.EXTRACTIVE)
    assert (await api.job(str(order.job_id)))["links"]["report"] == path
    answer = await api.http.get(path)
    assert (answer.content, answer.headers["content-type"]) == (REPORT.read_bytes(), "application/json")
    assert (await api.http.get(path, headers={"If-None-Match": answer.headers["etag"]})).status_code == 304
    assert (await api.http.get(path, headers={"Range": "bytes=2-7"})).content == REPORT.read_bytes()[2:8]
    assert (await api.http.get(path, params={"run": 2})).status_code == 404
