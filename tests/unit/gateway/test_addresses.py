"""Where a request comes from."""

from __future__ import annotations

import pytest

from services.gateway.addresses import client_address, networks_of, place_of
from shared.errors import ConfigurationError

PROXIES = networks_of("10.0.0.0/8, fd12::/16")


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.7", [], "203.0.113.7"),
        ("203.0.113.7", ["198.51.100.1"], "203.0.113.7"),
        ("10.1.1.1", [], "10.1.1.1"),
        ("10.1.1.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.1.1.1", ["192.0.2.66, 198.51.100.1"], "198.51.100.1"),
        ("10.1.1.1", ["192.0.2.66, 198.51.100.1, 10.2.2.2"], "198.51.100.1"),
        ("10.1.1.1", ["192.0.2.66", "198.51.100.1"], "198.51.100.1"),
        ("fd12::1", ["2001:db8::7"], "2001:db8::7"),
        ("10.1.1.1", ["198.51.100.1, junk"], "10.1.1.1"),
        ("10.1.1.1", ["junk, 10.2.2.2"], "10.2.2.2"),
        ("::ffff:10.1.1.1", ["198.51.100.1"], "198.51.100.1"),
        (None, ["198.51.100.1"], None),
    ],
)
def test_only_proxies_are_believed(peer: str | None, forwarded: list[str], address: str | None) -> None:
    """What a client writes itself counts for nothing; the nearest address that is no proxy's is its own."""
    assert client_address(peer, forwarded, PROXIES) == address


def test_nobody_is_believed_unless_it_is_set() -> None:
    """Without the setting the connection says where it comes from."""
    assert client_address("10.1.1.1", ["198.51.100.1"], networks_of("")) == "10.1.1.1"


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:0:1::7", "2001:db8:0:1::/64"),
        ("2001:DB8:0:1:ffff::1", "2001:db8:0:1::/64"),
        ("a unix socket", "unknown"),
        (None, "unknown"),
    ],
)
def test_a_household_is_one_place(address: str | None, place: str) -> None:
    """Whoever has a whole network of IPv6 addresses has no more attempts for that."""
    assert place_of(address) == place


def test_what_is_no_network_is_named() -> None:
    """A mistyped setting ends the start with one sentence."""
    with pytest.raises(ConfigurationError, match=r"AUDIO2TXT_TRUSTED_PROXIES: .*10.1.0.1/16"):
        networks_of("10.1.0.1/16")
