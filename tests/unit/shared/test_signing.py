"""Standard Webhooks signatures: the published vectors, and the official verifier as the judge."""

from __future__ import annotations

import time
from base64 import b64decode
from uuid import UUID

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError
from svix.webhooks import Webhook as SvixWebhook

from shared.signing import endpoint_key_pair, endpoint_secret, sign, sign_v1a, verify, webhook_secret

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TIMESTAMP = 1614265330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

PRIVATE_KEY = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
PUBLIC_KEY = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
SIGNATURE_V1A = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="

MASTER = b"m" * 32
TENANT = UUID("0192f0c1-0000-7000-8000-000000000001")
ENDPOINT = UUID("0192f0c1-0000-7000-8000-00000000000e")
OTHER = UUID("0192f0c1-0000-7000-8000-00000000000f")


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
def test_the_official_verifiers_accept_what_we_sign(body: str) -> None:
    """Any text, to the byte; changed by one byte it is refused."""
    try:
        data = body.encode()
    except UnicodeEncodeError:
        return
    secret, now = webhook_secret(MASTER, TENANT), int(time.time())
    signature = sign(secret, message_id=ID, timestamp=now, body=data)
    headers = {"webhook-id": ID, "webhook-timestamp": str(now), "webhook-signature": signature}
    Webhook(secret).verify(body, headers, json_parse=False)
    SvixWebhook(secret).verify(body, headers)
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


@pytest.mark.parametrize("verifier", [Webhook, SvixWebhook])
def test_a_rotation_leaves_nobody_out(verifier: type[Webhook | SvixWebhook]) -> None:
    """While two secrets count, receivers with the old one, with the new one, and with neither, get what they should."""
    old, new, stranger = (endpoint_secret(MASTER, ENDPOINT, number) for number in (1, 2, 3))
    now = int(time.time())
    signatures = sign(new, old, message_id=ID, timestamp=now, body=BODY)
    headers = {"webhook-id": ID, "webhook-timestamp": str(now), "webhook-signature": signatures}
    for secret in (old, new):
        verifier(secret).verify(BODY, headers)
        with pytest.raises(WebhookVerificationError):
            verifier(secret).verify(BODY + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        verifier(stranger).verify(BODY, headers)


def test_the_published_vector_of_v1a() -> None:
    """The ed25519 example of the specification comes out to the byte, and its public key verifies it."""
    signature = sign_v1a(PRIVATE_KEY, message_id=ID, timestamp=TIMESTAMP, body=BODY)
    assert signature == SIGNATURE_V1A
    verify_v1a(PUBLIC_KEY, signature, BODY)
    with pytest.raises(InvalidSignature):
        verify_v1a(PUBLIC_KEY, signature, BODY + b" ")


@pytest.mark.parametrize(
    "key",
    ["", "whsk_", "whsk_%", PRIVATE_KEY[:-9], PUBLIC_KEY, SECRET, PRIVATE_KEY.removeprefix("whsk_"), "whsk_" + "A" * 86 + "=="],
)
def test_what_is_no_private_key_is_refused(key: str) -> None:
    """Truncated, of another kind, or with a public half of another key."""
    with pytest.raises(ValueError, match=r".+"):
        sign_v1a(key, message_id=ID, timestamp=TIMESTAMP, body=BODY)


def test_a_derived_key_pair_fits_together() -> None:
    """What the private half signs the published half verifies, and the next number's does not."""
    pair, next_pair = (endpoint_key_pair(MASTER, ENDPOINT, number) for number in (1, 2))
    both = sign_v1a(next_pair.private, pair.private, message_id=ID, timestamp=TIMESTAMP, body=BODY)
    newest, older = both.split(" ")
    verify_v1a(pair.public, older, BODY)
    verify_v1a(next_pair.public, newest, BODY)
    with pytest.raises(InvalidSignature):
        verify_v1a(next_pair.public, older, BODY)


def test_each_endpoint_and_number_has_secrets_of_its_own() -> None:
    """They depend on the master secret, the endpoint and the number, and stay the same."""
    cases = [(MASTER, ENDPOINT, 1), (MASTER, ENDPOINT, 2), (MASTER, OTHER, 1), (b"n" * 32, ENDPOINT, 1)]
    assert len({endpoint_secret(*case) for case in cases} | {webhook_secret(MASTER, ENDPOINT)}) == 5
    assert len({endpoint_key_pair(*case).public for case in cases}) == 4
    assert endpoint_secret(*cases[0]) == endpoint_secret(*cases[0])
    assert endpoint_key_pair(*cases[0]) == endpoint_key_pair(*cases[0])


def verify_v1a(public: str, signature: str, body: bytes) -> None:
    """As a receiver does it, after the specification alone."""
    key = Ed25519PublicKey.from_public_bytes(b64decode(public.removeprefix("whpk_")))
    key.verify(b64decode(signature.removeprefix("v1a,")), f"{ID}.{TIMESTAMP}.".encode() + body)
