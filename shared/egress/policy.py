"""Which addresses requests may go to.

`ipaddress.is_global` is not the judge: what it calls global differs between patch releases of Python and takes in
tunnels to private addresses (NAT64, 6to4, IPv4-compatible), multicast, and addresses that clouds treat as internal.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Annotated, TypeAlias
from urllib.parse import urlsplit

from msgspec import Meta

from shared.errors import ConfigurationError, JobError
from shared.settings import SECRET, Settings

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


def _networks(texts: str) -> tuple[Network, ...]:
    return tuple(map(ipaddress.ip_network, texts.split()))


# IANA's special-purpose registry for IPv4, and 168.63.129.16, where Azure keeps its host's interface.
_IPV4_REFUSED = _networks(
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 "
    "192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 "
    "203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 168.63.129.16/32"
)
# Only global unicast is public, less what the registry takes out of it: tunnels, documentation, special uses.
_IPV6_PUBLIC = ipaddress.IPv6Network("2000::/3")
_IPV6_REFUSED = _networks("2001::/23 2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

# Where clouds answer with credentials. A wide allowance such as 10.0.0.0/8 or 0.0.0.0/0 never opens these by the way.
_METADATA = _networks("169.254.0.0/16 168.63.129.16/32 100.100.100.200/32 192.0.0.192/32 fe80::/10 fd00:ec2::/32")


class EgressRefused(JobError):
    """A URL that no request is made to. The message never tells what a name resolves to."""


class EgressSettings(Settings, frozen=True, kw_only=True):
    """Where requests to customers' URLs may go."""

    egress_allow_cidrs: Annotated[
        str,
        Meta(description="Private networks that webhooks and downloads may reach, as in 10.1.0.0/16,fd12::/16."),
    ] = ""
    egress_allow_http: Annotated[
        bool, Meta(description="Accept http:// URLs everywhere; otherwise only inside the allowed networks.")
    ] = False
    egress_nat64: Annotated[
        bool, Meta(description="The network reaches IPv4 through NAT64: judge 64:ff9b::/96 by the address inside.")
    ] = False
    egress_proxy: (
        Annotated[
            str,
            Meta(
                description="HTTP proxy for all these requests, as in http://user:password@proxy:3128. It looks names up and "
                "decides where to.",
                extra=SECRET,
            ),
        ]
        | None
    ) = None


@dataclass(frozen=True, kw_only=True)
class EgressPolicy:
    """The settings, parsed. Judges addresses, never names."""

    allowed: tuple[Network, ...] = ()
    allow_http: bool = False
    nat64: bool = False
    proxy: str | None = None
    """Where there is one, it alone is connected to: URLs are checked as text here, and by the proxy as addresses."""

    @classmethod
    def of(cls, settings: EgressSettings) -> EgressPolicy:
        """Parse the settings; raises `ConfigurationError` for what is not a network."""
        texts = [text.strip() for text in settings.egress_allow_cidrs.split(",") if text.strip()]
        return cls(
            allowed=tuple(map(_network, texts)),
            allow_http=settings.egress_allow_http,
            nat64=settings.egress_nat64,
            proxy=_proxy(settings.egress_proxy),
        )

    def allows(self, address: Address) -> bool:
        """Whether the operator listed the address. Metadata addresses must be listed for themselves."""
        judged = _unmapped(address)
        covering = [network for network in self.allowed if judged in network]
        reserved = next((network for network in _METADATA if judged in network), None)
        return any(reserved is None or _inside(network, reserved) for network in covering)

    def permits(self, address: Address, *, encrypted: bool = True) -> bool:
        """Whether a request may go to the address; an unencrypted one needs the operator's word."""
        return self.allows(address) or (self._is_public(_unmapped(address)) and (encrypted or self.allow_http))

    def _is_public(self, address: Address) -> bool:
        if isinstance(address, ipaddress.IPv4Address):
            return not any(address in network for network in _IPV4_REFUSED)
        if self.nat64 and address in _NAT64:
            return self._is_public(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
        return address in _IPV6_PUBLIC and not any(address in network for network in _IPV6_REFUSED)


def parse_address(text: str) -> Address:
    """An address as sockets spell it, a scope id left away; raises `ValueError` for anything else."""
    return ipaddress.ip_address(text.partition("%")[0])


def _unmapped(address: Address) -> Address:
    """`::ffff:10.0.0.1` connects to `10.0.0.1` and is judged as that."""
    return getattr(address, "ipv4_mapped", None) or address


def _inside(network: Network, reserved: Network) -> bool:
    return network.prefixlen >= reserved.prefixlen


def _proxy(url: str | None) -> str | None:
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and parts.hostname and (parts.port or True)
        sound = sound and not (parts.path.strip("/") or parts.query or parts.fragment)
    except ValueError:
        sound = False
    if not sound:
        raise ConfigurationError("AUDIO2TXT_EGRESS_PROXY must look like http://proxy:3128.")
    return url


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise ConfigurationError(f"AUDIO2TXT_EGRESS_ALLOW_CIDRS: {error}.") from None
