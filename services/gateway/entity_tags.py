"""Entity tags and what requests make of them (RFC 9110, sections 8.8.3 and 13.1), the same for all routes.

A tag is `"<version>"`, or `"<version>.<digest>"` for what shows more than its version covers, such as how an endpoint fares:
`If-None-Match` compares the whole, so that everything new is sent, and `If-Match` the version, so that only what somebody has
changed stands in the way. What has no version has a digest of its bytes.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from hashlib import blake2b
from typing import Any

import msgspec

from services.gateway.codes import Code
from services.gateway.problems import Problem

_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_WEAK = (
    " The tag that would fit is a weak one (W/), as proxies make them that compress answers; If-Match takes strong ones only: "
    "fetch with `Accept-Encoding: identity`."
)


def etag_of(version: object) -> str:
    """The tag of a version, or of what a blob store calls a tag."""
    return f'"{str(version).strip(chr(34))}"'


def etag_with(version: object, shown: Any) -> str:
    """The tag of a version and of all that is shown with it."""
    return etag_of(f"{version}.{digest(msgspec.json.encode(shown))}")


def version_of(value: Any) -> str:
    """A version for what has no number: a digest of what can be changed."""
    return digest(msgspec.json.encode(value, order="deterministic"))


def digest(data: bytes) -> str:
    """Sixteen characters that change with the bytes."""
    return urlsafe_b64encode(blake2b(data, digest_size=12).digest()).decode()


def matches(if_none_match: str | None, etag: str) -> bool:
    """Whether `If-None-Match` names this tag, by weak comparison."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or etag.strip('"') in [opaque for _, opaque in _TAG.findall(if_none_match)]


def check_match(
    if_match: str | None,
    version: object,
    *,
    code: Code = "precondition_failed",
    detail: str = "It was changed meanwhile, and is not what If-Match names any more; fetch it again and repeat your change.",
) -> None:
    """Refuse a change of what the requester does not know as it is. Raises `Problem` 412 unless `If-Match` is missing, is `*`,
    or names this version (of something that is there), by strong comparison."""
    if if_match is None or if_match.strip() == "*":
        return
    known = str(version).strip('"')
    fitting = [weak for weak, opaque in _TAG.findall(if_match) if known in (opaque, opaque.partition(".")[0])]
    if "" not in fitting:
        raise Problem(412, code, detail + (_WEAK if fitting else ""))
