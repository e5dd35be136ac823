"""Hosts that cannot be reached at all: what one endpoint finds out, the others on the same host and port need not.

Only connections count, never answers: a host that answers anything is alive, whatever it thinks of one path or one tenant.
One that is not reached several times in a row rests; then one real attempt finds out, and until it has, the others wait and
use up nothing. Pure and in memory: the clock is an argument, and what is forgotten is found out anew.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from urllib.parse import urlsplit

from services.notifier.channels import Contact
from shared.schemas.endpoints import (
    ChatDestination,
    Destination,
    EmailDestination,
    NtfyDestination,
    TelegramDestination,
    WebhookDestination,
)

STRIKES = 5
"""Attempts in a row that did not reach a host before it rests."""
FIRST_REST = 15.0
LONGEST_REST = 600.0
"""Seconds it rests at first and at most; each time twice as long."""
PROBE_SECONDS = 6.0
"""How long others wait for the attempt that finds out: a little longer than a connection may take."""
MOST_HOSTS = 10_000
"""As many are remembered; beyond that, those that failed longest ago are forgotten."""
_PORTS = {"http": 80, "https": 443}


@dataclass(eq=False)
class _Record:
    strikes: int = 0
    rests: int = 0
    """How often it has rested since it was last reached."""
    rests_until: float = 0.0
    probed_at: float = float("-inf")


class Hosts:
    """Remembers hosts that were not reached lately."""

    def __init__(self, most: int = MOST_HOSTS) -> None:
        self._most = most
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def __len__(self) -> int:
        return len(self._records)

    @property
    def unreachable(self) -> int:
        """How many are not tried, or by one attempt at a time."""
        return sum(record.rests > 0 for record in self._records.values())

    def wait(self, host: str, now: float) -> float:
        """Seconds to keep away from a host; with 0 the attempt is to be made now, and may be the one that finds out."""
        record = self._records.get(host)
        if record is None or not record.rests:
            return 0.0
        free_at = max(record.rests_until, record.probed_at + PROBE_SECONDS)
        if free_at > now:
            return free_at - now
        record.probed_at = now
        return 0.0

    def ended(self, host: str, contact: Contact, now: float) -> bool:
        """An attempt is over; whether the host rests from now on."""
        match contact:
            case Contact.REACHED:
                self._records.pop(host, None)
                return False
            case Contact.UNKNOWN:
                return False
            case Contact.UNREACHED:
                return self._struck(host, now)

    def _struck(self, host: str, now: float) -> bool:
        record = self._records.setdefault(host, _Record())
        self._records.move_to_end(host)
        if len(self._records) > self._most:
            self._records.popitem(last=False)
        record.strikes += 1
        # Attempts that were under way when it began to rest tell nothing new.
        if record.strikes < STRIKES or record.rests_until > now:
            return False
        record.rests_until = now + min(LONGEST_REST, FIRST_REST * 2.0 ** min(record.rests, 20))
        record.rests += 1
        return True


def host_of(destination: Destination) -> str | None:
    """Host and port that messages go to, as in `hooks.example.com:443`; None where that is not ours to know."""
    match destination:
        case WebhookDestination(url=url) | ChatDestination(url=url) | NtfyDestination(url=url):
            return _authority(url)
        case TelegramDestination():
            return "api.telegram.org:443"
        case EmailDestination():
            return None


def _authority(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    return f"{parts.hostname.rstrip('.')}:{port}" if parts.hostname and port else None
