"""Which bucket of which S3 store, out of `s3://bucket[/prefix][?endpoint=…&region=…]`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import Self
from urllib.parse import parse_qs, urlsplit

from shared.blobs import Encryption, ServerSide
from shared.errors import ConfigurationError

OPTIONS = frozenset({"endpoint", "region"})
DEFAULT_REGION = "us-east-1"
_HEADERS = {
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
}


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where blobs are kept."""

    bucket: str
    prefix: str
    """In front of every key: empty, or ending in `/`."""
    endpoint: str | None
    """None means AWS itself."""
    region: str
    sealing: Mapping[str, str] = field(default_factory=dict)
    """What every request that stores bytes says of how the store is to encrypt them."""

    def encrypted(self, encryption: Encryption) -> Self:
        """The same, with what requests are to say. Raises `ConfigurationError`."""
        if encryption.kms_key_id is not None and encryption.server_side is not ServerSide.KMS:
            raise ConfigurationError("AUDIO2TXT_BLOBS_KMS_KEY_ID needs AUDIO2TXT_BLOBS_SSE=aws:kms.")
        if encryption.server_side is ServerSide.NONE:
            return self
        named = {} if encryption.kms_key_id is None else {"SSEKMSKeyId": encryption.kms_key_id}
        return replace(self, sealing={"ServerSideEncryption": encryption.server_side.value, **named})

    @property
    def sealing_headers(self) -> dict[str, str]:
        """The same as headers, for a request that somebody else makes."""
        return {_HEADERS[name]: value for name, value in self.sealing.items()}

    @classmethod
    def parse(cls, url: str) -> Self:
        """Raises `ConfigurationError` that says what is wrong with `AUDIO2TXT_BLOBS_URL`."""
        parts = urlsplit(url)
        options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        if not parts.netloc:
            raise ConfigurationError("AUDIO2TXT_BLOBS_URL: there is no bucket; write s3://bucket?endpoint=…&region=….")
        if unknown := options.keys() - OPTIONS:
            raise ConfigurationError(f"AUDIO2TXT_BLOBS_URL: {min(unknown)!r} is no option; there are endpoint and region.")
        endpoint = options.get("endpoint")
        if endpoint is not None and (urlsplit(endpoint).scheme not in {"http", "https"} or not urlsplit(endpoint).hostname):
            raise ConfigurationError(f"AUDIO2TXT_BLOBS_URL: the endpoint {endpoint!r} must look like https://host[:port].")
        prefix = parts.path.strip("/")
        return cls(
            bucket=parts.netloc,
            prefix=f"{prefix}/" if prefix else "",
            endpoint=endpoint,
            region=options.get("region", DEFAULT_REGION),
        )

    @property
    def store(self) -> str:
        """The store, for a sentence."""
        return self.endpoint or f"AWS {self.region}"

    @property
    def needs_signed_payload(self) -> bool:
        """Whether bytes could be changed on their way: over plain HTTP that leaves the machine."""
        if self.endpoint is None:
            return False
        parts = urlsplit(self.endpoint)
        return parts.scheme == "http" and not _is_loopback(parts.hostname or "")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
