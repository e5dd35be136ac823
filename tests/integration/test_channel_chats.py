"""Chats against servers that answer as Slack, Teams, Discord, Telegram and ntfy do, over TLS under their names."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
import pytest
import trustme

from services.notifier.channels import Answer
from services.notifier.channels.chats import ChatChannel
from services.notifier.channels.opening import CHATS
from services.notifier.channels.posting import Poster
from shared.egress import EgressPolicy, EgressSettings
from shared.egress.connector import guard_request, guarded_connector
from shared.schemas.endpoints import (
    ChatDestination,
    Destination,
    DisabledReason,
    EndpointKind,
    EventType,
    NtfyDestination,
    TelegramDestination,
)
from shared.schemas.jobs import ArtifactState, FileFormat
from shared.solutions import load_solutions
from tests.channels import FAILED, JOB, artifact, to, told
from tests.receivers import Behaviour, Receiver, receiver, status
from tests.resolving import Answers

LISTED = EgressPolicy.of(EgressSettings(egress_allow_cidrs="127.0.0.2/32"))
SECRET_PATH = "/services/T000/B000/s3cr3tS3cr3t"
TOKEN = "123456:AAsecretsecretsecretsecret"

HOSTS = {
    EndpointKind.SLACK: "hooks.slack.com",
    EndpointKind.TEAMS: "prod-1.westeurope.logic.azure.com",
    EndpointKind.DISCORD: "discord.com",
    EndpointKind.TELEGRAM: "api.telegram.org",
    EndpointKind.NTFY: "ntfy.example",
}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Vouches for the chats' names."""
    return trustme.CA()


@asynccontextmanager
async def chat(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, kind: EndpointKind, *behaviours: Behaviour
) -> AsyncIterator[tuple[Receiver, ChatChannel, Destination]]:
    """A chat of that kind, what writes to it, and where to."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOSTS[kind]).configure_cert(serving)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)

    def open_session(policy: EgressPolicy, *, total: float, traces: Any) -> aiohttp.ClientSession:
        connector = guarded_connector(policy, Answers(["127.0.0.2"]))
        connector._ssl = trusting
        return aiohttp.ClientSession(connector=connector, middlewares=(guard_request(policy),), trace_configs=list(traces))

    async with (
        receiver(*behaviours, host="127.0.0.2", tls=serving) as server,
        Poster(policy=LISTED, timeout=5, open_session=open_session) as poster,
    ):
        monkeypatch.setattr("services.notifier.channels.chats.telegram.API", f"https://api.telegram.org:{server.port}")
        channel = ChatChannel(CHATS[kind], poster=poster, solutions=load_solutions())
        yield server, channel, destination_of(kind, server.port)


def destination_of(kind: EndpointKind, port: int) -> Destination:
    """Where that kind of chat is reached in these tests."""
    match kind:
        case EndpointKind.TELEGRAM:
            return TelegramDestination(bot_token=TOKEN, chat_id="-1001234")
        case EndpointKind.NTFY:
            return NtfyDestination(url=f"https://ntfy.example:{port}/my-s3cr3t-topic", token="tk_secret")
        case _:
            return ChatDestination(url=f"https://{HOSTS[kind]}:{port}{SECRET_PATH}?sig=s3cr3tSig")


Case = tuple[EndpointKind, Behaviour]
CONTENT: dict[EndpointKind, tuple[str, ...]] = {
    EndpointKind.SLACK: ("blocks", "text", "unfurl_links"),
    EndpointKind.TEAMS: ("attachments", "type"),
    EndpointKind.DISCORD: ("allowed_mentions", "embeds"),
    EndpointKind.TELEGRAM: ("chat_id", "disable_notification", "link_preview_options", "text"),
    EndpointKind.NTFY: ("click", "message", "priority", "tags", "title", "topic"),
}


@pytest.mark.parametrize("kind", list(CONTENT))
async def test_a_notice_arrives(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, kind: EndpointKind) -> None:
    """JSON in the chat's own form, with title, files and link; in the log there is nothing secret."""
    async with chat(authority, monkeypatch, kind) as (server, channel, destination):
        answer = await channel.send(told(), to(kind, destination, language="zh-Hant"))
    (request,) = server.requests
    document = msgspec.json.decode(request.body)
    assert tuple(sorted(document)) == CONTENT[kind]
    shown = request.body.decode()
    for text in ("錄音已轉成文字", "週會：預算與人事", "minutes.pdf", f"https://audio2txt.example/v1/jobs/{JOB}"):
        assert text in shown.replace("\\\\", "").replace("\\", "")
    assert answer.delivered
    assert_nothing_secret(answer)


@pytest.mark.parametrize("kind", list(CONTENT))
@pytest.mark.parametrize("type_", [EventType.JOB_FAILED, EventType.ENDPOINT_TEST, EventType.JOB_PROGRESSED])
async def test_other_news_arrives(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, kind: EndpointKind, type_: EventType
) -> None:
    """Failures say why; a test is just a test."""
    async with chat(authority, monkeypatch, kind) as (server, channel, destination):
        await channel.send(told(type_, failure=FAILED, artifacts=(), url=None, progress=0.5), to(kind, destination))
    body = server.requests[0].body.decode().replace("\\\\", "")
    assert ("no speech" in body) == (type_ is not EventType.ENDPOINT_TEST)


@pytest.mark.parametrize(
    ("kind", "behaviour", "disabled"),
    [
        (EndpointKind.SLACK, status(404, b"no_service"), True),
        (EndpointKind.SLACK, status(410, b"channel_is_archived"), True),
        (EndpointKind.SLACK, status(403, b"invalid_token"), True),
        (EndpointKind.SLACK, status(403, b"action_prohibited"), False),
        (EndpointKind.TEAMS, status(401), True),
        (EndpointKind.TEAMS, status(404), True),
        (EndpointKind.TEAMS, status(502), False),
        (EndpointKind.DISCORD, status(404, b'{"message": "Unknown Webhook", "code": 10015}'), True),
        (EndpointKind.DISCORD, status(500), False),
        (EndpointKind.TELEGRAM, status(403, b'{"ok":false,"description":"Forbidden: bot was blocked by the user"}'), True),
        (EndpointKind.TELEGRAM, status(400, b'{"ok":false,"description":"Bad Request: chat not found"}'), True),
        (EndpointKind.TELEGRAM, status(401, b'{"ok":false,"description":"Unauthorized"}'), True),
        (EndpointKind.TELEGRAM, status(502, b"<html>"), False),
        (EndpointKind.NTFY, status(403, b'{"code":40301,"http":403,"error":"forbidden"}'), False),
    ],
)
async def test_nobody_left_to_write_to(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, kind: EndpointKind, behaviour: Behaviour, disabled: bool
) -> None:
    """Each chat says in its own way that a webhook, bot or channel is gone; other failures are tried again."""
    async with chat(authority, monkeypatch, kind, behaviour) as (_, channel, destination):
        answer = await channel.send(told(), to(kind, destination))
    assert not answer.delivered
    assert (answer.stop, answer.disable) == ((True, DisabledReason.GONE) if disabled else (False, None))


@pytest.mark.parametrize(
    ("kind", "behaviour", "seconds"),
    [
        (EndpointKind.SLACK, status(429, b"rate_limited", Retry_After="30"), 30),
        (EndpointKind.TEAMS, status(429, Retry_After="17"), 17),
        (EndpointKind.DISCORD, status(429, b'{"message": "rate limited", "retry_after": 64.57, "global": false}'), 64.57),
        (EndpointKind.DISCORD, status(429, b'{"retry_after": 1.5}', Retry_After="2"), 2),
        (EndpointKind.DISCORD, status(429, b'{"retry_after": "soon"}'), None),
        (EndpointKind.TELEGRAM, status(429, b'{"ok":false,"error_code":429,"parameters":{"retry_after":8}}'), 8),
        (EndpointKind.TELEGRAM, status(429, b'{"ok":false,"parameters":[]}'), None),
        (EndpointKind.NTFY, status(429, b'{"code":42901,"http":429}', Retry_After="5"), 5),
    ],
)
async def test_waits_are_understood(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, kind: EndpointKind, behaviour: Behaviour, seconds: float | None
) -> None:
    """In the header, or where the chat puts them."""
    async with chat(authority, monkeypatch, kind, behaviour) as (_, channel, destination):
        answer = await channel.send(told(), to(kind, destination))
    assert (answer.retry_after, answer.stop) == (seconds, False)


@pytest.mark.parametrize("kind", [EndpointKind.SLACK, EndpointKind.TEAMS, EndpointKind.DISCORD, EndpointKind.TELEGRAM])
async def test_what_is_refused_as_it_is_is_not_sent_again(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, kind: EndpointKind
) -> None:
    """400 means that the message is not liked, which waiting does not change."""
    async with chat(authority, monkeypatch, kind, status(400, b"invalid_payload")) as (_, channel, destination):
        answer = await channel.send(told(), to(kind, destination))
    assert (answer.stop, answer.disable) == (True, None)


@pytest.mark.parametrize("kind", list(CONTENT))
async def test_secrets_that_come_back_are_masked(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, kind: EndpointKind
) -> None:
    """A server that says back what it was asked does not put the secret into our log."""
    echo = f"{SECRET_PATH} s3cr3tSig {TOKEN} tk_secret my-s3cr3t-topic".encode()
    async with chat(authority, monkeypatch, kind, status(500, echo)) as (_, channel, destination):
        answer = await channel.send(told(), to(kind, destination))
    assert answer.excerpt
    own = {EndpointKind.TELEGRAM: TOKEN, EndpointKind.NTFY: "tk_secret"}.get(kind, "s3cr3tS3cr3t")
    assert own.encode() not in answer.excerpt


@pytest.mark.parametrize("kind", [EndpointKind.SLACK, EndpointKind.TEAMS, EndpointKind.DISCORD])
@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/hooks.slack.com",
        "https://hooks.slack.com.evil.example/x",
        "https://hooks.slack.com@evil.example/x",
        "http://hooks.slack.com/x",
        "https://[::1/x",
        "https://discord.com.evil.example/api/webhooks/1/x",
        "https://evil.example?.logic.azure.com/",
    ],
)
async def test_hosts_of_others_are_refused(kind: EndpointKind, url: str) -> None:
    """Whatever the gateway let through: what is written for a chat is posted to that chat."""
    async with Poster(policy=LISTED, timeout=5) as poster:
        channel = ChatChannel(CHATS[kind], poster=poster, solutions=load_solutions())
        answer = await channel.send(told(), to(kind, ChatDestination(url=url)))
    assert answer.trouble is not None
    assert (answer.trouble.reason, answer.stop) == ("host_not_accepted", True)


async def test_tokens_cannot_write_headers() -> None:
    """A token with a line break in it goes nowhere."""
    destination = NtfyDestination(url="https://ntfy.example/topic", token="tk\r\nHost: inside")
    async with Poster(policy=LISTED, timeout=5) as poster:
        channel = ChatChannel(CHATS[EndpointKind.NTFY], poster=poster, solutions=load_solutions())
        answer = await channel.send(told(), to(EndpointKind.NTFY, destination))
    assert answer.trouble is not None
    assert (answer.trouble.reason, answer.stop) == ("header_invalid", True)


async def test_titles_cannot_write_markup(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recording's name calls nobody and links nowhere."""
    title = "<!channel> @everyone [x](https://evil.example) **b** <https://evil.example|x>"
    files = (artifact("a|b>c](x).pdf", FileFormat.PDF, 3, ArtifactState.READY),)
    message = told(title=title, artifacts=files)
    async with chat(authority, monkeypatch, EndpointKind.SLACK) as (server, channel, destination):
        await channel.send(message, to(EndpointKind.SLACK, destination))
    slack = msgspec.json.decode(server.requests[0].body)
    assert "<!channel>" not in slack["text"]
    marked = [block["text"] for block in slack["blocks"] if block.get("text", {}).get("type") == "mrkdwn"]
    assert marked
    assert not any("<" in block["text"] for block in marked)
    async with chat(authority, monkeypatch, EndpointKind.DISCORD) as (server, channel, destination):
        await channel.send(message, to(EndpointKind.DISCORD, destination))
    discord = msgspec.json.decode(server.requests[0].body)
    assert discord["allowed_mentions"] == {"parse": []}
    assert r"\[x\]\(https\:" in discord["embeds"][0]["fields"][0]["value"]


@pytest.mark.parametrize("kind", list(CONTENT))
async def test_the_longest_notice_fits(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, kind: EndpointKind) -> None:
    """Within what each chat takes: Discord 6,000 characters and 1,024 a field, Telegram 4,096, ntfy 4,096 bytes, Slack 3,000 a
    section."""
    files = tuple(artifact(f"{'很長的檔名' * 20}-{number}.pdf", FileFormat.PDF, 10**9) for number in range(40))
    failure = msgspec.structs.replace(FAILED, message="很長的原因。" * 500)
    message = told(EventType.JOB_FAILED, title="標題" * 300, artifacts=files, failure=failure)
    async with chat(authority, monkeypatch, kind) as (server, channel, destination):
        await channel.send(message, to(kind, destination))
    document = msgspec.json.decode(server.requests[0].body)
    match kind:
        case EndpointKind.DISCORD:
            fields = document["embeds"][0]["fields"]
            assert all(len(field["value"]) <= 1024 for field in fields)
            assert sum(len(field["name"] + field["value"]) for field in fields) < 5500
        case EndpointKind.TELEGRAM:
            assert len(document["text"]) <= 4096
        case EndpointKind.NTFY:
            assert len(document["message"].encode()) <= 4096
        case EndpointKind.SLACK:
            texts = [block["text"]["text"] for block in document["blocks"] if block["type"] == "section" and "text" in block]
            assert all(len(text) <= 3000 for text in texts)
        case _:
            assert len(server.requests[0].body) < 28 * 1024  # of what a workflow's message may be


def assert_nothing_secret(answer: Answer) -> None:
    """In nothing that goes into the log."""
    logged = repr((answer.request_headers, answer.request_body, answer.response_headers, answer.excerpt, answer.trouble))
    for secret in ("s3cr3t", TOKEN, "tk_secret"):
        assert secret not in logged
