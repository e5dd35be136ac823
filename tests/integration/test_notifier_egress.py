"""No trick leads a request to an address that is not allowed: a canary listens there and must see no connection."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiodns
import aiohttp
import pycares
import pytest
import pytest_asyncio
from prometheus_client import REGISTRY

from services.notifier.channels import Answer, Trouble
from services.notifier.channels.chats import ChatChannel
from services.notifier.channels.chats.ntfy import Ntfy
from services.notifier.channels.posting import Poster
from services.notifier.channels.webhook import WebhookChannel
from shared.egress import EgressPolicy, EgressSettings, EgressTrouble, guarded_session, trouble_of
from shared.egress.connector import guard_request, guarded_connector
from shared.schemas.endpoints import EndpointKind, NtfyDestination
from tests.attacks import ATTACKS
from tests.channels import message, to, told, webhook_to
from tests.receivers import Receiver, raw, receiver, status
from tests.resolving import Answers

INTERNET = EgressPolicy(allow_http=True)
"""Public addresses only; plain http, so that nothing but the address can be what is refused."""

LISTED = EgressPolicy.of(EgressSettings(egress_allow_cidrs="127.0.0.2/32"))
"""127.0.0.2 is the customer's receiver, 127.0.0.1 is what must not be reached."""


@pytest_asyncio.fixture
async def canary() -> AsyncIterator[Receiver]:
    """Listens on 127.0.0.1, and on ::1 where there is one, and fails the test when anybody connects."""
    async with receiver() as canary:
        server = None
        if socket.has_ipv6:
            try:
                server = await asyncio.start_server(canary.serve, "::1", canary.port)
            except OSError:
                server = None  # this machine has no IPv6 loopback
        yield canary
        if server is not None:
            server.close()
        await asyncio.sleep(0)
        assert canary.connections == 0


@asynccontextmanager
async def session_asking(resolver: Answers, policy: EgressPolicy) -> AsyncIterator[aiohttp.ClientSession]:
    """A guarded session with that name server, which asks it every time."""
    connector = guarded_connector(policy, resolver)
    connector._use_dns_cache = False
    async with aiohttp.ClientSession(connector=connector, middlewares=(guard_request(policy),)) as session:
        yield session


async def trouble_with(session: aiohttp.ClientSession, url: str) -> EgressTrouble:
    """What is wrong with a request that must fail."""
    with pytest.raises(Exception, match=r".*") as caught:
        await session.post(url, data=b"x")
    return trouble_of(caught.value)


async def deliver(url: str, policy: EgressPolicy) -> Answer:
    """One webhook."""
    async with Poster(policy=policy, timeout=5) as poster:
        return await WebhookChannel(poster).send(message(), webhook_to(url))


@pytest.mark.parametrize("attack", ATTACKS.split())
async def test_no_spelling_reaches_loopback(canary: Receiver, attack: str) -> None:
    """A webhook to it is refused for good, without a connection."""
    answer = await deliver(attack.format(port=canary.port), INTERNET)
    assert (answer.status, answer.trouble, answer.stop) == (None, Trouble(reason="address_refused"), True)


@pytest.mark.parametrize("attack", ATTACKS.split())
async def test_no_spelling_of_an_ntfy_server_reaches_loopback(canary: Receiver, attack: str) -> None:
    """The only chat whose server customers choose."""
    url = attack.format(port=canary.port).rstrip("/") + "/topic"
    async with Poster(policy=INTERNET, timeout=5) as poster:
        channel = ChatChannel(Ntfy(), poster=poster, solutions={})
        answer = await channel.send(told(), to(EndpointKind.NTFY, NtfyDestination(url=url)))
    assert (answer.status, answer.delivered, answer.stop) == (None, False, True)


@pytest.mark.parametrize("attack", ATTACKS.split())
async def test_no_spelling_reaches_loopback_when_only_the_connector_guards(canary: Receiver, attack: str) -> None:
    """The last gate holds alone: without the check of the URL's text, nothing gets through either."""
    async with aiohttp.ClientSession(connector=guarded_connector(INTERNET)) as session:
        with pytest.raises((aiohttp.ClientError, ValueError)):
            await session.post(attack.format(port=canary.port), data=b"x")


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::", "::ffff:0:7f00:1", "64:ff9b::7f00:1", "fe80::1%lo"]
)
async def test_a_name_that_leads_inside(canary: Receiver, address: str) -> None:
    """Whatever family and form the answer has; a public answer beside it does not help."""
    for answer in ([address], ["8.8.8.8", address], [address, "8.8.8.8"]):
        async with session_asking(Answers(answer), INTERNET) as session:
            assert await trouble_with(session, f"http://receiver.example:{canary.port}/") is EgressTrouble.REFUSED


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (["127.0.0.2"], "found"),
        (["127.0.0.1"], "refused"),
        (aiodns.error.DNSError(pycares.errno.ARES_ENOTFOUND, "no such name"), "not_found"),
        (aiodns.error.DNSError(pycares.errno.ARES_ETIMEOUT, "nobody answers"), "timed_out"),
        (aiodns.error.DNSError(pycares.errno.ARES_ECONNREFUSED, "nobody listens"), "resolver_away"),
        (aiodns.error.DNSError(pycares.errno.ARES_ESERVFAIL, "broken zone"), "failed"),
    ],
)
async def test_looking_up_names_is_timed_by_what_came_of_it(answer: list[str] | Exception, outcome: str) -> None:
    """Operators see whether their name servers answer."""

    def counted() -> float:
        return REGISTRY.get_sample_value("audio2txt_dns_seconds_count", {"outcome": outcome}) or 0

    before = counted()
    async with receiver(host="127.0.0.2") as customer, session_asking(Answers(answer), LISTED) as session:
        url = f"http://receiver.example:{customer.port}/"
        if outcome == "found":
            assert (await session.post(url, data=b"x")).status == 204
        else:
            await trouble_with(session, url)
    assert counted() == before + 1


async def test_a_name_that_moves_inside_between_requests(canary: Receiver) -> None:
    """Each connection is judged for itself: DNS rebinding gains nothing."""
    async with receiver(status(200, Connection="close"), host="127.0.0.2") as customer:
        names = Answers(["127.0.0.2"], ["127.0.0.1"])
        async with session_asking(names, LISTED) as session:
            async with session.post(f"http://receiver.example:{customer.port}/", data=b"x") as response:
                assert response.status == 200
            assert await trouble_with(session, f"http://receiver.example:{canary.port}/") is EgressTrouble.REFUSED
    assert names.asked == 2


async def test_a_listed_host_may_have_other_addresses(canary: Receiver) -> None:
    """An internal name that also has addresses elsewhere is connected to at the listed one only."""
    async with receiver(host="127.0.0.2") as customer:
        for answer in (["127.0.0.1", "127.0.0.2"], ["::1", "127.0.0.2"]):
            async with session_asking(Answers(answer), LISTED) as session:
                response = await session.post(f"http://receiver.example:{customer.port}/", data=b"x")
                assert response.status == 204
    assert canary.connections == 0


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_redirects_do_not_lead_inside(canary: Receiver, code: int) -> None:
    """Webhooks follow none; a download that follows them is checked at each hop."""
    location = f"http://127.0.0.1:{canary.port}/"
    async with receiver(status(code, Location=location), host="127.0.0.2") as customer:
        assert (await deliver(customer.url, LISTED)).status == code
        async with guarded_session(LISTED, total=5) as session:
            assert await trouble_with(session, customer.url) is EgressTrouble.REFUSED


async def test_plain_http_only_to_listed_networks(canary: Receiver) -> None:
    """A name is accepted over http because it may lead to a listed network; when it does not, nothing is sent."""
    async with session_asking(Answers(["8.8.8.8"]), LISTED) as session:
        assert await trouble_with(session, "http://receiver.example:8080/") is EgressTrouble.REFUSED


async def test_names_of_hosts_files_work_for_listed_networks() -> None:
    """`localhost` is no name of the DNS; where the operator lists loopback it is found all the same."""
    policy = EgressPolicy.of(EgressSettings(egress_allow_cidrs="127.0.0.0/8"))
    async with receiver() as customer:
        assert (await deliver(f"http://localhost:{customer.port}/", policy)).status == 204


async def test_a_name_that_does_not_exist() -> None:
    """Told apart from a refusal, as it may exist tomorrow."""
    answer = await deliver("https://does-not-exist.invalid/", EgressPolicy())
    assert (answer.trouble, answer.stop) == (Trouble(reason="name_not_found"), False)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A key and a certificate for receiver.example, signed by itself."""
    path = tmp_path / "receiver.pem"
    subject = ["-subj", "/CN=receiver.example", "-addext", "subjectAltName=DNS:receiver.example"]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    subprocess.run([*command, *subject, "-keyout", path, "-out", tmp_path / "certificate"], check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + (tmp_path / "certificate").read_bytes())
    return path


async def test_tls_is_for_the_name_and_not_the_address(certificate: Path) -> None:
    """The certificate must be trusted and made out to the URL's host, although we connect to a checked address."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate)
    names: list[str | None] = []
    serving.sni_callback = lambda _socket, name, _context: names.append(name)
    trusting = ssl.create_default_context(cafile=str(certificate))

    async with receiver(host="127.0.0.2", tls=serving) as customer, session_asking(Answers(["127.0.0.2"]), LISTED) as session:
        url = f"https://receiver.example:{customer.port}/"
        async with session.post(url, data=b"x", ssl=trusting) as response:
            assert response.status == 204
        with pytest.raises(aiohttp.ClientError) as untrusted:
            await session.post(url, data=b"x")
        with pytest.raises(aiohttp.ClientError) as other_name:
            await session.post(url.replace("receiver", "other"), data=b"x", ssl=trusting)
    assert [trouble_of(caught.value) for caught in (untrusted, other_name)] == [EgressTrouble.TLS, EgressTrouble.TLS]
    assert names == ["receiver.example", "receiver.example", "other.example"]
    assert customer.requests[0].headers["host"] == f"receiver.example:{customer.port}"


async def test_a_receiver_that_is_no_web_server() -> None:
    """Told as such, and may be one tomorrow."""
    async with receiver(raw(b"220 mail ESMTP\r\n"), host="127.0.0.2") as customer:
        answer = await deliver(customer.url, LISTED)
    assert (answer.trouble, answer.stop) == (Trouble(reason="answer_invalid"), False)


async def test_a_name_server_that_is_away(unused_tcp_port: int) -> None:
    """That is ours, and told apart from a name that does not exist: nobody is charged for it."""
    nobody = aiohttp.AsyncResolver(nameservers=[f"127.0.0.1:{unused_tcp_port}"], timeout=1, tries=1)
    async with aiohttp.ClientSession(connector=guarded_connector(INTERNET, nobody)) as session:
        trouble = await trouble_with(session, "http://receiver.example/")
    assert (trouble, trouble.ours) == (EgressTrouble.RESOLVER, True)
