"""Numbered SQL files bring a service's schema up to date; a service refuses to start while one is pending.

Every service that owns a schema keeps its files in `migrations/` beside its code. They run inside the schema's
`search_path`, one transaction each, in the order of their names, under an advisory lock. `0000_outbox` and
`0000_walls` are shared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

import asyncpg

from shared.database import Connection, Pool, is_outage, transaction
from shared.errors import ConfigurationError

_LOCK = 0x61327478
"""Advisory lock key: the bytes of "a2tx"."""

LONGEST_MIGRATION = 3600.0
"""Seconds one file may take, or wait for another process that applies it."""


@dataclass(frozen=True, kw_only=True)
class Migration:
    """One SQL file."""

    name: str
    sql: str

    @property
    def digest(self) -> str:
        """Tells an edited file from the applied one."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations_of(service: str) -> list[Migration]:
    """The files of one service, in order; empty for a service without a database."""
    folder = resources.files(f"services.{service}") / "migrations"
    if not folder.is_dir():
        return []
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    own = [Migration(name=file.name.removesuffix(".sql"), sql=file.read_text("utf-8")) for file in files]
    outbox = Migration(name="0000_outbox", sql=(resources.files("shared.outbox") / "outbox.sql").read_text("utf-8"))
    walls = Migration(name="0000_walls", sql=(resources.files("shared") / "walls.sql").read_text("utf-8"))
    return [outbox, walls, *own]


async def apply(pool: Pool, service: str) -> list[str]:
    """Apply what is pending in the schema named after the service; returns the names applied.

    Any number of processes may do this at once. Raises `ConfigurationError` for a file that was changed after it had
    been applied, or that PostgreSQL refuses; what came before it stays applied.
    """
    applied_now: list[str] = []
    if not await pending(pool, service):  # as at nearly every start
        return applied_now
    for migration in migrations_of(service):
        async with transaction(pool) as connection:
            await connection.execute("select pg_advisory_xact_lock($1)", _LOCK, timeout=LONGEST_MIGRATION)
            if await _apply_one(connection, service, migration):
                applied_now.append(migration.name)
    return applied_now


async def pending(pool: Pool, service: str) -> list[str]:
    """Names of the files not applied yet. Raises `ConfigurationError` when one was changed after it had been applied."""
    done = await _applied(pool, service)
    return [migration.name for migration in migrations_of(service) if not _is_done(service, migration, done)]


async def require_current(pool: Pool, service: str) -> None:
    """Raise `ConfigurationError` while a migration of the service is pending."""
    if names := await pending(pool, service):
        raise ConfigurationError(
            f"The database lacks {len(names)} migration(s) of {service} ({', '.join(names)}); run `audio2txt migrate` first."
        )


async def _apply_one(connection: Connection, service: str, migration: Migration) -> bool:
    await connection.execute(f"create schema if not exists {service}")
    await connection.execute(
        f"create table if not exists {service}.migrations "
        "(name text primary key, digest text not null, applied_at timestamptz not null default now())"
    )
    if _is_done(service, migration, await _applied(connection, service)):
        return False
    await connection.execute(f"set local search_path to {service}, public")
    try:
        await connection.execute(migration.sql, timeout=LONGEST_MIGRATION)
    except asyncpg.PostgresError as error:
        if is_outage(error):
            raise
        raise ConfigurationError(f"PostgreSQL refuses the migration {service}/{migration.name}: {error}.") from error
    await connection.execute(
        f"insert into {service}.migrations (name, digest) values ($1, $2)", migration.name, migration.digest
    )
    return True


def _is_done(service: str, migration: Migration, done: Mapping[str, str]) -> bool:
    if done.get(migration.name, migration.digest) != migration.digest:
        raise ConfigurationError(
            f"The migration {service}/{migration.name} was changed after it had been applied; restore the file, "
            "and put the change into a new one."
        )
    return migration.name in done


async def _applied(database: Pool | Connection, service: str) -> dict[str, str]:
    """Digests by name; empty before the first migration."""
    if not await database.fetchval("select to_regclass($1) is not null", f"{service}.migrations"):
        return {}
    return {row["name"]: row["digest"] for row in await database.fetch(f"select name, digest from {service}.migrations")}
