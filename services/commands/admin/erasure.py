"""`audio2txt admin erasure`."""

from __future__ import annotations

import argparse
import sys
from base64 import b64decode, b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from services.commands import installation
from services.commands.admin.desk import Desk, handler
from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from services.gateway.privacy.certificates import Certificate


class _Answer(msgspec.Struct, frozen=True):
    """Of the gateway, about an erasure."""

    certificate: msgspec.Raw


def register(subparsers: Any) -> None:
    """Add the subject and its actions."""
    parser = subparsers.add_parser("erasure", help="verify certificates of erasure, and the key they are signed with")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    verify = actions.add_parser("verify", help="say what a certificate certifies; ends with 1 when it is not genuine")
    verify.add_argument("file", type=Path, metavar="FILE", help="an answer of GET /v1/erasures/{id}, or its `certificate`")
    verify.add_argument("--key", metavar="BASE64", help="the installation's public key (default: this installation's)")
    verify.set_defaults(handler=handle_verify)
    show = actions.add_parser("show", help="print an erasure's certificate, once it is verified")
    show.add_argument("tenant", type=UUID, metavar="TENANT_ID", help="the id, as the name of an erased tenant is gone")
    show.add_argument("erasure", type=UUID, metavar="ERASURE_ID", help="of a deleted job, the job's id")
    show.set_defaults(handler=handler(_show))
    key = actions.add_parser("key", help="print this installation's public key, to be handed to whoever verifies")
    key.set_defaults(handler=handle_key)


def handle_verify(arguments: argparse.Namespace) -> int:
    """Print what a certificate says, or why it is none."""
    from services.gateway.privacy.certificates import NotCertified, verify

    certificate = _read(arguments.file)
    key = _own_key() if arguments.key is None else _decoded(arguments.key)
    try:
        statement = verify(certificate, key)
    except NotCertified as error:
        print(f"NOT GENUINE: {error}", file=sys.stderr)
        return 1
    left = sum(place.left for place in statement.verified)
    about = statement.tenant_id if statement.job_id is None else statement.job_id
    print(f"genuine: {statement.kind} {about}, asked for {statement.requested_at:%Y-%m-%d %H:%M} UTC")
    print(f"verified {statement.verified_at:%Y-%m-%d %H:%M} UTC: {statement.blobs_removed:,} files removed, {left} found since")
    for place in statement.verified:
        print(f"  {place.place}: {place.how}: {place.left}")
    for provider in statement.provider_deletions:
        print(f"  {provider.engine}: its copies were deleted there")
    print(f"certificate {statement.number} of the tenant, after {statement.previous or 'none'}")
    return 0


def handle_key(arguments: argparse.Namespace) -> int:
    """Print the public key in base64."""
    del arguments
    print(b64encode(_own_key()).decode())
    return 0


async def _show(desk: Desk, arguments: argparse.Namespace) -> int:
    from services.gateway.privacy.certificates import certificate_of

    order = await desk.erasures.find(arguments.tenant, arguments.erasure)
    if order is None:
        raise ConfigurationError("There is no such erasure of this tenant.")
    certificate = certificate_of(order)
    if certificate is None:
        print(f"Not verified yet; it was looked for {order.passes} times.", file=sys.stderr)
        return 1
    print(msgspec.json.format(msgspec.json.encode(certificate), indent=2).decode())
    return 0


def _read(path: Path) -> Certificate:
    from services.gateway.privacy.certificates import Certificate

    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
    try:
        return msgspec.json.decode(data, type=Certificate)
    except msgspec.DecodeError:
        pass
    try:
        inside = msgspec.json.decode(data, type=_Answer).certificate
        certificate = msgspec.json.decode(inside, type=Certificate | None)
    except msgspec.DecodeError as error:
        raise ConfigurationError(f"{path} holds no certificate: {error}.") from None
    if certificate is None:
        raise ConfigurationError(f"{path} is of an erasure that was not verified yet; fetch it again later.")
    return certificate


def _own_key() -> bytes:
    from shared.runtime import SERVICES
    from shared.signing import certificate_key

    settings, _ = installation.read_settings()
    secret = installation.with_secret_key(settings, list(SERVICES)).secret_key
    assert secret is not None
    return certificate_key(secret.encode())


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise ConfigurationError("--key is not base64; `audio2txt admin erasure key` prints it.") from None
