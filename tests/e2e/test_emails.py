"""E-mails in both sizes, from setting up an address to its reader's no: what comes into the mailbox, and what its links do."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.customer import SAMPLE, Customer
from tests.installation import Installation, distributed_settings, fresh_bucket
from tests.mailing import MailServer, mail_server, settled

PUBLIC = "https://audio2txt.example"
QUICK = {"engine": "scripted", "formats": ["txt"]}


@pytest_asyncio.fixture
async def server() -> AsyncIterator[MailServer]:
    """The operator's mail server, which knows no `gone@example.com`."""
    async with mail_server(unknown=("gone@example.com",)) as server:
        yield server


@pytest_asyncio.fixture(params=["one", "four"])
async def customer(request: pytest.FixtureRequest, server: MailServer, tmp_path: Path) -> AsyncIterator[Customer]:
    """A customer of an installation that sends e-mails."""
    settings = {
        "AUDIO2TXT_PUBLIC_URL": PUBLIC,
        "AUDIO2TXT_SMTP_URL": f"smtp://127.0.0.1:{server.port}?starttls=off",
        "AUDIO2TXT_MAIL_FROM": "Audio2txt <notices@example.com>",
    }
    if request.param == "four":
        stores = request.getfixturevalue("seaweed_server")
        settings |= distributed_settings(
            database_url=request.getfixturevalue("postgres_server").create_database(),
            bus_url=request.getfixturevalue("rabbitmq_server").create_vhost(),
            blobs_url=stores.blobs_url(fresh_bucket()),
            s3=stores.credentials,
        )
    async with (
        Installation(folder=tmp_path, settings=settings, together=request.param == "one") as installation,
        Customer(lambda: installation.url, installation.api_key) as customer,
    ):
        yield customer


async def press(customer: Customer, server: MailServer, path: str) -> None:
    """Follow a link of the newest e-mail, and press the button there."""
    part = server.mails[-1].get_body(("plain",))
    assert part is not None
    (link,) = re.findall(rf"{PUBLIC}({path}[\w-]{{43}})\b", part.get_content())
    async with httpx.AsyncClient(base_url=customer.url) as reader:
        assert "<button>" in (await reader.get(link)).text
        assert (await reader.post(link)).status_code == 200


async def job(customer: Customer) -> None:
    """Something to write about."""
    made = await customer.must_submit(SAMPLE.read_bytes(), **QUICK)
    await customer.must_end(made["id"])


async def until_suppressed(customer: Customer, endpoint: dict[str, Any]) -> None:
    """The mail server's word has come through."""
    async with asyncio.timeout(60):
        while not (await customer.must("GET", "/v1/suppressions"))["data"]:
            await asyncio.sleep(0.1)
    assert await _state(customer, endpoint) == "suppressed"


async def test_an_address_from_the_question_to_the_no(customer: Customer, server: MailServer) -> None:
    """Asked, and silent until the yes; told after it; silent again after the no. The tenant can but have it asked again."""
    made: dict[str, Any] = await customer.must(
        "POST", "/v1/endpoints", json={"kind": "email", "address": "chen@example.com", "language": "zh-Hant"}
    )
    await settled(lambda: len(server.letters) == 1)
    await job(customer)
    await press(customer, server, "/c/")
    assert await _state(customer, made) == "enabled"
    await job(customer)
    await settled(lambda: len(server.letters) == 2)
    await press(customer, server, "/u/")
    assert await _state(customer, made) == "suppressed"
    await job(customer)

    page = await customer.must("GET", "/v1/suppressions")
    assert [(one["address"], one["reason"]) for one in page["data"]] == [("chen@example.com", "unsubscribed")]
    await customer.must("DELETE", f"/v1/suppressions/{page['data'][0]['id']}")
    assert await _state(customer, made) == "unconfirmed"

    gone = await customer.must("POST", "/v1/endpoints", json={"kind": "email", "address": "gone@example.com"})
    await until_suppressed(customer, gone)
    page = await customer.must("GET", "/v1/suppressions")
    assert [(one["address"], one["reason"]) for one in page["data"]] == [("gone@example.com", "no_such_address")]
    assert [str(mail["Subject"]).partition("：")[0] for mail in server.mails] == ["請確認您的電子郵件地址", "已完成"]


async def _state(customer: Customer, endpoint: dict[str, Any]) -> str:
    return str((await customer.must("GET", f"/v1/endpoints/{endpoint['id']}"))["state"])
