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


class EgressTrouble(enum.StrEnum):
    """Why there is no answer. These words may be shown to customers; the errors' own text names addresses."""

    REFUSED = "address_refused"
    NAME = "name_not_found"
    CONNECT = "connection_failed"
    TLS = "tls_failed"
    TIMEOUT = "timed_out"
    DROPPED = "connection_lost"
    INVALID = "answer_invalid"


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
        trust_env=False,
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=total, sock_connect=connect, sock_read=read),
    )


def trouble_of(error: Exception) -> EgressTrouble:
    """What an exception of a guarded session means; raises it again when it is none of the session's."""
    import aiohttp

    if isinstance(error, EgressRefused) or isinstance(getattr(error, "os_error", None), AddressRefused):
        return EgressTrouble.REFUSED
    kinds: tuple[tuple[type[Exception], EgressTrouble], ...] = (
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
