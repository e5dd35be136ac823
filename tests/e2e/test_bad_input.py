"""Whatever a customer gets wrong has one clear problem, and nothing is lost or leaked by it."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from shared.blobs import BlobStore
from tests.customer import SAMPLE, Customer
from tests.installation import Installation
from tests.recordings import long_silence, silence, silent_film


@pytest.fixture
def installation(one: Installation) -> Installation:
    """What is refused is the same in both sizes; one is enough."""
    return one


async def _upload(customer: Customer, data: bytes, **headers: str) -> httpx.Response:
    return await customer.call(
        "POST", "/v1/uploads", content=data, headers={"Content-Type": "application/octet-stream", **headers}
    )


def _expect(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    problem: dict[str, Any] = answer.json()
    assert problem["code"] == code, problem
    assert problem["detail"].endswith(".")
    assert problem["request_id"]
    return problem


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"", 422, "empty_file"),
        (b"Dear Sir or Madam, this is a letter and no recording at all.\n" * 20, 415, "not_audio"),
        (b"<html><body>Not found</body></html>" * 20, 415, "not_audio"),
        (b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n" * 10, 415, "not_audio"),
        (b"PK\x03\x04" + b"\x00" * 2000, 415, "not_audio"),
    ],
    ids=["empty", "letter", "html", "playlist", "zip"],
)
async def test_what_is_no_recording_is_refused_at_the_door(customer: Customer, data: bytes, status: int, code: str) -> None:
    """Text renamed .mp3, pages, playlists and archives never reach a decoder."""
    _expect(await _upload(customer, data), status, code)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (silent_film, "no_audio_track"),
        (lambda: silence(5), "no_speech"),
        (lambda: SAMPLE.read_bytes()[:600], "damaged_audio"),
        (lambda: b"ID3\x04\x00\x00\x00\x00\x00\x00" + b"This only looks like an MP3. " * 400, "damaged_audio"),
    ],
    ids=["silent film", "silence", "nothing but a header", "text behind an ID3 tag"],
)
async def test_a_recording_nobody_can_hear_fails_with_its_reason(customer: Customer, make: Any, code: str) -> None:
    """The job fails with a code of its own and a sentence; it never invents words."""
    job = await customer.must_submit(await asyncio.to_thread(make), language="en")
    done = await customer.must_end(job["id"])
    assert done["state"] == "failed"
    assert done["failure"]["code"] == code, done["failure"]
    assert done["failure"]["message"].endswith(".")
    assert not done["failure"]["retryable"]


async def test_a_truncated_recording_gives_what_can_be_heard(customer: Customer) -> None:
    """Half a file is half a transcript, and says so."""
    whole = SAMPLE.read_bytes()
    job = await customer.must_submit(whole[: len(whole) // 2], language="en")
    done = await customer.must_end(job["id"])
    assert done["state"] == "completed", done["failure"]
    assert "best of times" in (await customer.artifact(done, "transcript.txt")).decode().lower()


async def test_a_bomb_of_25_hours_is_refused_by_its_length(customer: Customer) -> None:
    """A small file that decodes to more than a day costs seconds, not hours."""
    job = await customer.must_submit(await asyncio.to_thread(long_silence, 25), language="en")
    done = await customer.must_end(job["id"])
    assert done["failure"]["code"] == "audio_too_long", done


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"solution": "no_such_scenario"}, "unknown_solution"),
        ({"language": "klingon"}, "unknown_language"),
        ({"formats": ["exe"]}, "invalid_request"),
        ({"colour": "red"}, "invalid_request"),
        ({"callback_url": "http://169.254.169.254/latest/meta-data"}, "address_refused"),
        ({"callback_url": "ftp://example.org/x"}, "url_scheme"),
    ],
    ids=["solution", "language", "format", "unknown field", "metadata address", "scheme"],
)
async def test_an_order_that_makes_no_sense_is_refused_and_the_upload_stays(
    customer: Customer, change: dict[str, Any], code: str
) -> None:
    """A wrong order names what is wrong; the upload it was about can still be used."""
    upload_id = await customer.must_upload(SAMPLE.read_bytes())
    answer = await customer.call("POST", "/v1/jobs", json={"upload_id": upload_id, **change})
    assert answer.status_code in (400, 422)
    _expect(answer, answer.status_code, code)
    assert (await customer.must_create(upload_id=upload_id, engine="scripted"))["id"] == upload_id


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://127.0.0.2/a.mp3", "address_refused"),
        ("https://10.0.0.8/a.mp3", "address_refused"),
        ("https://[::1]/a.mp3", "address_refused"),
        ("https://2130706434/a.mp3", "url_invalid"),
        ("https://0x7f.2/a.mp3", "url_invalid"),
    ],
)
async def test_audio_at_a_private_address_is_refused_at_once(customer: Customer, url: str, code: str) -> None:
    """The gateway fetches nothing inside the house for anybody, however the address is spelt."""
    _expect(await customer.call("POST", "/v1/jobs", json={"audio_url": url}), 422, code)


async def test_audio_behind_a_name_that_means_a_private_address_fails_the_job(customer: Customer) -> None:
    """What only resolving shows is refused where it is resolved, without telling what the name means."""
    answer = await customer.call("POST", "/v1/jobs", json={"audio_url": "https://localhost:4443/a.mp3"})
    if answer.status_code == 422:
        _expect(answer, 422, "address_refused")
        return
    done = await customer.must_end(answer.json()["id"])
    assert done["failure"]["code"] in ("address_refused", "download_failed")
    assert "127.0.0.1" not in done["failure"]["message"]


async def test_broken_json_is_one_clear_problem(customer: Customer) -> None:
    """A body that is no JSON names the place where it breaks."""
    headers = {"Content-Type": "application/json"}
    answer = await customer.call("POST", "/v1/jobs", content=b'{"upload_id": ', headers=headers)
    _expect(answer, 400, "invalid_json")


async def test_a_wrong_key_learns_nothing(installation: Installation) -> None:
    """No key, a wrong one and a malformed one get the same answer; so does whoever is nobody's e-mail and password."""
    async with httpx.AsyncClient(base_url=installation.url) as http:
        wrong = installation.api_key[:-1] + ("a" if installation.api_key[-1] != "a" else "b")
        for headers in ({}, {"Authorization": f"Bearer {wrong}"}, {"Authorization": "Bearer a2t_x"}):
            problem = _expect(await http.get("/v1/jobs", headers=headers), 401, "unauthorized")
            assert "a2t_" not in str(problem)
        _expect(await http.get("/v1/jobs", headers={"Authorization": "Basic eDp5"}), 401, "sign_in_failed")


async def test_a_body_over_the_limit_is_refused_before_it_is_read(customer: Customer) -> None:
    """The announced length is enough to refuse it, and the connection is closed instead of read to its end."""
    address = urlsplit(customer.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    key = customer.http.headers["Authorization"]
    writer.write(
        f"POST /v1/uploads HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\nContent-Type: audio/wav\r\n"
        f"Content-Length: {10**13}\r\n\r\nRIFF".encode()
    )
    async with asyncio.timeout(30):
        answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 413")
    assert b'"code":"too_large"' in answer


async def test_what_was_refused_leaves_no_blob(customer: Customer, store: BlobStore) -> None:
    """A refused upload leaves nothing in the store."""
    before = {info.key async for info in store.list("t/")}
    _expect(await _upload(customer, b"Dear Sir or Madam, this is a letter.\n" * 100), 415, "not_audio")
    assert {info.key async for info in store.list("t/")} == before


async def test_an_unfit_engine_is_named(customer: Customer) -> None:
    """An engine that does not exist is refused with those that do, before there is a job."""
    upload_id = await customer.must_upload(SAMPLE.read_bytes())
    problem = await _refused(customer, "unknown_engine", upload_id=upload_id, engine="alexander")
    assert "local" in problem["detail"]
    await customer.must_create(upload_id=upload_id, engine="scripted")


async def test_a_language_the_model_does_not_speak_is_named(customer: Customer) -> None:
    """The default model speaks English; asked for Chinese it says so and who does."""
    upload_id = await customer.must_upload(SAMPLE.read_bytes())
    problem = await _refused(customer, "language_not_supported", upload_id=upload_id, engine="local", language="zh-Hant")
    assert problem["engines"] == ["scripted"]


async def test_a_wish_that_the_engine_cannot_grant_is_named(customer: Customer) -> None:
    """It is not left out silently."""
    upload_id = await customer.must_upload(SAMPLE.read_bytes())
    problem = await _refused(customer, "feature_not_supported", upload_id=upload_id, engine="scripted", analyses=["topics"])
    assert problem["errors"][0]["pointer"] == "/analyses"


async def _refused(customer: Customer, code: str, **order: Any) -> dict[str, Any]:
    return _expect(await customer.call("POST", "/v1/jobs", json=order), 422, code)
