"""Which URLs and addresses requests may go to, judged as text. What happens on the wire is tested against real sockets."""

from __future__ import annotations

import pytest

from shared.egress import EgressPolicy, EgressRefused, EgressSettings, check_url
from shared.egress.policy import parse_address
from shared.errors import ConfigurationError

PUBLIC_ONLY = EgressPolicy()

REFUSED_ADDRESSES = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1
172.31.255.255 192.0.0.1 192.0.0.192 192.0.0.255 192.0.2.1 192.31.196.1 192.52.193.1 192.88.99.3 192.168.1.1 192.175.48.1
198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 168.63.129.16
:: ::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::7f00:1 ::ffff:0:7f00:1 ::5efe:7f00:1
64:ff9b::7f00:1 64:ff9b::808:808 64:ff9b:1::1 100::1 2001::1 2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1::
2620:4f:8000::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0 fec0::1 ff02::1 ff0e::1
"""

PUBLIC_ADDRESSES = "8.8.8.8 1.1.1.1 172.32.0.1 192.0.1.1 2606:4700:4700::1111 2a00:1450:4001::1 ::ffff:8.8.8.8"


@pytest.mark.parametrize("address", REFUSED_ADDRESSES.split())
def test_addresses_inside_and_special_ones_are_refused(address: str) -> None:
    """Private, loopback, link-local, tunnels, documentation, multicast, metadata: nothing of it by default."""
    assert not PUBLIC_ONLY.permits(parse_address(address))


@pytest.mark.parametrize("address", PUBLIC_ADDRESSES.split())
def test_public_addresses_are_permitted(address: str) -> None:
    """Customers' receivers on the internet are reachable."""
    assert PUBLIC_ONLY.permits(parse_address(address))


@pytest.mark.parametrize("address", PUBLIC_ADDRESSES.split())
def test_plain_http_goes_nowhere_without_the_operator(address: str) -> None:
    """A public address is spoken to in the clear only when the setting says so."""
    assert not PUBLIC_ONLY.permits(parse_address(address), encrypted=False)
    assert EgressPolicy(allow_http=True).permits(parse_address(address), encrypted=False)


def test_the_operator_lists_networks() -> None:
    """Listed networks are open, over http too; their neighbours stay shut."""
    policy = EgressPolicy.of(EgressSettings(egress_allow_cidrs=" 10.1.0.0/16, fd12::/16 ,"))
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "fd12::1"):
        assert policy.permits(parse_address(address), encrypted=False)
    for address in ("10.2.0.1", "127.0.0.1", "fd13::1"):
        assert not policy.permits(parse_address(address))


@pytest.mark.parametrize("address", ["169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254"])
def test_a_wide_network_does_not_open_metadata_by_the_way(address: str) -> None:
    """Whoever lists everything did not mean the cloud's credentials; listed for itself the address is open."""
    everything = EgressPolicy.of(EgressSettings(egress_allow_cidrs="0.0.0.0/0,::/0"))
    assert not everything.permits(parse_address(address))
    listed = EgressPolicy.of(EgressSettings(egress_allow_cidrs=address))
    assert listed.permits(parse_address(address))


def test_nat64_is_judged_by_the_address_inside() -> None:
    """On networks with DNS64 every IPv4 receiver has such an address; private ones stay refused in it."""
    policy = EgressPolicy(nat64=True)
    assert policy.permits(parse_address("64:ff9b::808:808"))
    assert not policy.permits(parse_address("64:ff9b::7f00:1"))
    assert not policy.permits(parse_address("64:ff9b::a00:1"))


@pytest.mark.parametrize("text", ["10.0.0.1/8", "300.0.0.0/8", "localhost", "10.0.0.0/8;fd00::/8"])
def test_a_wrong_network_is_refused_by_its_setting(text: str) -> None:
    """The error names the setting."""
    with pytest.raises(ConfigurationError, match="AUDIO2TXT_EGRESS_ALLOW_CIDRS"):
        EgressPolicy.of(EgressSettings(egress_allow_cidrs=text))


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com/hook?token=%E7%B0%BD&x=1",
        "HTTPS://Example.COM:8443/",
        "https://hooks.example.com./x",
        "https://台灣.tw/掛鉤",
        "https://xn--kpry57d.tw/",
        "https://under_score.example.com/",
        "https://8.8.8.8/",
        "https://[2606:4700:4700::1111]:443/",
        "https://1.example/",
    ],
)
def test_usual_urls_pass(url: str) -> None:
    """What customers write is accepted without looking anything up."""
    check_url(url, PUBLIC_ONLY)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("", "url_invalid"),
        ("example.com/hook", "url_invalid"),
        ("//example.com/hook", "url_invalid"),
        ("https:///hook", "url_invalid"),
        ("https://", "url_invalid"),
        ("https://example.com:/", "url_invalid"),
        ("https://example.com/#here", "url_invalid"),
        ("https://example.com#@10.0.0.1/", "url_invalid"),
        ("https://user@example.com/", "url_invalid"),
        ("https://user:password@example.com/", "url_invalid"),
        ("https://example.com@10.0.0.1/", "url_invalid"),
        ("https://example.com\\@10.0.0.1/", "url_invalid"),
        ("https://example.com/a b", "url_invalid"),
        ("https://example.com/\r\nX-Injected: 1", "url_invalid"),
        ("https://example.com/\x00", "url_invalid"),
        ("https://exa\tmple.com/", "url_invalid"),
        (" https://example.com/", "url_invalid"),
        ("https://example.com/\x85", "url_invalid"),
        ("https://127%2e0.0.1/", "url_invalid"),
        ("https://[::1%25eth0]/", "url_invalid"),
        ("https://[fe80::1%25eth0]/", "url_invalid"),
        ("https://[::1/", "url_invalid"),
        ("https://::1/", "url_invalid"),
        ("https://[example.com]/", "url_invalid"),
        ("https://-x.example.com/", "url_invalid"),
        ("https://a..example.com/", "url_invalid"),
        ("https://" + "a" * 64 + ".com/", "url_invalid"),
        ("https://example.com/" + "a" * 2048, "url_invalid"),
        ("https://2130706433/", "url_invalid"),
        ("https://0x7f000001/", "url_invalid"),
        ("https://017700000001/", "url_invalid"),
        ("https://0177.0.0.1/", "url_invalid"),
        ("https://0x7f.0.0.1/", "url_invalid"),
        ("https://127.1/", "url_invalid"),
        ("https://127.0.0.1.5/", "url_invalid"),
        ("https://0/", "url_invalid"),
        ("https://example.0x1/", "url_invalid"),
        ("http://example.com/", "url_scheme"),
        ("ftp://example.com/", "url_scheme"),
        ("file:///etc/passwd", "url_scheme"),
        ("gopher://example.com/", "url_scheme"),
        ("https://example.com:0/", "url_port"),
        ("https://example.com:22/", "url_port"),
        ("https://example.com:25/", "url_port"),
        ("https://example.com:0025/", "url_port"),
        ("https://example.com:6667/", "url_port"),
        ("https://example.com:65536/", "url_port"),
        ("https://127.0.0.1/", "address_refused"),
        ("https://127.0.0.1./", "address_refused"),
        ("https://10.0.0.1:8443/", "address_refused"),
        ("https://0.0.0.0/", "address_refused"),
        ("https://169.254.169.254/latest/meta-data/", "address_refused"),
        ("https://[::]/", "address_refused"),
        ("https://[::1]/", "address_refused"),
        ("https://[::ffff:127.0.0.1]/", "address_refused"),
        ("https://[::ffff:7f00:1]/", "address_refused"),
        ("https://[::127.0.0.1]/", "address_refused"),
        ("https://[64:ff9b::7f00:1]/", "address_refused"),
        ("https://①②⑦.⓪.⓪.①/", "address_refused"),
        ("https://127。0。0。1/", "address_refused"),
        ("https://localhost/", "address_refused"),
        ("https://LOCALHOST./", "address_refused"),
        ("https://anything.localhost/", "address_refused"),
    ],
)
def test_attacks_and_slips_are_refused(url: str, code: str) -> None:
    """Each gets a code for programs and a sentence for people, which tells no address."""
    with pytest.raises(EgressRefused) as refusal:
        check_url(url, PUBLIC_ONLY)
    assert refusal.value.failure.code == code
    assert refusal.value.failure.message.endswith(".")
    assert "127" not in refusal.value.failure.message


def test_plain_http_where_the_operator_allows_it() -> None:
    """To listed networks, or everywhere with the switch. Whether a name leads to a listed network is seen on connecting."""
    listed = EgressPolicy.of(EgressSettings(egress_allow_cidrs="10.0.0.0/8"))
    check_url("http://10.0.0.1/hook", listed)
    check_url("http://receiver.internal/hook", listed)
    with pytest.raises(EgressRefused) as refusal:
        check_url("http://8.8.8.8/hook", listed)
    assert refusal.value.failure.code == "url_scheme"
    check_url("http://8.8.8.8/hook", EgressPolicy(allow_http=True))
