"""Whose key a rented engine works with: the tenant's own, or else the deployment's. Tenants' keys lie sealed in a table."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import defaultdict
from uuid import UUID

import msgspec
import structlog

from services.transcriber.engines import Account, AnsweringEngine, Engine, RentedEngine
from shared.database import Connection, Pool
from shared.sealing import Sealer, Unsealable

HINT_CHARACTERS = 4

LEAST_HINTED = 16
"""Shorter keys are not hinted at."""

_TENANT, _DEPLOYMENT = "tenant", "deployment"

log = structlog.get_logger(__name__)


class WaitingAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account whose provider takes nothing for now."""

    engine: str
    account_id: str
    tenant_id: UUID | None
    """Whose it is; null is the deployment's."""
    reason: str
    message: str
    paused_until: dt.datetime | None
    """Null where its jobs fail instead of waiting."""


class Accounts:
    """Finds the account of a task, and keeps the keys that tenants bring."""

    def __init__(self, *, pool: Pool, secret_key: bytes) -> None:
        self._pool = pool
        self._sealer = Sealer(secret_key, purpose="provider key")
        self._unreadable: set[bytes] = set()
        """Told once each."""

    async def of(self, tenant_id: UUID, engine: Engine, account_id: str | None = None) -> Account | None:
        """The account a tenant's tasks of an engine run on; null when nobody has a key, or the engine needs none.

        With `account_id`, which a task was begun with, it is the same owner's account, whatever key that has now: only there
        can the task be found again. A key that cannot be read counts as none, and never as the deployment's.
        """
        if not isinstance(engine, RentedEngine | AnsweringEngine):
            return None
        owner = None if account_id is None else account_id.partition("-")[0]
        if owner != _DEPLOYMENT and (sealed := await self._sealed(tenant_id, engine.name)) is not None:
            key = self._unsealed(sealed, tenant_id, engine.name)
            return None if key is None else _account(engine.name, key, tenant_id=tenant_id)
        if owner != _TENANT and engine.key is not None:
            return _account(engine.name, engine.key)
        return None

    async def keep_key(self, tenant_id: UUID, engine: str, key: str, *, within: Connection | None = None) -> None:
        """Take a tenant's own key of an engine, in place of one it may have; also `within` a transaction."""
        await (within or self._pool).execute(
            """
            insert into transcriber.provider_keys (tenant_id, engine, sealed, hint) values ($1, $2, $3, $4)
            on conflict (tenant_id, engine) do update
            set sealed = excluded.sealed, hint = excluded.hint, updated_at = now()
            """,
            tenant_id,
            engine,
            self._sealer.seal(key, place=_place(tenant_id, engine)),
            key[-HINT_CHARACTERS:] if len(key) >= LEAST_HINTED else "",
        )

    async def remove_key(self, tenant_id: UUID, engine: str, *, within: Connection | None = None) -> bool:
        """Forget a tenant's key, also `within` a transaction; whether there was one."""
        row = await (within or self._pool).fetchval(
            "delete from transcriber.provider_keys where tenant_id = $1 and engine = $2 returning engine", tenant_id, engine
        )
        return row is not None

    async def hints(self) -> dict[UUID, dict[str, str]]:
        """The last characters of tenants' keys, by tenant and engine."""
        hints: defaultdict[UUID, dict[str, str]] = defaultdict(dict)
        for row in await self._pool.fetch("select tenant_id, engine, hint from transcriber.provider_keys"):
            hints[row["tenant_id"]][row["engine"]] = row["hint"]
        return dict(hints)

    async def waiting(self) -> list[WaitingAccount]:
        """The accounts that are paused, or whose jobs fail."""
        rows = await self._pool.fetch(
            """
            select engine, account_id, tenant_id, reason, message, paused_until from transcriber.accounts
            where paused_until is null or paused_until > now() order by engine, account_id
            """
        )
        return [msgspec.convert(dict(row), WaitingAccount) for row in rows]

    async def _sealed(self, tenant_id: UUID, engine: str) -> bytes | None:
        sealed: bytes | None = await self._pool.fetchval(
            "select sealed from transcriber.provider_keys where tenant_id = $1 and engine = $2", tenant_id, engine
        )
        return sealed

    def _unsealed(self, sealed: bytes, tenant_id: UUID, engine: str) -> str | None:
        try:
            return self._sealer.unseal(sealed, place=_place(tenant_id, engine))
        except Unsealable as error:
            if sealed not in self._unreadable:
                self._unreadable.add(sealed)
                log.error("provider_key.unreadable", tenant_id=str(tenant_id), engine=engine, error=str(error))
            return None


def _account(engine: str, key: str, *, tenant_id: UUID | None = None) -> Account:
    owner = _DEPLOYMENT if tenant_id is None else _TENANT
    digest = hashlib.sha256(f"{owner} {tenant_id} {engine} {key}".encode()).hexdigest()
    return Account(engine=engine, id=f"{owner}-{digest[:12]}", tenant_id=tenant_id, key=key)


def _place(tenant_id: UUID, engine: str) -> str:
    return f"{tenant_id}/{engine}"
