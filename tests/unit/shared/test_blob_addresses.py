"""How `AUDIO2TXT_BLOBS_URL` names a bucket."""

from __future__ import annotations

import pytest

from shared.blobs.s3.address import Address
from shared.errors import ConfigurationError


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("s3://recordings", ("recordings", "", None, "us-east-1")),
        ("s3://recordings?region=eu-central-1", ("recordings", "", None, "eu-central-1")),
        ("s3://b/audio2txt/live/?endpoint=https://s3.example", ("b", "audio2txt/live/", "https://s3.example", "us-east-1")),
        ("s3://b?endpoint=http%3A%2F%2Fminio%3A9000", ("b", "", "http://minio:9000", "us-east-1")),
    ],
)
def test_bucket_prefix_endpoint_and_region(url: str, expected: tuple[str, str, str | None, str]) -> None:
    """Every part may be left out but the bucket."""
    address = Address.parse(url)
    assert (address.bucket, address.prefix, address.endpoint, address.region) == expected


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("s3://", "there is no bucket"),
        ("s3:///prefix", "there is no bucket"),
        ("s3://b?endpint=https://s3.example", "'endpint' is no option"),
        ("s3://b?endpoint=minio:9000", "the endpoint 'minio:9000' must look like"),
        ("s3://b?endpoint=https://", "the endpoint 'https://' must look like"),
    ],
)
def test_mistakes_are_named(url: str, complaint: str) -> None:
    """The sentence names the setting and the mistake."""
    with pytest.raises(ConfigurationError, match=f"AUDIO2TXT_BLOBS_URL: {complaint}"):
        Address.parse(url)


@pytest.mark.parametrize(
    ("endpoint", "signed"),
    [
        ("https://s3.example", False),
        ("http://127.0.0.1:9000", False),
        ("http://[::1]:9000", False),
        ("http://localhost:9000", False),
        ("http://minio:9000", True),
        ("http://10.0.0.7:9000", True),
    ],
)
def test_payloads_are_signed_where_somebody_could_change_them(endpoint: str, signed: bool) -> None:
    """Only plain HTTP that leaves the machine needs it; TLS and loopback protect the bytes by themselves."""
    assert Address.parse(f"s3://b?endpoint={endpoint}").needs_signed_payload is signed
