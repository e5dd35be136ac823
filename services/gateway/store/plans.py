"""Plans, and which tenant has which."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Meta

from services.gateway.audit import Action, Fact, entry_of
from services.gateway.store import patiently
from services.gateway.store.audit import note
from shared.database import Pool, transaction
from shared.errors import Audio2txtError


class Feature(enum.StrEnum):
    """What a plan may leave out."""

    RENTED_ENGINES = "rented_engines"
    LANGUAGE_MODELS = "language_models"
    REDACTION = "redaction"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `gateway.plans`: what a tenant may use. Null is without limit."""

    name: str
    minutes_per_month: Annotated[int, Meta(ge=0)] | None = None
    """Of audio, in a calendar month (UTC)."""
    storage_bytes: Annotated[int, Meta(ge=0)] | None = None
    """Of recordings."""
    concurrent_jobs: Annotated[int, Meta(ge=1)] | None = None
    """At work at once; the others wait."""
    waiting_jobs: Annotated[int, Meta(ge=1)] | None = None
    features: tuple[Feature, ...] | None = None

    def has(self, feature: Feature) -> bool:
        """Whether it is part of the plan."""
        return self.features is None or feature in self.features


class PlanTaken(Audio2txtError):
    """There is a plan of this name, or tenants have the one that is to go."""


_COLUMNS = ", ".join(field.name for field in msgspec.structs.fields(Plan))


class PlanStore:
    """Rows of `gateway.plans`, and the plan of each row of `gateway.tenants`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def of(self, tenant_id: UUID) -> Plan | None:
        """A tenant's plan; null where it has none."""
        row = await patiently(
            self._pool.fetchrow(
                "select p.* from gateway.plans p join gateway.tenants t on t.plan = p.name where t.id = $1", tenant_id
            )
        )
        return None if row is None else msgspec.convert(dict(row), Plan)

    async def all(self) -> list[tuple[Plan, tuple[str, ...]]]:
        """All plans by name, each with the names of its tenants."""
        rows = await self._pool.fetch(
            """
            select p.*, array(select t.name from gateway.tenants t where t.plan = p.name order by t.name) as tenants
            from gateway.plans p order by p.name
            """
        )
        return [(msgspec.convert(dict(row), Plan), tuple(row["tenants"])) for row in rows]

    async def add(self, plan: Plan) -> None:
        """A new plan. Raises `PlanTaken`."""
        try:
            await self._pool.execute(
                f"insert into gateway.plans ({_COLUMNS}) values ($1, $2, $3, $4, $5, $6)", *msgspec.structs.astuple(plan)
            )
        except asyncpg.UniqueViolationError:
            raise PlanTaken(f"There is a plan {plan.name!r} already; `change` changes it.") from None

    async def change(self, plan: Plan) -> Sequence[UUID]:
        """Give a plan other limits; the tenants that have it."""
        async with transaction(self._pool) as connection:
            before = await connection.fetchrow(f"select {_COLUMNS} from gateway.plans where name = $1 for update", plan.name)
            await connection.execute(
                f"update gateway.plans set ({_COLUMNS}) = ($1, $2, $3, $4, $5, $6) where name = $1",
                *msgspec.structs.astuple(plan),
            )
            rows = await connection.fetch("select id from gateway.tenants where plan = $1", plan.name)
            was = None if before is None else _facts(msgspec.convert(dict(before), Plan))
            for row in rows:
                entry = entry_of(Action.PLAN_CHANGED, row["id"], row["id"], before=was, after=_facts(plan))
                await note(connection, entry)
        return [row["id"] for row in rows]

    async def remove(self, name: str) -> None:
        """Forget a plan that no tenant has. Raises `PlanTaken`."""
        try:
            await self._pool.execute("delete from gateway.plans where name = $1", name)
        except asyncpg.ForeignKeyViolationError:
            raise PlanTaken(f"Tenants have the plan {name!r}; give them another one first.") from None

    async def assign(self, tenant_id: UUID, plan: Plan | None) -> None:
        """Give a tenant a plan, or none."""
        async with transaction(self._pool) as connection:
            before = await connection.fetchval("select plan from gateway.tenants where id = $1 for update", tenant_id)
            name = None if plan is None else plan.name
            await connection.execute("update gateway.tenants set plan = $2 where id = $1", tenant_id, name)
            after: dict[str, Fact] = {"name": None} if plan is None else _facts(plan)
            entry = entry_of(Action.PLAN_ASSIGNED, tenant_id, tenant_id, before={"name": before}, after=after)
            await note(connection, entry)


def _facts(plan: Plan) -> dict[str, Fact]:
    """What the audit log keeps of a plan."""
    return {**msgspec.structs.asdict(plan), "features": None if plan.features is None else tuple(map(str, plan.features))}
