"""Webhooks on real sockets: what receivers get and verify, and what becomes of what they answer."""

from __future__ import annotations

import time
from base64 import b64decode
from collections.abc import AsyncIterator

import msgspec
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook, WebhookVerificationError
from svix.webhooks import Webhook as SvixWebhook

from services.notifier.channels import Trouble
from services.notifier.channels.posting import Poster
from services.notifier.channels.webhook import WebhookChannel
from shared.egress import EgressPolicy, EgressSettings
from shared.schemas.endpoints import DisabledReason, Signature, WebhookDestination
from shared.signing import endpoint_key_pair, endpoint_secret
from tests.channels import ENDPOINT, SECRET, message, webhook_to
from tests.receivers import Request, drop, raw, receiver, status

LOOPBACK = EgressPolicy.of(EgressSettings(egress_allow_cidrs="127.0.0.0/8"))
MASTER = b"m" * 32


@pytest_asyncio.fixture
async def webhooks() -> AsyncIterator[WebhookChannel]:
    """A channel that may talk to loopback."""
    async with Poster(policy=LOOPBACK, timeout=5) as poster:
        yield WebhookChannel(poster)


async def test_what_a_receiver_gets(webhooks: WebhookChannel) -> None:
    """The message's bytes and id, signed at the time of the attempt; the log shows what was sent."""
    async with receiver() as customer:
        answer = await webhooks.send(message(), webhook_to(customer.url))
    (request,) = customer.requests
    request.verify(SECRET)
    assert request.body == answer.request_body == message().body
    assert request.headers["webhook-id"] == message().id
    assert abs(int(request.headers["webhook-timestamp"]) - time.time()) < 60
    assert request.headers["content-type"] == "application/json"
    assert (answer.status, answer.delivered, answer.trouble, answer.stop) == (204, True, None, False)
    assert answer.request_headers["webhook-signature"] == request.headers["webhook-signature"]


async def test_a_rotation(webhooks: WebhookChannel) -> None:
    """Both official libraries accept the message with the old and with the new secret, and refuse it altered."""
    old, new = endpoint_secret(MASTER, ENDPOINT, 1), endpoint_secret(MASTER, ENDPOINT, 2)
    async with receiver() as customer:
        await webhooks.send(message(), webhook_to(customer.url, secrets=(new, old)))
    (request,) = customer.requests
    assert request.headers["webhook-signature"].count("v1,") == 2
    for secret in (old, new):
        Webhook(secret).verify(request.body, request.headers)
        SvixWebhook(secret).verify(request.body, request.headers)
        for altered in (request.body + b" ", request.body.replace(b"title", b"Title")):
            with pytest.raises(WebhookVerificationError):
                Webhook(secret).verify(altered, request.headers)
        for name in ("webhook-id", "webhook-timestamp"):
            with pytest.raises(WebhookVerificationError):
                Webhook(secret).verify(request.body, request.headers | {name: request.headers[name][:-1] + "x"})
    with pytest.raises(WebhookVerificationError):
        Webhook(endpoint_secret(MASTER, ENDPOINT, 3)).verify(request.body, request.headers)


async def test_v1a_beside_v1(webhooks: WebhookChannel) -> None:
    """Receivers that know only one of the schemes find theirs, during a rotation too."""
    pairs = [endpoint_key_pair(MASTER, ENDPOINT, number) for number in (2, 1)]
    keys = tuple(pair.private for pair in pairs)
    both = (Signature.V1, Signature.V1A)
    async with receiver() as customer:
        await webhooks.send(message(), webhook_to(customer.url, signatures=both, private_keys=keys))
    (request,) = customer.requests
    request.verify(SECRET)
    _, newer, older = request.headers["webhook-signature"].split(" ")
    for pair, signature in zip(pairs, (newer, older), strict=True):
        verify_v1a(pair.public, signature, request)


async def test_v1a_alone(webhooks: WebhookChannel) -> None:
    """By the endpoint's choice no shared secret is used at all."""
    pair = endpoint_key_pair(MASTER, ENDPOINT, 1)
    alone = webhook_to("", signatures=(Signature.V1A,), secrets=(), private_keys=(pair.private,))
    async with receiver() as customer:
        await webhooks.send(message(), msgspec.structs.replace(alone, destination=WebhookDestination(url=customer.url)))
    (request,) = customer.requests
    verify_v1a(pair.public, request.headers["webhook-signature"], request)


async def test_nothing_leaves_unsigned(webhooks: WebhookChannel) -> None:
    """To have nothing to sign with is a fault of ours, not a request without a signature."""
    async with receiver() as customer:
        with pytest.raises(ValueError, match="sign"):
            await webhooks.send(message(), webhook_to(customer.url, secrets=()))
    assert not customer.requests


async def test_the_customers_own_headers(webhooks: WebhookChannel) -> None:
    """They are sent, and nobody who reads the log sees their values, even where the receiver says them back."""
    secret = "Bearer abcdef-123456"
    async with receiver(status(500, f"bad token {secret}".encode(), X_Got=secret)) as customer:
        answer = await webhooks.send(message(), webhook_to(customer.url, headers={"Authorization": secret, "X-Env": "prod"}))
    (request,) = customer.requests
    request.verify(SECRET)
    assert (request.headers["authorization"], request.headers["x-env"]) == (secret, "prod")
    assert (answer.request_headers["Authorization"], answer.request_headers["X-Env"]) == ("***", "***")
    assert answer.excerpt == b"bad token ***"
    assert answer.response_headers["x-got"] == "***"


@pytest.mark.parametrize("headers", [{"Webhook-Id": "msg_mine"}, {"Host": "inside"}, {"X": "a\r\nY: b"}])
async def test_headers_that_may_not_be_sent(webhooks: WebhookChannel, headers: dict[str, str]) -> None:
    """Wherever they come from, nothing is sent with them, and waiting does not help."""
    async with receiver() as customer:
        answer = await webhooks.send(message(), webhook_to(customer.url, headers=headers))
    assert not customer.connections
    assert answer.stop
    assert answer.trouble is not None
    assert answer.trouble.reason.startswith("header_")


@pytest.mark.parametrize("code", [301, 400, 404, 429, 500, 503])
async def test_refusals(webhooks: WebhookChannel, code: int) -> None:
    """Anything but 2xx is a failure named after its status, redirects too; the wait asked for is passed on."""
    async with receiver(status(code, b"no", Retry_After="7", Location="http://127.0.0.1:1/")) as customer:
        answer = await webhooks.send(message(), webhook_to(customer.url))
    assert (answer.status, answer.delivered, answer.excerpt) == (code, False, b"no")
    assert answer.trouble == Trouble(reason=f"http_{code}")
    assert (answer.retry_after, answer.stop, answer.disable) == (7, False, None)


@pytest.mark.parametrize("code", [200, 400])
@pytest.mark.parametrize("wish", ["disable", "Disable", "abort-message, disable"])
async def test_disable(webhooks: WebhookChannel, wish: str, code: int) -> None:
    """The receiver can say that it wants nothing more, with whatever status."""
    async with receiver(status(code, webhook_delivery=wish)) as customer:
        answer = await webhooks.send(message(), webhook_to(customer.url))
    assert (answer.delivered, answer.stop, answer.disable) == (code == 200, True, DisabledReason.GONE)


async def test_gone(webhooks: WebhookChannel) -> None:
    """410 says the same."""
    async with receiver(status(410)) as customer:
        answer = await webhooks.send(message(), webhook_to(customer.url))
    assert (answer.stop, answer.disable) == (True, DisabledReason.GONE)


async def test_abort(webhooks: WebhookChannel) -> None:
    """The receiver can say that it does not want this message again."""
    async with receiver(status(422, webhook_delivery="abort-message")) as customer:
        answer = await webhooks.send(message(), webhook_to(customer.url))
    assert (answer.delivered, answer.stop, answer.disable) == (False, True, None)


async def test_cookies_of_receivers_are_not_kept(webhooks: WebhookChannel) -> None:
    """Neither sent to anybody again nor written into the log."""
    async with receiver(status(200, Set_Cookie="session=secret")) as customer:
        answer = await webhooks.send(message(), webhook_to(customer.url))
        await webhooks.send(message(), webhook_to(customer.url))
    assert answer.response_headers["set-cookie"] == "***"
    assert "cookie" not in customer.requests[1].headers


async def test_connections_are_kept_and_stale_ones_cost_nothing(webhooks: WebhookChannel) -> None:
    """Two messages take one connection; one that the receiver has dropped meanwhile is replaced without an attempt."""
    async with receiver(status(204), status(204), drop(), status(204)) as customer:
        for _ in range(3):
            assert (await webhooks.send(message(), webhook_to(customer.url))).delivered
    assert (len(customer.requests), customer.connections) == (4, 2)


async def test_a_flood_of_headers(webhooks: WebhookChannel) -> None:
    """An answer with more headers than the client reads is none; what it reads the log keeps in part."""
    many = b"".join(b"x-%d: %s\r\n" % (number, b"y" * 4000) for number in range(2000))
    some = b"".join(b"x-%d: %s\r\n" % (number, b"y" * 600) for number in range(100))
    flood = b"HTTP/1.1 200 OK\r\n" + many + b"Content-Length: 0\r\n\r\n"
    shower = b"HTTP/1.1 200 OK\r\n" + some + b"Content-Length: 0\r\n\r\n"
    async with receiver(raw(flood), raw(shower)) as customer:
        refused = await webhooks.send(message(), webhook_to(customer.url))
        kept = await webhooks.send(message(), webhook_to(customer.url))
    assert refused.trouble == Trouble(reason="answer_invalid")
    assert kept.delivered
    assert (len(kept.response_headers), len(kept.response_headers["x-0"])) == (50, 500)


def verify_v1a(public: str, signature: str, request: Request) -> None:
    """As a receiver does it, after the specification alone."""
    content = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + request.body
    key = Ed25519PublicKey.from_public_bytes(b64decode(public.removeprefix("whpk_")))
    key.verify(b64decode(signature.removeprefix("v1a,")), content)
