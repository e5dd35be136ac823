"""Checks a customer's URL as text, before anything is looked up: strictly, so that no two parsers read it differently."""

from __future__ import annotations

import re
from functools import lru_cache

from shared.egress.policy import Address, EgressPolicy, EgressRefused, parse_address

LONGEST_URL = 2048
KEPT_URLS = 1024
"""How many URLs are remembered as they were read: a receiver is sent to many times."""

# https://fetch.spec.whatwg.org/#bad-port: ports where an HTTP request can be mistaken for another protocol.
# fmt: off
_BAD_PORTS = frozenset({
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110,
    111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540,
    548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566,
    6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
})
# fmt: on
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?:[/?][^#]*)?")
_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:]+)(?::(?P<port>[0-9]{1,5}))?")
_NAME = re.compile(r"(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_FORBIDDEN = re.compile(r"[\x00-\x20\\\x7f-\x9f]")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_HTTPS_WANTED = "The URL must start with https://."
_LOOPBACK = parse_address("127.0.0.1")


def check_url(url: str, policy: EgressPolicy) -> None:
    """Raise `EgressRefused` for a URL no request may be made to.

    Codes: `url_invalid`, `url_scheme`, `url_port`, `address_refused`. What a name resolves to is judged when it is
    connected to.
    """
    scheme, authority = _split(url)
    encrypted = _check_scheme(scheme, policy)
    address = _address(authority)
    if address is not None and not policy.permits(address):
        raise EgressRefused("address_refused", "The URL leads to an address that this installation makes no requests to.")
    if address is not None and not policy.permits(address, encrypted=encrypted):
        raise EgressRefused("url_scheme", _HTTPS_WANTED)


@lru_cache(maxsize=KEPT_URLS)
def _split(url: str) -> tuple[str, str]:
    """Scheme and authority."""
    if len(url) > LONGEST_URL:
        raise EgressRefused("url_invalid", f"The URL is longer than {LONGEST_URL} characters.")
    if _FORBIDDEN.search(url) is not None:
        raise EgressRefused("url_invalid", "The URL contains a space, a backslash or a control character; encode it as %XX.")
    parts = _URL.fullmatch(url)
    if parts is None:
        raise EgressRefused("url_invalid", "The URL must look like https://host/path, without a #fragment.")
    return parts["scheme"].lower(), parts["authority"]


@lru_cache(maxsize=KEPT_URLS)
def _address(authority: str) -> Address | None:
    """The address that it spells; None for a name."""
    return _literal(_check_authority(authority))


def _check_scheme(scheme: str, policy: EgressPolicy) -> bool:
    """Whether the connection will be encrypted. Plain http passes where some address may be spoken to like that."""
    match scheme:
        case "https":
            return True
        case "http" if policy.allow_http or policy.allowed:
            return False
        case _:
            raise EgressRefused("url_scheme", _HTTPS_WANTED)


def _check_authority(authority: str) -> str:
    """The host, in lower case and ASCII, without brackets."""
    if "@" in authority:
        raise EgressRefused("url_invalid", "The URL must not carry a user name or password.")
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None:
        raise EgressRefused("url_invalid", "The URL's host is not valid.")
    if parts["port"] is not None and (int(parts["port"]) > 65535 or int(parts["port"]) in _BAD_PORTS):
        raise EgressRefused("url_port", f"The URL's port {int(parts['port'])} is not one that web servers use.")
    return _ascii_host(parts["host"]).removesuffix(".").lower()


def _ascii_host(host: str) -> str:
    if host.isascii():
        return host
    import idna

    try:
        return idna.encode(host, uts46=True).decode()
    except idna.IDNAError:
        raise EgressRefused("url_invalid", "The URL's host is not a valid international name.") from None


def _literal(host: str) -> Address | None:
    """The address the host spells, None for a name. Spellings that only some parsers take for an address are refused."""
    if host == "localhost" or host.endswith(".localhost"):
        return _LOOPBACK
    if not host.startswith("[") and not _NUMBER.fullmatch(host.rpartition(".")[2]):
        if _NAME.fullmatch(host) is None:
            raise EgressRefused("url_invalid", "The URL's host is not a valid name.")
        return None
    try:
        return parse_address(host.strip("[]"))
    except ValueError:
        raise EgressRefused("url_invalid", "The URL's host is neither a name nor an address in its usual spelling.") from None
