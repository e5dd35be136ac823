"""What can be chosen among speech engines, as the transcriber publishes it."""

from __future__ import annotations

from uuid import UUID

import asyncpg
import msgspec
import structlog

from services.gateway.store import patiently
from shared.database import Pool
from shared.schemas.engines import EngineOffer, EngineRules

log = structlog.get_logger(__name__)


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What one tenant can choose among, and what it has decided."""

    offers: tuple[EngineOffer, ...] = ()
    """Empty while nothing is known of any engine."""
    rules: EngineRules = EngineRules()


class EngineStore:
    """Reads the transcriber's views `offered_engines` and `tenant_engines`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def choice(self, tenant_id: UUID) -> Choice:
        """What a tenant can choose among. Nothing is known before the transcriber's schema is there, and of offers that a
        newer transcriber makes in words of its own."""
        try:
            row = await patiently(
                self._pool.fetchrow(
                    """
                    select coalesce((select jsonb_agg(offer order by name) from transcriber.offered_engines), '[]') as offers,
                           coalesce(rules, '{}') || jsonb_build_object('keys', coalesce(keys, '{}'))
                               || case when exists (select from gateway.policies where tenant_id = $1 and not outside)
                                   then '{"allow_rented": false}' else '{}'::jsonb end as rules
                    from (values (1)) as one left join transcriber.tenant_engines on tenant_id = $1
                    """,
                    tenant_id,
                )
            )
            return Choice() if row is None else msgspec.convert(dict(row), Choice)
        except asyncpg.UndefinedTableError:
            return Choice()
        except msgspec.ValidationError as error:
            log.warning("engines.not_understood", error=str(error))
            return Choice()
