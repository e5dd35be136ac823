"""The parts of the gateway, put together by subject; `app` makes a service of them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from services.gateway.settings import GatewaySettings
from services.gateway.store.walled import WalledPool
from shared.egress import EgressPolicy
from shared.outbox import Outbox
from shared.runtime import Platform
from shared.solutions import Solutions


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What every part stands on."""

    platform: Platform
    """Its database asks for the system, before it is known who comes."""
    pool: WalledPool
    """Asks for whom the task that asks works."""
    settings: GatewaySettings
    outbox: Outbox
    egress: EgressPolicy
    solutions: Solutions

    @property
    def deadline(self) -> dt.timedelta:
        """In which a job must be finished."""
        return dt.timedelta(hours=self.settings.job_deadline_hours)

    @property
    def secure(self) -> bool:
        """Whether browsers reach the installation by https."""
        return (self.platform.settings.public_url or "").startswith("https://")
