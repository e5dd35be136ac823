"""An HTTP session that cannot be led to a refused address, and names for what goes wrong with its requests."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import TYPE_CHECKING

from shared.egress.policy import EgressPolicy, EgressRefused

if TYPE_CHECKING:
    import aiohttp

CONNECT_SECONDS = 5.0


class AddressRefused(OSError):
    """The connector's word for a refused address: aiohttp passes on nothing but `OSError`."""


class ProxyAway(OSError):
    """The connector's word for a proxy whose name nobody knows."""


class ResolverAway(OSError):
    """The connector's word for our own name servers being away."""


class EgressTrouble(enum.StrEnum):
    """Why there is no answer. These words may be shown to customers; the errors' own text names addresses."""

    REFUSED = "address_refused"
    NAME = "name_not_found"
    CONNECT = "connection_failed"
    TLS = "tls_failed"
    TIMEOUT = "timed_out"
    DROPPED = "connection_lost"
    INVALID = "answer_invalid"
    PROXY = "proxy_unavailable"
    """Our proxy is away, or does not let us in."""
    RESOLVER = "name_server_unavailable"
    """Ours."""

    @property
    def ours(self) -> bool:
        """Whether it says nothing about the other side."""
        return self in (EgressTrouble.PROXY, EgressTrouble.RESOLVER)


def guarded_session(
    policy: EgressPolicy,
    *,
    total: float | None,
    connect: float = CONNECT_SECONDS,
    read: float | None = None,
    traces: Sequence[aiohttp.TraceConfig] = (),
) -> aiohttp.ClientSession:
    """A session whose every request and redirect is checked; close it as any other.

    `total`, `connect` and `read` (between two reads) are seconds. A refused URL raises `EgressRefused`; a name that
    leads to a refused address raises an `aiohttp.ClientConnectorError` that `trouble_of` tells. Bodies arrive as they
    were sent: ask for `Accept-Encoding: identity`.
    """
    import aiohttp

    from shared.egress.connector import guard_request, guarded_connector

    return aiohttp.ClientSession(
        connector=guarded_connector(policy),
        middlewares=(guard_request(policy),),
        cookie_jar=aiohttp.DummyCookieJar(),  # cookies would travel from one tenant's receiver to another's
        trace_configs=list(traces),
        proxy=policy.proxy,
        trust_env=False,
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=total, sock_connect=connect, sock_read=read),
    )


def trouble_of(error: Exception, *, proxied: bool = False) -> EgressTrouble:
    """What an exception of a guarded session means; raises it again when it is none of the session's. `proxied` says that
    the session's policy has a proxy."""
    import aiohttp

    reason = getattr(error, "os_error", None)
    if isinstance(error, EgressRefused) or isinstance(reason, AddressRefused):
        return EgressTrouble.REFUSED
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return _refused_by_proxy(error)
    if isinstance(reason, ProxyAway) or (proxied and isinstance(error, aiohttp.ConnectionTimeoutError)):
        return EgressTrouble.PROXY
    if isinstance(reason, ResolverAway):
        return EgressTrouble.RESOLVER
    kinds: tuple[tuple[type[Exception], EgressTrouble], ...] = (
        (aiohttp.ClientProxyConnectionError, EgressTrouble.PROXY),
        (aiohttp.ClientConnectorDNSError, EgressTrouble.NAME),
        (aiohttp.ClientSSLError, EgressTrouble.TLS),
        (TimeoutError, EgressTrouble.TIMEOUT),
        (aiohttp.ClientConnectorError, EgressTrouble.CONNECT),
        (aiohttp.ClientResponseError, EgressTrouble.INVALID),
        (aiohttp.InvalidURL, EgressTrouble.INVALID),
        (aiohttp.ClientError, EgressTrouble.DROPPED),
        (OSError, EgressTrouble.DROPPED),
    )
    for kind, trouble in kinds:
        if isinstance(error, kind):
            return trouble
    raise error


def _refused_by_proxy(error: aiohttp.ClientHttpProxyError) -> EgressTrouble:
    """Proxies that guard say 403, or 407 with a header of theirs; those that cannot reach the other side, 5xx."""
    if error.status == 403 or "X-Smokescreen-Error" in (error.headers or {}):
        return EgressTrouble.REFUSED
    return EgressTrouble.CONNECT if error.status >= 500 else EgressTrouble.PROXY
