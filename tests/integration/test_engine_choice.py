"""Choosing among engines, as tenants meet it over HTTP and operators set it with the command."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from services.gateway import choosing
from services.gateway.store.tenants import TenantStore
from services.transcriber.offers import OfferStore
from services.transcriber.publishing import Publisher
from services.transcriber.rules import RulesStore
from shared import migrations
from shared.schemas.engines import Capabilities, EngineOffer, Feature, RedactionLimits, VocabularyLimits
from shared.schemas.events import JobSubmitted, TranscriptionState
from shared.schemas.ids import new_id
from shared.schemas.jobs import Analysis, Failure, Redaction, RedactionSubstitute, SpeakerRange
from tests.gatewaying import WAV, ApiClient, RunningGateway, ready, running_gateway
from tests.operating import Operator

OWN_KEY = "tenants-own-key-9876"
LOCAL = EngineOffer(
    name="local",
    rented=False,
    is_default=True,
    models=("base.en",),
    capabilities=Capabilities(languages=frozenset({"en", "de"}), features=frozenset({Feature.SPEAKERS})),
)
GRAND = EngineOffer(
    name="grand",
    rented=True,
    capabilities=Capabilities(
        features=frozenset(Feature),
        analyses=frozenset({Analysis.ENTITIES, Analysis.TOPICS}),
        redaction=RedactionLimits(categories=frozenset({"person_name"}), unredacted=frozenset({Analysis.SUMMARY})),
        vocabulary=VocabularyLimits(terms=3),
        largest_bytes=4000,
        keeps_copies=True,
    ),
)
KEYLESS = EngineOffer(name="deepgram", rented=True, has_key=False, capabilities=Capabilities())
OFFERS = (LOCAL, GRAND, KEYLESS)

MISUSES: tuple[tuple[dict[str, Any], str, str, list[str]], ...] = (
    ({"engine": "alexander"}, "unknown_engine", "/engine", ["grand", "local"]),
    ({"engine": "deepgram"}, "engine_key_missing", "/engine", ["grand", "local"]),
    ({"language": "zh-Hant"}, "language_not_supported", "/language", ["grand"]),
    ({"channels": True}, "feature_not_supported", "/channels", ["grand"]),
    ({"analyses": ["topics"]}, "feature_not_supported", "/analyses", ["grand"]),
    ({"analyses": ["chapters"]}, "feature_not_supported", "/analyses", []),
    ({"redaction": {"categories": ["person_name"]}}, "feature_not_supported", "/redaction", ["grand"]),
    (
        {"engine": "grand", "redaction": {"categories": ["person_nam"]}},
        "redaction_not_supported",
        "/redaction/categories",
        [],
    ),
    (
        {"engine": "grand", "redaction": {"categories": ["person_name"]}, "analyses": ["summary"]},
        "redaction_not_supported",
        "/analyses",
        [],
    ),
    ({"engine": "grand", "vocabulary": ["a", "b", "c", "d"]}, "too_many_terms", "/vocabulary", []),
    ({"engine": "grand", "vocabulary": ["a b c d e f g"]}, "term_too_long", "/vocabulary", []),
    ({"audio_url": "https://example.com/a.mp3", "language": "zh"}, "language_not_supported", "/language", ["grand"]),
)

MISTYPED = (
    (("rules", "nobody"), "There is no tenant 'nobody'; there are: acme."),
    (("rules", "acme", "--engine", "alexander"), "There is no engine 'alexander'"),
    (("rules", "acme", "--engine", "grand", "--rented", "no"), "cannot both have the engine grand"),
    (("rules", "acme", "--vocabulary", "no-such-file"), "no-such-file cannot be read"),
    (("key", "acme", "local"), "Tenants cannot bring a key of 'local', only of: assemblyai, deepgram, openai."),
)

NONSENSE: tuple[tuple[dict[str, Any], str], ...] = (
    ({"speakers": {"min": 4, "max": 2}}, "/speakers"),
    ({"speakers": {"count": 2}}, "/speakers/count"),
    ({"speakers": {"min": 0}}, "/speakers/min"),
    ({"vocabulary": ["a", " \u200b "]}, "/vocabulary/1"),
    ({"vocabulary": ["x" * 101]}, "/vocabulary/0"),
    ({"redaction": {"categories": ["person_name"], "substitue": "hash"}}, "/redaction/substitue"),
    ({"redaction": {"categories": ["Person Name"]}}, "/redaction/categories/0"),
    ({"analyses": ["horoscope"]}, "/analyses/0"),
)


@pytest.fixture
async def gateway(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RunningGateway]:
    """A gateway that looks at once what transcribers offer; none has offered anything yet."""
    monkeypatch.setattr(choosing, "KNOWN_SECONDS", 0.0)
    async with running_gateway(database_url, tmp_path / "gateway") as running:
        await migrations.apply(running.pool, "transcriber")
        yield running


@pytest.fixture
async def offered(gateway: RunningGateway) -> OfferStore:
    """A transcriber's offers, made."""
    store = OfferStore(pool=gateway.pool, owner=new_id())
    await store.publish(OFFERS)
    return store


@pytest.fixture
def operator(database_url: str, tmp_path: Path) -> Operator:
    """An operator of the gateway's installation."""
    return Operator(command="engines", database_url=database_url, folder=tmp_path)


async def _refusal(api: ApiClient, **order: Any) -> dict[str, Any]:
    source = {} if {"upload_id", "audio_url"} & order.keys() else {"upload_id": (await api.upload())["id"]}
    answer = await api.http.post("/v1/jobs", json={**source, **order})
    assert answer.status_code == 422, answer.text
    problem: dict[str, Any] = answer.json()
    return problem


async def _names(api: ApiClient) -> list[tuple[str, bool]]:
    listed = (await api.http.get("/v1/engines")).json()["data"]
    return [(engine["name"], engine["default"]) for engine in listed]


async def test_the_engines_a_tenant_may_use_are_listed(api: ApiClient, offered: OfferStore) -> None:
    """With what each can do and the default marked; not those that nobody has a key for."""
    del offered
    grand, local = (await api.http.get("/v1/engines")).json()["data"]
    assert (grand["name"], grand["rented"], grand["default"], grand["own_key"]) == ("grand", True, False, False)
    assert (grand["languages"], grand["analyses"], grand["largest_bytes"]) == (None, ["entities", "topics"], 4000)
    assert grand["redaction"] == {
        "categories": ["person_name"],
        "category_languages": {},
        "substitutes": ["category", "hash"],
        "needs_language": False,
        "unredacted": ["summary"],
    }
    assert local["redaction"] is None
    assert grand["vocabulary"] == {"terms": 3, "words": 6}
    assert (local["name"], local["rented"], local["default"], local["models"]) == ("local", False, True, ["base.en"])
    assert (local["languages"], local["features"], local["vocabulary"]) == (["de", "en"], ["speakers"], None)


async def test_what_no_engine_can_is_refused_before_the_job_exists(
    gateway: RunningGateway, api: ApiClient, offered: OfferStore
) -> None:
    """The problem points to the wish and names the engines that could; the upload can be used again."""
    del offered
    upload = await api.upload()
    problem = await _refusal(api, upload_id=upload["id"], speakers={"min": 2, "max": 4})
    assert (problem["code"], problem["engines"]) == ("feature_not_supported", ["grand"])
    assert problem["errors"][0]["pointer"] == "/speakers"
    assert problem["detail"].startswith("The engine local cannot be told how many people speak; choose")
    assert await gateway.pool.fetchval("select count(*) from gateway.jobs") == 0
    job = await api.create(upload_id=upload["id"], engine="grand", speakers={"min": 2, "max": 4})
    assert job["speakers"] == {"min": 2, "max": 4}


async def test_each_misuse_has_its_problem(api: ApiClient, offered: OfferStore) -> None:
    """One code, one pointer, and the way out."""
    del offered
    for order, code, pointer, engines in MISUSES:
        problem = await _refusal(api, **order)
        assert (problem["code"], problem["errors"][0]["pointer"], problem.get("engines", [])) == (code, pointer, engines)


async def test_nothing_is_estimated_of_an_engine_that_could_not_do_it(api: ApiClient, offered: OfferStore) -> None:
    """One that is not there, or whose key is lacking, is refused as a job would be."""
    del offered
    for engine, code in (("alexander", "unknown_engine"), ("deepgram", "engine_key_missing")):
        answer = await api.http.post("/v1/estimates", json={"duration_ms": 60_000, "engine": engine})
        assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    assert (await api.http.post("/v1/estimates", json={"duration_ms": 60_000, "engine": "grand"})).status_code == 200


async def test_a_wish_that_makes_no_sense_is_refused(api: ApiClient, offered: OfferStore) -> None:
    """Misspelt parts of a wish are not dropped either."""
    del offered
    for order, pointer in NONSENSE:
        problem = await _refusal(api, engine="grand", **order)
        assert (problem["code"], problem["errors"][0]["pointer"]) == ("invalid_request", pointer)


async def test_wishes_travel_to_the_transcriber(gateway: RunningGateway, api: ApiClient, offered: OfferStore) -> None:
    """Cleaned, none of them twice, and shown on the job as they were asked for."""
    del offered
    job = await api.create(
        engine="grand",
        speakers={"max": 3},
        vocabulary=["Audio2txt", " Dr.  Chen ", "Audio2txt"],
        channels=True,
        redaction={"categories": ["person_name"], "substitute": "hash", "audio": True},
        analyses=["topics", "entities", "topics"],
    )
    options = (await gateway.others.heard(JobSubmitted, job["id"])).options
    assert options.speakers == SpeakerRange(max=3)
    assert options.vocabulary == ("Audio2txt", "Dr. Chen")
    assert options.channels
    assert options.redaction == Redaction(categories=("person_name",), substitute=RedactionSubstitute.HASH, audio=True)
    assert options.analyses == (Analysis.TOPICS, Analysis.ENTITIES)
    assert job["vocabulary"] == ["Audio2txt", "Dr. Chen"]
    assert (job["channels"], job["redaction"]["audio"], job["analyses"]) == (True, True, ["topics", "entities"])
    assert (await api.create(engine="grand", speakers={}))["speakers"] is None


@pytest.mark.parametrize(
    ("fields", "speakers", "vocabulary"),
    [
        ({"speakers": "2", "vocabulary": ["a, b", "c"]}, {"min": 2, "max": 2}, ["a, b", "c"]),
        ({"speakers": "2-4", "vocabulary": '["a", "b"]'}, {"min": 2, "max": 4}, ["a", "b"]),
        ({"speakers": '{"min": 2}', "vocabulary": "Dr. Chen"}, {"min": 2, "max": None}, ["Dr. Chen"]),
    ],
)
async def test_a_form_can_ask_for_the_same(
    api: ApiClient, offered: OfferStore, fields: dict[str, Any], speakers: dict[str, Any], vocabulary: list[str]
) -> None:
    """In a form's own ways: ranges, repeated fields, commas, JSON where it must be."""
    del offered
    more = {
        "engine": "grand",
        "channels": "true",
        "analyses": "topics, entities",
        "redaction": '{"categories": ["person_name"]}',
    }
    answer = await api.http.post("/v1/jobs", data={**more, **fields}, files={"file": ("a.wav", WAV + bytes(100))})
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert (job["speakers"], job["vocabulary"], job["channels"]) == (speakers, vocabulary, True)
    assert (job["analyses"], job["redaction"]["categories"]) == (["topics", "entities"], ["person_name"])


@pytest.mark.parametrize(
    ("field", "pointer"),
    [({"speakers": "a few"}, "/speakers"), ({"channels": "2"}, "/channels"), ({"redaction": "person_name"}, "/redaction")],
)
async def test_a_form_field_that_cannot_be_read_is_named(
    gateway: RunningGateway, api: ApiClient, field: dict[str, str], pointer: str
) -> None:
    """And the recording that came with it is not kept."""
    answer = await api.http.post("/v1/jobs", data=field, files={"file": ("a.wav", WAV + bytes(100))})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    assert [info.key async for info in gateway.blobs.list("t/")] == []


async def test_a_file_too_large_for_the_engine_is_refused(api: ApiClient, offered: OfferStore) -> None:
    """Its size is known from the upload, so nothing is sent to a provider in vain."""
    del offered
    upload = await api.upload(WAV + bytes(5000))
    problem = await _refusal(api, upload_id=upload["id"], engine="grand")
    assert (problem["code"], problem["engines"], problem["errors"][0]["pointer"]) == ("file_too_large", ["local"], "/upload_id")
    await api.create(upload_id=upload["id"])


async def test_a_tenant_s_audio_stays_in_the_house(
    gateway: RunningGateway, api: ApiClient, offered: OfferStore, operator: Operator
) -> None:
    """Rented engines are neither listed nor taken, while other tenants have them as before."""
    del offered
    assert "audio stays in the house" in await operator.must("rules", "acme", "--rented", "no")
    assert await _names(api) == [("local", True)]
    problem = await _refusal(api, engine="grand", language="en")
    assert (problem["code"], problem["engines"]) == ("engine_forbidden", ["local"])
    await api.create()
    async with await gateway.new_tenant("other") as http:
        await ApiClient(http).create(engine="grand")
    await operator.must("rules", "acme", "--rented", "yes")
    await api.create(engine="grand")


async def test_a_tenant_keeps_its_work_in_the_house_by_itself(
    gateway: RunningGateway, api: ApiClient, offered: OfferStore
) -> None:
    """Over the API, from the next request on, for jobs, retries and language models, and for the transcriber's last look;
    what the operator has forbidden stays forbidden. Other tenants have everything as before."""
    del offered
    waiting = await api.create(engine="grand")
    order = await gateway.others.heard(JobSubmitted, waiting["id"])
    llm = '{"tokens": 5, "outside": true}'
    await gateway.pool.execute("update gateway.jobs set options = jsonb_set(options, '{llm}', $1::text::jsonb)", llm)
    assert (await api.http.get("/v1/policy")).json() == {"outside": True}
    assert (await api.http.put("/v1/policy", json={"outside": False})).json() == {"outside": False}
    assert await _names(api) == [("local", True)]
    problem = await _refusal(api, engine="grand", language="en")
    assert (problem["code"], problem["engines"]) == ("engine_forbidden", ["local"])
    assert not (await RulesStore(gateway.pool).of(order.tenant_id)).allow_rented
    assert await gateway.pool.fetchval("select options #>> '{llm,outside}' from gateway.jobs") == "false"
    await gateway.others.progress(order, TranscriptionState.FAILED, failure=Failure(code="x", message="It broke."))
    assert (await api.http.post(f"/v1/jobs/{waiting['id']}/retry")).json()["code"] == "engine_forbidden"
    async with await gateway.new_tenant("other") as http:
        await ApiClient(http).create(engine="grand")
    await api.http.put("/v1/policy", json={"outside": True})
    await api.create(engine="grand")


async def test_a_tenant_s_engine_does_the_jobs_that_name_none(api: ApiClient, offered: OfferStore, operator: Operator) -> None:
    """Until the operator leaves it to the deployment again."""
    del offered
    await operator.must("rules", "acme", "--engine", "grand")
    assert await _names(api) == [("grand", True), ("local", False)]
    await api.create(speakers={"min": 2})
    await operator.must("rules", "acme", "--no-engine")
    assert (await _refusal(api, speakers={"min": 2}))["code"] == "feature_not_supported"


async def test_a_tenant_s_own_key_opens_an_engine(
    gateway: RunningGateway, api: ApiClient, offered: OfferStore, operator: Operator
) -> None:
    """For that tenant alone. Of the key nothing is shown but its end."""
    del offered
    said = await operator.must("key", "acme", "deepgram", typed=f"{OWN_KEY}\n")
    assert OWN_KEY not in said
    assert ("deepgram", False) in await _names(api)
    await api.create(engine="deepgram")
    async with await gateway.new_tenant("other") as http:
        assert (await _refusal(ApiClient(http), engine="deepgram"))["code"] == "engine_key_missing"
    listed = await operator.must()
    assert "acme: the deployment's engine, own key of deepgram (…9876)" in listed
    assert OWN_KEY[:-4] not in listed
    await operator.must("key", "acme", "deepgram", "--remove")
    assert (await _refusal(api, engine="deepgram"))["code"] == "engine_key_missing"


async def test_the_operator_sees_engines_accounts_and_tenants(
    gateway: RunningGateway, api: ApiClient, offered: OfferStore, operator: Operator, tmp_path: Path
) -> None:
    """What is offered, who waits and why, and what tenants have decided, in one list."""
    del offered
    tenant_id = UUID((await api.http.get("/v1/account")).json()["tenant"]["id"])
    await gateway.pool.execute(
        "insert into transcriber.accounts (engine, account_id, tenant_id, reason, message, paused_until) values "
        "('grand', 'x', $1, 'key_refused', 'The provider refuses the key.', now() + interval '1 hour'), "
        "('grand', 'y', null, 'throttled', 'Too many requests.', now() - interval '1 hour')",
        tenant_id,
    )
    (tmp_path / "terms.txt").write_text("Dr. Chen\n\n  Audio2txt \nDr. Chen\n", encoding="utf-8")
    await operator.must("rules", str(tenant_id), "--vocabulary", "terms.txt")
    listed = await operator.must()
    assert "local        in the house, default; speakers" in listed
    assert "deepgram     rented, only for tenants with their own key" in listed
    assert "acme, until" in listed
    assert "key_refused, The provider refuses the key." in listed
    assert "Too many requests" not in listed
    assert "acme: the deployment's engine, 2 key terms" in listed
    assert "2 key terms" not in await operator.must("rules", "acme", "--no-vocabulary")


async def test_what_the_operator_mistypes_is_explained(api: ApiClient, offered: OfferStore, operator: Operator) -> None:
    """In one sentence, and nothing is changed."""
    del api, offered
    for arguments, said in MISTYPED:
        outcome = await operator.run(*arguments, typed=OWN_KEY)
        assert outcome.status == 2
        assert said in outcome.err
    assert "acme" not in await operator.must()


async def test_an_empty_key_is_not_kept(api: ApiClient, offered: OfferStore, operator: Operator) -> None:
    """As when the file behind `<` was empty."""
    del api, offered
    outcome = await operator.run("key", "acme", "deepgram", typed="\n")
    assert outcome.status == 2
    assert "That is no key" in outcome.err


async def test_a_failed_job_is_retried_with_another_engine_from_the_kept_audio(
    gateway: RunningGateway, api: ApiClient, offered: OfferStore
) -> None:
    """In the next run, without another upload, if that engine can do the job; so is a completed one."""
    del offered
    job = await api.create(engine="grand", vocabulary=["Audio2txt"])
    order = await gateway.others.heard(JobSubmitted, job["id"])
    await gateway.others.progress(order, TranscriptionState.FAILED, failure=Failure(code="x", message="It broke."))
    refused = await api.http.post(f"/v1/jobs/{job['id']}/retry", json={"engine": "local"})
    assert (refused.status_code, refused.json()["code"]) == (422, "feature_not_supported")
    assert (await api.job(job["id"]))["state"] == "failed"

    other = await api.create(engine="grand")
    order = await gateway.others.heard(JobSubmitted, other["id"])
    await gateway.others.progress(order, TranscriptionState.FAILED, failure=Failure(code="x", message="It broke."))
    again = (await api.http.post(f"/v1/jobs/{other['id']}/retry", json={"engine": "local"})).json()
    assert (again["state"], again["run"], again["engine"]) == ("queued", 2, "local")
    second = await gateway.others.heard(JobSubmitted, other["id"], count=2)
    assert (second.run, second.options.engine, second.source_key) == (2, "local", order.source_key)
    await gateway.others.transcribe(second, engine="local")
    await gateway.others.report(second, ready(second))
    assert (await api.job(other["id"]))["state"] == "completed"
    third = (await api.http.post(f"/v1/jobs/{other['id']}/retry", json={"engine": "grand"})).json()
    assert (third["state"], third["run"]) == ("queued", 3)

    retry = f"/v1/jobs/{job['id']}/retry"
    for nonsense, code in (
        ({"language": "klingon"}, "unknown_language"),
        ({"speakers": {"min": 3, "max": 2}}, "invalid_request"),
    ):
        answer = await api.http.post(retry, json=nonsense)
        assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    wishes = {"engine": "grand", "vocabulary": [], "language": "DE", "speakers": {"min": 2, "max": 3}, "script": "zh-Hans"}
    shown = (await api.http.post(retry, json=wishes)).json()
    assert {name: shown[name] for name in wishes} == {**wishes, "language": "de"}
    options = (await gateway.others.heard(JobSubmitted, job["id"], count=2)).options
    assert (options.language, options.vocabulary, options.speakers) == ("de", (), SpeakerRange(min=2, max=3))


async def test_a_retry_keeps_to_the_rules_of_today(
    gateway: RunningGateway, api: ApiClient, offered: OfferStore, operator: Operator
) -> None:
    """What was allowed when the job was made is not allowed for ever; further formats need no engine."""
    del offered
    failed = await api.create(engine="grand")
    order = await gateway.others.heard(JobSubmitted, failed["id"])
    await gateway.others.progress(order, TranscriptionState.FAILED, failure=Failure(code="x", message="It broke."))
    done = await api.create(engine="grand", formats=["txt"])
    order = await gateway.others.heard(JobSubmitted, done["id"])
    await gateway.others.transcribe(order, engine="grand")
    await gateway.others.report(order, ready(order))
    await operator.must("rules", "acme", "--rented", "no")
    assert (await api.http.post(f"/v1/jobs/{failed['id']}/retry")).json()["code"] == "engine_forbidden"
    assert (await api.http.post(f"/v1/jobs/{failed['id']}/retry", json={"engine": "local"})).status_code == 202
    assert (await api.http.post(f"/v1/jobs/{done['id']}/retry", json={"formats": ["pdf"]})).status_code == 202


async def test_a_repeated_request_gets_its_job_although_engines_have_changed(
    gateway: RunningGateway, api: ApiClient, offered: OfferStore, operator: Operator
) -> None:
    """A client that lost the answer asks again, and must not be told that there is no job."""
    del gateway, offered
    order = {"upload_id": (await api.upload())["id"], "engine": "grand"}
    first = await api.http.post("/v1/jobs", json=order, headers={"Idempotency-Key": "one"})
    await operator.must("rules", "acme", "--rented", "no")
    again = await api.http.post("/v1/jobs", json=order, headers={"Idempotency-Key": "one"})
    assert (again.status_code, again.json()) == (202, first.json())


async def test_without_any_offer_the_transcriber_decides(api: ApiClient, gateway: RunningGateway) -> None:
    """A gateway that was started first takes jobs; so does one that does not understand a newer transcriber."""
    assert await _names(api) == []
    await api.create(engine="alexander")
    newer = msgspec.to_builtins(GRAND) | {"capabilities": {"features": ["telepathy"]}}
    await gateway.pool.execute(
        "insert into transcriber.engine_offers (owner, name, offer) values ($1, 'grand', $2)", new_id(), newer
    )
    await api.create(engine="alexander")


async def test_a_gateway_alone_takes_jobs(database_url: str, tmp_path: Path) -> None:
    """Before anything of a transcriber is in the database."""
    async with running_gateway(database_url, tmp_path) as gateway, await gateway.new_tenant("acme") as http:
        await ApiClient(http).create(engine="grand")
        assert (await http.get("/v1/engines")).json() == {"data": []}


async def test_what_was_offered_last_stands_while_transcribers_restart(
    gateway: RunningGateway, api: ApiClient, offered: OfferStore
) -> None:
    """Orderly or not, and however long it takes; the next to start brings the new truth at once."""
    await offered.withdraw()
    assert await _names(api) == [("grand", False), ("local", True)]
    await gateway.pool.execute("update transcriber.engine_offers set seen_at = seen_at - interval '20 minutes'")
    assert await _names(api) == [("grand", False), ("local", True)]
    await OfferStore(pool=gateway.pool, owner=new_id()).publish((LOCAL,))
    assert await _names(api) == [("local", True)]


async def test_a_process_offers_its_engines_while_it_runs(gateway: RunningGateway, api: ApiClient) -> None:
    """At once; and stands back when it ends, so that what only it could do is not offered beside others."""
    await OfferStore(pool=gateway.pool, owner=new_id()).publish((LOCAL,))
    publisher = Publisher(store=OfferStore(pool=gateway.pool, owner=new_id()), offers=(GRAND, LOCAL))
    running = asyncio.create_task(publisher.run())
    async with asyncio.timeout(30):
        while await _names(api) != [("grand", False), ("local", True)]:
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert await _names(api) == [("local", True)]


async def test_where_processes_differ_the_newest_is_right(gateway: RunningGateway, api: ApiClient) -> None:
    """As while a deployment is replaced step by step."""
    await OfferStore(pool=gateway.pool, owner=new_id()).publish((LOCAL, GRAND))
    now_default = msgspec.structs.replace(GRAND, is_default=True)
    no_default = msgspec.structs.replace(LOCAL, is_default=False)
    await OfferStore(pool=gateway.pool, owner=new_id()).publish((now_default, no_default))
    assert await _names(api) == [("grand", True), ("local", False)]


async def test_answers_stay_known_for_a_few_seconds(
    gateway: RunningGateway, api: ApiClient, offered: OfferStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A busy tenant's jobs do not each read the same rows again."""
    monkeypatch.setattr(choosing, "KNOWN_SECONDS", 60.0)
    del offered
    before = await _names(api)
    await gateway.pool.execute("delete from transcriber.engine_offers")
    assert await _names(api) == before


async def test_tenants_are_found_by_name(gateway: RunningGateway) -> None:
    """For operators, who know no ids."""
    tenants = TenantStore(gateway.pool)
    tenant_id = await tenants.add("週報社")
    assert [(row.id, row.name) for row in await tenants.all()] == [(tenant_id, "週報社")]
