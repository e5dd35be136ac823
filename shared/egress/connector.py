"""The guard inside aiohttp: a resolver that rejects, and a socket factory that sees the address about to be connected to.

Both are needed. aiohttp never asks the resolver about addresses in URLs, and only the resolver can refuse a name whose
answers are partly bad. The socket factory is the last gate, behind redirects, pools and DNS answers that change.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from urllib.parse import urlsplit

import aiohttp
import pycares
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_middlewares import ClientHandlerType, ClientMiddlewareType
from aiohttp.connector import AddrInfoType
from typing_extensions import override

from shared import metrics
from shared.egress.policy import Address, EgressPolicy, parse_address
from shared.egress.session import AddressRefused, ProxyAway, ResolverAway
from shared.egress.urls import check_url

LOOKUP_SECONDS = 5.0
KEEP_ALIVE_SECONDS = 15.0
DNS_CACHE_SECONDS = 10

_encrypted: ContextVar[bool] = ContextVar("encrypted", default=False)
"""Whether the request being connected uses TLS: socket factories are not told."""


def guarded_connector(policy: EgressPolicy, resolver: AbstractResolver | None = None) -> aiohttp.TCPConnector:
    """A connector without limits of its own: whoever uses it decides how much goes where."""
    checking: CheckingResolver | ProxyResolver
    if policy.proxy is None:
        checking = CheckingResolver(policy, resolver or NameResolver(system=bool(policy.allowed)))
        socket_factory = _socket_factory(policy)
    else:
        checking = ProxyResolver(policy.proxy, resolver or aiohttp.ThreadedResolver())
        socket_factory = _proxy_socket_factory(checking)
    return aiohttp.TCPConnector(
        resolver=checking,
        socket_factory=socket_factory,
        limit=0,
        ttl_dns_cache=DNS_CACHE_SECONDS,
        keepalive_timeout=KEEP_ALIVE_SECONDS,
    )


def guard_request(policy: EgressPolicy) -> ClientMiddlewareType:
    """Checks each URL as aiohttp has parsed it, those of redirects too."""

    async def guard(request: aiohttp.ClientRequest, send: ClientHandlerType) -> aiohttp.ClientResponse:
        check_url(str(request.url.with_fragment(None)), policy)
        _encrypted.set(request.url.scheme == "https")
        return await send(request)

    return guard


class NameResolver(AbstractResolver):
    """Asks name servers without using threads, so that dead ones delay nobody else, and without search domains.

    With `system`, names that are not in the DNS are looked up the system's way: in private networks these may be
    short names and hosts files.
    """

    def __init__(self, *, system: bool) -> None:
        self._dns = aiohttp.AsyncResolver(timeout=2, tries=2, flags=pycares.ARES_FLAG_NOSEARCH)
        self._system = aiohttp.ThreadedResolver() if system else None

    @override
    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
        try:
            return await self._dns.resolve(host, port, family)
        except OSError as error:
            if self._system is None or not _not_found(error):
                raise
            return await self._system.resolve(host, port, family)

    @override
    async def close(self) -> None:
        await self._dns.close()


class CheckingResolver(AbstractResolver):
    """Passes on only addresses that the policy permits.

    One bad answer condemns a name, save beside answers that the operator has listed: an internal host may have
    addresses in more networks than those.
    """

    def __init__(self, policy: EgressPolicy, resolver: AbstractResolver) -> None:
        self._policy = policy
        self._resolver = resolver

    @override
    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
        began = time.monotonic()
        try:
            found = await self._permitted(host, port, family)
        except OSError as error:
            metrics.DNS_SECONDS.labels(_outcome_of(error)).observe(time.monotonic() - began)
            raise
        metrics.DNS_SECONDS.labels("found").observe(time.monotonic() - began)
        return found

    async def _permitted(self, host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
        answers = await self._ask(host.rstrip("."), port, family)
        addresses = {answer["host"]: parse_address(answer["host"]) for answer in answers}
        permitted = [answer for answer in answers if self._policy.permits(addresses[answer["host"]])]
        if len(permitted) < len(answers) and not any(map(self._policy.allows, addresses.values())):
            raise _refused()
        return permitted

    async def _ask(self, host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                return await self._resolver.resolve(host, port, family)
        except TimeoutError:
            raise OSError(errno.ETIMEDOUT, "no answer from DNS") from None
        except OSError as error:
            if _code_of(error) == pycares.errno.ARES_ECONNREFUSED:
                raise ResolverAway(errno.ECONNREFUSED, "no name server listens") from error
            raise

    @override
    async def close(self) -> None:
        await self._resolver.close()


class ProxyResolver(AbstractResolver):
    """Knows the proxy, and nobody else: all other names are the proxy's business."""

    def __init__(self, proxy: str, resolver: AbstractResolver) -> None:
        self._host = urlsplit(proxy).hostname or ""
        self._resolver = resolver
        self.addresses: set[Address] = set()
        """Of the proxy."""
        with suppress(ValueError):
            self.addresses.add(parse_address(self._host))

    @override
    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
        if host.rstrip(".").lower() != self._host:
            raise _refused()
        try:
            answers = await self._resolver.resolve(host, port, family)
        except OSError as error:
            raise ProxyAway(errno.EADDRNOTAVAIL, "the proxy's name is not known") from error
        self.addresses.update(parse_address(answer["host"]) for answer in answers)
        return answers

    @override
    async def close(self) -> None:
        await self._resolver.close()


def _proxy_socket_factory(resolver: ProxyResolver) -> Callable[[AddrInfoType], socket.socket]:
    def connect_from(info: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, target = info
        if parse_address(str(target[0])) not in resolver.addresses:
            raise _refused()
        return socket.socket(family, kind, protocol)

    return connect_from


def _socket_factory(policy: EgressPolicy) -> Callable[[AddrInfoType], socket.socket]:
    def connect_from(info: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, target = info
        if not policy.permits(parse_address(str(target[0])), encrypted=_encrypted.get()):
            raise _refused()
        return socket.socket(family, kind, protocol)

    return connect_from


def _refused() -> AddressRefused:
    return AddressRefused(errno.EACCES, "this address is refused")


def _outcome_of(error: OSError) -> str:
    """Of a look-up that brought nothing, for the metrics."""
    if isinstance(error, AddressRefused):
        return "refused"
    if isinstance(error, ResolverAway):
        return "resolver_away"
    if error.errno == errno.ETIMEDOUT or _code_of(error) == pycares.errno.ARES_ETIMEOUT:
        return "timed_out"
    return "not_found" if _not_found(error) else "failed"


def _not_found(error: OSError) -> bool:
    """Whether name servers answered that there is no such name, as opposed to not answering."""
    return _code_of(error) in (pycares.errno.ARES_ENOTFOUND, pycares.errno.ARES_ENODATA)


def _code_of(error: OSError) -> object:
    """Of c-ares, behind aiohttp's error."""
    return error.__cause__.args[0] if error.__cause__ is not None and error.__cause__.args else None
