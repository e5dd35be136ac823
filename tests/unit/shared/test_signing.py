"""Standard Webhooks signatures: the published vectors, and the official verifier as the judge."""

from __future__ import annotations

import time
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from shared.signing import sign, verify, webhook_secret

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TIMESTAMP = 1614265330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

MASTER = b"m" * 32
TENANT = UUID("0192f0c1-0000-7000-8000-000000000001")


def test_the_published_vector() -> None:
    """The official libraries' example comes out to the byte, with and without the secret's prefix."""
    for secret in (SECRET, SECRET.removeprefix("whsec_")):
        assert sign(secret, message_id=ID, timestamp=TIMESTAMP, body=BODY) == SIGNATURE


@pytest.mark.parametrize("secret", ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwBr"])
def test_secrets_without_padding_are_taken(secret: str) -> None:
    """What the official libraries accept as a secret signs here."""
    assert sign(secret, message_id=ID, timestamp=TIMESTAMP, body=BODY).startswith("v1,")


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_%", "whsec_wronglength", "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqf"])
def test_what_is_no_secret_is_refused(secret: str) -> None:
    """A mangled secret is an error, never a weak signature."""
    with pytest.raises(ValueError, match=r".+"):
        sign(secret, message_id=ID, timestamp=TIMESTAMP, body=BODY)


@pytest.mark.parametrize(
    "signatures",
    [
        SIGNATURE,
        f"v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= v2,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= {SIGNATURE} v1,bad",
    ],
)
def test_one_good_signature_is_enough(signatures: str) -> None:
    """While a secret is rotated, the header carries several signatures."""
    assert verify(SECRET, message_id=ID, timestamp=TIMESTAMP, body=BODY, signatures=signatures)


@pytest.mark.parametrize("signatures", ["", "v1", "v1,", SIGNATURE[:-1], SIGNATURE.replace("v1", "v2"), "v1,簽", "v1,\udcff"])
def test_other_signatures_are_not_ours(signatures: str) -> None:
    """Whatever a stranger puts into the header is a plain no."""
    assert not verify(SECRET, message_id=ID, timestamp=TIMESTAMP, body=BODY, signatures=signatures)


@given(body=st.one_of(st.text(min_size=1), st.sampled_from(["會議🎙️", " {} \n", "\u2028"])))
def test_the_official_verifier_accepts_what_we_sign(body: str) -> None:
    """Any text, to the byte; changed by one byte it is refused."""
    try:
        data = body.encode()
    except UnicodeEncodeError:
        return
    secret, now = webhook_secret(MASTER, TENANT), int(time.time())
    signature = sign(secret, message_id=ID, timestamp=now, body=data)
    headers = {"webhook-id": ID, "webhook-timestamp": str(now), "webhook-signature": signature}
    Webhook(secret).verify(body, headers, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body + " ", headers, json_parse=False)


def test_the_official_verifier_refuses_an_old_attempt() -> None:
    """A captured request cannot be played back later: the timestamp is signed."""
    secret, old = webhook_secret(MASTER, TENANT), int(time.time()) - 600
    signature = sign(secret, message_id=ID, timestamp=old, body=BODY)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY.decode(), {"webhook-id": ID, "webhook-timestamp": str(old), "webhook-signature": signature})


def test_each_tenant_has_a_secret_of_its_own() -> None:
    """The secret depends on the tenant and the master secret, and stays the same."""
    other = UUID("0192f0c1-0000-7000-8000-000000000002")
    assert webhook_secret(MASTER, TENANT) == webhook_secret(MASTER, TENANT)
    assert len({webhook_secret(MASTER, TENANT), webhook_secret(MASTER, other), webhook_secret(b"n" * 32, TENANT)}) == 3
