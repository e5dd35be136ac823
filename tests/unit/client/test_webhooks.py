"""Messages are believed when they are signed and fresh, and say what they say."""

from __future__ import annotations

import builtins
import datetime as dt
from typing import Any

import pytest
from standardwebhooks import Webhook

import audio2txt_client as a2t
from services.notifier.channels.webhook import _own_headers
from shared.schemas.endpoints import EventType, Signature
from shared.signing import endpoint_key_pair, endpoint_secret
from tests.channels import ENDPOINT, JOB, SECRET, told, webhook_to

MASTER = b"m" * 32
SECRETS = tuple(endpoint_secret(MASTER, ENDPOINT, number) for number in (2, 1))
PAIRS = tuple(endpoint_key_pair(MASTER, ENDPOINT, number) for number in (2, 1))
MESSAGE = told(EventType.JOB_COMPLETED)


@pytest.fixture(scope="module")
def headers() -> dict[str, str]:
    """Of our notifier's request in the middle of a rotation, in both schemes."""
    keys = tuple(pair.private for pair in PAIRS)
    both = (Signature.V1, Signature.V1A)
    return dict(_own_headers(MESSAGE, webhook_to("", signatures=both, secrets=SECRETS, private_keys=keys)))


@pytest.mark.parametrize("known", [*SECRETS, *(pair.public for pair in PAIRS), ("whsec_" + "AAAA" * 8, SECRETS[1])])
def test_our_messages_are_believed(known: Any, headers: dict[str, str]) -> None:
    """With any secret or public key that counts, alone or among others; names of headers in any case."""
    event = a2t.verify_webhook(MESSAGE.body, headers, known)
    assert (event.id, event.type, event.type.known) == (headers["webhook-id"], a2t.EventType.JOB_COMPLETED, True)
    assert event.job is not None
    assert (event.job.id, event.job.state, event.job.artifacts[0].name) == (JOB, "completed", "minutes.pdf")
    assert event.data["title"] == event.job.title
    assert a2t.verify_webhook(MESSAGE.body, {name.upper(): value for name, value in headers.items()}, known) == event


@pytest.mark.parametrize("known", [SECRETS[0], PAIRS[0].public])
def test_what_was_altered_is_old_or_anothers_is_not(known: str, headers: dict[str, str]) -> None:
    """Nothing of body, id, time and signatures may be changed."""
    stranger = endpoint_secret(MASTER, JOB, 1) if known == SECRETS[0] else endpoint_key_pair(MASTER, JOB, 1).public
    now = int(headers["webhook-timestamp"])
    cases: list[tuple[bytes, dict[str, str], str, float]] = [
        (MESSAGE.body + b" ", headers, known, now),
        (MESSAGE.body, headers | {"webhook-id": "msg_x"}, known, now),
        (MESSAGE.body, headers | {"webhook-timestamp": str(now + 1)}, known, now),
        (MESSAGE.body, headers | {"webhook-timestamp": "now"}, known, now),
        (MESSAGE.body, headers | {"webhook-signature": "v1,AAAA v1a,AAAA v2,zz nonsense v1,%%"}, known, now),
        (MESSAGE.body, {name: value for name, value in headers.items() if name != "webhook-signature"}, known, now),
        (MESSAGE.body, headers, stranger, now),
        (MESSAGE.body, headers, known, now + 301),
        (MESSAGE.body, headers, known, now - 301),
    ]
    for body, changed, secret, moment in cases:
        with pytest.raises(a2t.WebhookRejected):
            a2t.verify_webhook(body, changed, secret, now=moment)
    a2t.verify_webhook(MESSAGE.body, headers, known, now=now + 301, tolerance=600)
    with pytest.raises(a2t.WebhookRejected, match="no secret"):
        a2t.verify_webhook(MESSAGE.body, headers, [])


def test_the_published_vector_and_the_official_library() -> None:
    """The example of the specification, and whatever the library signs; a secret that was not copied whole is an error."""
    body, moment = b'{"test": 2432232314}', 1614265330
    signed = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": str(moment),
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    with pytest.raises(a2t.WebhookRejected, match="is signed"):  # and is no message of ours
        a2t.verify_webhook(body, signed, SECRET, now=moment)
    with pytest.raises(a2t.WebhookRejected, match="not signed"):
        a2t.verify_webhook(body + b" ", signed, SECRET, now=moment)
    news = b'{"type": "usage.alert", "timestamp": "2026-11-29T05:00:00Z", "data": {"percent": 80}, "more": 1}'
    now = dt.datetime.now(dt.UTC)
    signature = Webhook(SECRET).sign("msg_1", now, news.decode())
    sent = {"webhook-id": "msg_1", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": f"v0,AA {signature}"}
    for secret in (SECRET, SECRET.removeprefix("whsec_")):
        event = a2t.verify_webhook(news, sent, secret)
        assert (event.type, event.type.known, event.job, event.data) == ("usage.alert", False, None, {"percent": 80})
    for broken in ("whsec_", "whsec_%%%", "whpk_AAAA"):
        with pytest.raises(a2t.NotConfigured, match=r"secret|key"):
            a2t.verify_webhook(news, sent, broken)


def test_public_keys_need_a_package(monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]) -> None:
    """Which is named."""
    whole = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("cryptography"):
            raise ImportError(name)
        return whole(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(a2t.MissingPackage, match="v1a"):
        a2t.verify_webhook(MESSAGE.body, headers, PAIRS[0].public)
