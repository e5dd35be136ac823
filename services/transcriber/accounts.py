"""Whose key a rented engine works with: the tenant's own, or else the deployment's. Tenants' keys lie sealed in a table."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import defaultdict
from uuid import UUID

import msgspec

from services.transcriber.engines import Account, AnsweringEngine, Engine, RentedEngine
from shared.database import Pool
from shared.errors import JobError
from shared.sealing import Sealer, Unsealable

HINT_CHARACTERS = 4

LEAST_HINTED = 16
"""Shorter keys are not hinted at."""

_TENANT, _DEPLOYMENT = "tenant", "deployment"


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

    async def of(self, tenant_id: UUID, engine: Engine, account_id: str | None = None) -> Account | None:
        """The account a tenant's tasks of an engine run on; null when nobody has a key, or the engine needs none.

        With `account_id`, which a task was begun with, it is the same owner's account, whatever key that has now: only there
        can the task be found again. Without, it is for a new task, and refused to tenants whose audio may not leave the house.
        Raises `JobError`: `engine_forbidden`, `engine_key_unreadable`.
        """
        if not isinstance(engine, RentedEngine | AnsweringEngine):
            return None
        owner = None if account_id is None else account_id.partition("-")[0]
        if owner is None and await self._forbids_rented(tenant_id):
            raise JobError("engine_forbidden", f"Your audio may not leave the house; use another engine than {engine.name}.")
        if owner != _DEPLOYMENT and (key := await self._own_key(tenant_id, engine.name)) is not None:
            return _account(engine.name, key, tenant_id=tenant_id)
        if owner != _TENANT and engine.key is not None:
            return _account(engine.name, engine.key)
        return None

    async def keep_key(self, tenant_id: UUID, engine: str, key: str) -> None:
        """Take a tenant's own key of an engine, in place of one it may have."""
        await self._pool.execute(
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

    async def remove_key(self, tenant_id: UUID, engine: str) -> bool:
        """Forget a tenant's key; whether there was one."""
        row = await self._pool.fetchval(
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

    async def _forbids_rented(self, tenant_id: UUID) -> bool:
        query = "select true from transcriber.tenant_rules where tenant_id = $1 and rules -> 'allow_rented' = 'false'"
        return bool(await self._pool.fetchval(query, tenant_id))

    async def _own_key(self, tenant_id: UUID, engine: str) -> str | None:
        sealed = await self._pool.fetchval(
            "select sealed from transcriber.provider_keys where tenant_id = $1 and engine = $2", tenant_id, engine
        )
        try:
            return None if sealed is None else self._sealer.unseal(sealed, place=_place(tenant_id, engine))
        except Unsealable:
            raise JobError(
                "engine_key_unreadable",
                f"The key that was stored for the engine {engine} cannot be read any more; "
                "the operator must store it again with `audio2txt engines key`.",
                retryable=True,
            ) from None


def _account(engine: str, key: str, *, tenant_id: UUID | None = None) -> Account:
    owner = _DEPLOYMENT if tenant_id is None else _TENANT
    digest = hashlib.sha256(f"{owner} {tenant_id} {engine} {key}".encode()).hexdigest()
    return Account(engine=engine, id=f"{owner}-{digest[:12]}", tenant_id=tenant_id, key=key)


def _place(tenant_id: UUID, engine: str) -> str:
    return f"{tenant_id}/{engine}"
