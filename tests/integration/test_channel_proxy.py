"""With an egress proxy nothing but the proxy is connected to, and its failures are not the receivers'."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
import trustme

from services.notifier.channels import Answer, Trouble
from services.notifier.channels.posting import Poster
from services.notifier.channels.webhook import WebhookChannel
from shared.egress import EgressPolicy, EgressSettings, guarded_session
from shared.errors import ConfigurationError
from tests.channels import SECRET, message, webhook_to
from tests.proxies import proxy
from tests.receivers import Receiver, receiver, status


def policy(url: str, **settings: Any) -> EgressPolicy:
    """Everything goes through that proxy."""
    return EgressPolicy.of(EgressSettings(egress_proxy=url, egress_allow_http=True, **settings))


async def deliver(
    url: str, rules: EgressPolicy, open_session: Callable[..., aiohttp.ClientSession] = guarded_session
) -> Answer:
    """One webhook."""
    async with Poster(policy=rules, timeout=5, open_session=open_session) as poster:
        return await WebhookChannel(poster).send(message(), webhook_to(url))


def trusting(authority: trustme.CA) -> Callable[..., aiohttp.ClientSession]:
    """A guarded session that trusts a test's certificates."""
    context = ssl.create_default_context()
    authority.configure_trust(context)

    def open_session(rules: EgressPolicy, **arguments: Any) -> aiohttp.ClientSession:
        session = guarded_session(rules, **arguments)
        assert isinstance(session.connector, aiohttp.TCPConnector)
        session.connector._ssl = context
        return session

    return open_session


def address(of: Receiver) -> tuple[str, int]:
    """For the proxy."""
    return ("127.0.0.1", of.port)


async def test_https_goes_through_a_tunnel() -> None:
    """The proxy is told the name and sees nothing else; the certificate is still the receiver's, and checked."""
    authority, serving = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("receiver.example").configure_cert(serving)
    async with receiver(tls=serving) as customer, proxy(address(customer)) as way_out:
        answer = await deliver("https://receiver.example/hook?token=s3cret", policy(way_out.url), trusting(authority))
        impostor = await deliver("https://other.example/hook", policy(way_out.url), trusting(authority))
    assert answer.delivered
    customer.requests[0].verify(SECRET)
    assert way_out.asked == ["CONNECT receiver.example:443 HTTP/1.1", "CONNECT other.example:443 HTTP/1.1"]
    assert impostor.trouble == Trouble(reason="tls_failed")


async def test_names_are_the_proxys_business() -> None:
    """Nothing is looked up here: an internal name server need not know the internet."""
    async with receiver() as customer, proxy(address(customer)) as way_out:
        answer = await deliver("http://does-not-exist.invalid/hook", policy(way_out.url))
    assert answer.delivered
    assert way_out.asked == ["POST http://does-not-exist.invalid/hook HTTP/1.1"]


async def test_the_proxys_password_stays_with_the_proxy() -> None:
    """It is sent there, and neither to the receiver nor into the log."""
    async with receiver() as customer, proxy(address(customer)) as way_out:
        url = way_out.url.replace("://", "://user:hunter2@")
        answer = await deliver("http://receiver.example/", policy(url))
    assert way_out.logins == ["Basic dXNlcjpodW50ZXIy"]
    assert answer.delivered
    assert "hunter2" not in repr(answer)
    assert "dXNlcjpodW50ZXIy" not in repr(answer)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://[::1]:{port}/", "http://169.254.169.254/"]
)
async def test_addresses_inside_are_still_refused_as_text(url: str) -> None:
    """The proxy is not even asked."""
    async with receiver() as canary, proxy(address(canary)) as way_out:
        answer = await deliver(url.format(port=canary.port), policy(way_out.url))
        assert (way_out.asked, canary.connections) == ([], 0)
    assert (answer.trouble, answer.stop) == (Trouble(reason="address_refused"), True)


async def test_only_the_proxy_is_connected_to() -> None:
    """Whatever goes past the session's proxy setting ends at the last gate, public addresses too."""
    async with receiver() as canary, proxy(address(canary)) as way_out:
        async with guarded_session(policy(way_out.url, egress_allow_cidrs="127.0.0.0/8"), total=5) as session:
            session._default_proxy = None
            for url in (f"http://127.0.0.2:{canary.port}/", "http://8.8.8.8/", f"http://localhost:{canary.port}/"):
                with pytest.raises(aiohttp.ClientConnectorError):
                    await session.post(url, data=b"x")
        assert canary.connections == 0


async def test_a_proxy_that_is_away_charges_nobody(unused_tcp_port: int) -> None:
    """Not listening, or with a name that nobody knows."""
    for url in (f"http://127.0.0.1:{unused_tcp_port}", "http://proxy.invalid:3128"):
        for target in ("https://receiver.example/", "http://receiver.example/"):
            answer = await deliver(target, policy(url))
            assert (answer.trouble, answer.stop) == (Trouble(reason="proxy_unavailable", charged=False), False)


@pytest.mark.parametrize(
    ("refusal", "trouble", "stop"),
    [
        (b"HTTP/1.1 407 Login\r\n\r\n", Trouble(reason="proxy_unavailable", charged=False), False),
        (b"HTTP/1.1 405 No CONNECT\r\n\r\n", Trouble(reason="proxy_unavailable", charged=False), False),
        (b"HTTP/1.1 403 Denied\r\n\r\n", Trouble(reason="address_refused"), True),
        (b"HTTP/1.1 407 Denied\r\nX-Smokescreen-Error: private address\r\n\r\n", Trouble(reason="address_refused"), True),
        (b"HTTP/1.1 502 Unreachable\r\n\r\n", Trouble(reason="connection_failed"), False),
        (b"HTTP/1.1 503 Unreachable\r\n\r\n", Trouble(reason="connection_failed"), False),
    ],
)
async def test_what_the_proxy_says(refusal: bytes, trouble: Trouble, stop: bool) -> None:
    """It does not let us in: ours. It may not go there: refused. It cannot reach it: the receiver's."""
    async with proxy(("127.0.0.1", 1), refusal=refusal) as way_out:
        answer = await deliver("https://receiver.example/", policy(way_out.url))
    assert (answer.trouble, answer.stop) == (trouble, stop)


async def test_redirects_and_headers_go_no_other_way() -> None:
    """A redirect is an answer, through the proxy as without it."""
    async with receiver(status(302, Location="http://127.0.0.1:1/")) as customer, proxy(address(customer)) as way_out:
        answer = await deliver("http://receiver.example/", policy(way_out.url))
    assert (answer.status, len(way_out.asked)) == (302, 1)


async def test_a_login_asked_for_in_plain_http_is_ours() -> None:
    """Without a tunnel the proxy answers in the receiver's place."""
    async with proxy(("127.0.0.1", 1), refusal=b"HTTP/1.1 407 Login\r\nContent-Length: 0\r\n\r\n") as way_out:
        answer = await deliver("http://receiver.example/", policy(way_out.url))
    assert answer.trouble == Trouble(reason="proxy_unavailable", charged=False)


@pytest.mark.parametrize("url", ["proxy:3128", "socks5://proxy:1080", "http://", "http://proxy:x", "http://proxy/path"])
def test_mistakes_in_the_setting(url: str) -> None:
    """Are told at the start, without what may be a password."""
    with pytest.raises(ConfigurationError, match="AUDIO2TXT_EGRESS_PROXY"):
        policy(url)
