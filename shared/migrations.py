"""Numbered SQL files bring a service's schema up to date; a service refuses to start while one is pending.

Every service that owns a schema keeps its files in `migrations/` beside its code. They run inside the schema's
`search_path`, one transaction each, in the order of their names, under an advisory lock. `0000_outbox` is shared.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources

from shared.database import Connection, Pool, transaction
from shared.errors import ConfigurationError

_LOCK = 0x61327478
"""Advisory lock key: the bytes of "a2tx"."""


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
    outbox = Migration(name="0000_outbox", sql=(resources.files("shared") / "outbox.sql").read_text("utf-8"))
    return [outbox, *own]


async def apply(pool: Pool, service: str) -> list[str]:
    """Apply what is pending in the schema named after the service; returns the names applied."""
    applied_now = []
    for migration in migrations_of(service):
        async with transaction(pool) as connection:
            await connection.execute("select pg_advisory_xact_lock($1)", _LOCK)
            if await _apply_one(connection, service, migration):
                applied_now.append(migration.name)
    return applied_now


async def pending(pool: Pool, service: str) -> list[str]:
    """Names of the files not applied yet."""
    wanted = migrations_of(service)
    if not wanted:
        return []
    done = await _applied(pool, service) if await _has_schema(pool, service) else {}
    return [migration.name for migration in wanted if migration.name not in done]


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
    known = await connection.fetchval(f"select digest from {service}.migrations where name = $1", migration.name)
    if known == migration.digest:
        return False
    if known is not None:
        raise ConfigurationError(
            f"Migration {service}/{migration.name} was changed after it had been applied; restore the file."
        )
    await connection.execute(f"set local search_path to {service}, public")
    await connection.execute(migration.sql)
    await connection.execute(
        f"insert into {service}.migrations (name, digest) values ($1, $2)", migration.name, migration.digest
    )
    return True


async def _has_schema(pool: Pool, service: str) -> bool:
    return bool(await pool.fetchval("select to_regclass($1) is not null", f"{service}.migrations"))


async def _applied(pool: Pool, service: str) -> dict[str, str]:
    return {row["name"]: row["digest"] for row in await pool.fetch(f"select name, digest from {service}.migrations")}
