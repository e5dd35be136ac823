"""Where a request comes from, through proxies that are trusted to say so."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from shared.errors import ConfigurationError

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


def client_address(peer: str | None, forwarded: Sequence[str], trusted: Sequence[Network]) -> str | None:
    """The client's address: the connection's, or, while that is a trusted proxy's, the one it says it had it from.

    `forwarded` are the values of X-Forwarded-For. Its end was written by the nearest proxy, its beginning by anybody, so it is
    read from the end, up to the first address that is not trusted; what is no address ends it.
    """
    address = peer
    for hop in reversed([part.strip() for value in forwarded for part in value.split(",")]):
        if not _within(address, trusted):
            break
        if _parsed(hop) is None:
            break
        address = hop
    return address


def place_of(address: str | None) -> str:
    """What counts as one address where attempts are counted: of IPv6 the network, of which a household has a whole one."""
    known = None if address is None else _parsed(address)
    if isinstance(known, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((known, 64), strict=False))
    return "unknown" if known is None else str(known)


def networks_of(text: str) -> tuple[Network, ...]:
    """The networks in a list with commas. Raises `ConfigurationError` for what is none."""
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise ConfigurationError(f"AUDIO2TXT_TRUSTED_PROXIES: {error}; give networks, as in 10.1.0.0/16,fd12::/16.") from None


def _within(address: str | None, networks: Iterable[Network]) -> bool:
    parsed = None if address is None else _parsed(address)
    return parsed is not None and any(parsed in network for network in networks)


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """As IPv4 where a socket for both shows it as IPv6."""
    try:
        known = ipaddress.ip_address(text)
    except ValueError:
        return None
    return known.ipv4_mapped or known if isinstance(known, ipaddress.IPv6Address) else known
