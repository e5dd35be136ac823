"""What may be asked how often, and how clients are told (draft-ietf-httpapi-ratelimit-headers-10)."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from services.gateway.problems import Problem
from services.gateway.settings import GatewaySettings

BURST_SECONDS = 10
"""After a pause, so many seconds' worth may be asked at once."""
LEASE_SECONDS = 0.25
"""For how long a process may use what it was given. See `Policy.shared`."""


class RateClass(enum.StrEnum):
    """What is counted together."""

    READS = "reads"
    WRITES = "writes"
    UPLOADS = "uploads"
    """Requests that bring bytes of recordings."""
    REFUSALS = "refusals"
    """Requests of one address that nobody vouches for: with a wrong key, or none."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """In any span of `t` seconds at most `burst + t * per_minute / 60` requests of a class."""

    name: RateClass
    per_minute: int

    @property
    def gap(self) -> float:
        """Seconds until one more may be made."""
        return 60.0 / self.per_minute

    @property
    def burst(self) -> int:
        """How many may be made at once."""
        return max(1, self.per_minute * BURST_SECONDS // 60)

    @property
    def shared(self) -> int:
        """The burst that processes are given requests out of.

        What was given at one time is used up to `LEASE_SECONDS` later, so the uses in a span of `t` seconds were given in one
        of `t + LEASE_SECONDS`: with this burst they still stay below the limit.
        """
        return self.burst - self._in_a_lease if self.in_advance else self.burst

    @property
    def in_advance(self) -> bool:
        """Whether requests are given before they are made; not where hardly any come in the time of a lease."""
        return LEASE_SECONDS / self.gap >= 2

    @property
    def _in_a_lease(self) -> int:
        return math.ceil(LEASE_SECONDS / self.gap)

    @cached_property
    def field(self) -> bytes:
        """The field `RateLimit-Policy`: `w` is how long it takes until all of `q` may be asked again."""
        return f'"{self.name}";q={self.burst};w={math.ceil(self.burst * self.gap)}'.encode()


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where somebody stands."""

    policy: Policy
    remaining: int
    full_in: float
    """Seconds until the whole burst may be made again."""
    retry_in: float | None = None
    """Seconds until the next one may be made; null where this one may be."""

    @property
    def fields(self) -> tuple[tuple[bytes, bytes], ...]:
        """The header fields that every answer has."""
        state = f'"{self.policy.name}";r={self.remaining};t={math.ceil(self.full_in)}'.encode()
        return (b"ratelimit-policy", self.policy.field), (b"ratelimit", state)

    @property
    def problem(self) -> Problem:
        """What is said to whoever has to wait."""
        policy, seconds = self.policy, max(1, math.ceil(self.retry_in or 0))
        what = "refused requests" if policy.name is RateClass.REFUSALS else policy.name
        whose = "Your address" if policy.name is RateClass.REFUSALS else "Your tenant"
        detail = (
            f"{whose} may make {policy.per_minute:,} {what} a minute and {policy.burst:,} at once, which is used up; "
            f"try again in {seconds} s, and spread requests out."
        )
        return Problem(429, "rate_limited", detail, headers={"Retry-After": str(seconds)})


def policies_of(settings: GatewaySettings) -> Mapping[RateClass, Policy]:
    """The classes that an operator limits."""
    rates = {
        RateClass.READS: settings.rate_reads_per_minute,
        RateClass.WRITES: settings.rate_writes_per_minute,
        RateClass.UPLOADS: settings.rate_uploads_per_minute,
        RateClass.REFUSALS: settings.rate_refusals_per_minute,
    }
    return {name: Policy(name=name, per_minute=rate) for name, rate in rates.items() if rate}
