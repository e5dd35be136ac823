"""Migrations on a real PostgreSQL: applied once, in order, by however many processes; refused when they were changed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from shared import migrations
from shared.database import Pool
from shared.errors import ConfigurationError
from shared.runtime import SERVICES

FIRST = "create table things (id int primary key); create index things_by_id on things (id);"
SECOND = "insert into things values (1), (2);"


@pytest.fixture
def database_url(empty_database_url: str) -> str:
    """A database without any schema of ours."""
    return empty_database_url


@pytest.fixture
def two_files(playground: Path) -> Path:
    """A service with two migrations, the second of which needs the first."""
    (playground / "0001_things.sql").write_text(FIRST)
    (playground / "0002_fill.sql").write_text(SECOND)
    (playground / "notes.txt").write_text("not a migration")
    return playground


async def test_files_are_applied_once_and_in_order(pool: Pool, two_files: Path) -> None:
    """The outbox comes first, then the service's own files by name; a second run does nothing."""
    assert await migrations.apply(pool, "playground") == ["0000_outbox", "0000_walls", "0001_things", "0002_fill"]
    assert await migrations.apply(pool, "playground") == []
    assert await pool.fetchval("select count(*) from playground.things") == 2
    assert await pool.fetchval("select count(*) from playground.outbox") == 0


async def test_a_service_refuses_to_start_while_a_file_is_pending(pool: Pool, two_files: Path) -> None:
    """The message names what is missing and the command that applies it."""
    with pytest.raises(ConfigurationError, match=r"4 migration\(s\) of playground .*0002_fill.*`audio2txt migrate`"):
        await migrations.require_current(pool, "playground")
    await migrations.apply(pool, "playground")
    await migrations.require_current(pool, "playground")
    (two_files / "0003_more.sql").write_text("select 1;")
    assert await migrations.pending(pool, "playground") == ["0003_more"]
    with pytest.raises(ConfigurationError, match="0003_more"):
        await migrations.require_current(pool, "playground")


async def test_an_edited_file_is_refused(pool: Pool, two_files: Path) -> None:
    """Neither a migration nor a start goes on with a file that is not the one that was applied."""
    await migrations.apply(pool, "playground")
    (two_files / "0001_things.sql").write_text(FIRST + " -- better")
    for attempt in (migrations.apply, migrations.require_current):
        with pytest.raises(ConfigurationError, match=r"playground/0001_things was changed after it had been applied"):
            await attempt(pool, "playground")


async def test_a_broken_file_changes_nothing(pool: Pool, two_files: Path) -> None:
    """A file that fails half-way is undone whole, its error is one sentence, and the corrected file can be applied."""
    broken = two_files / "0003_broken.sql"
    broken.write_text("insert into things values (3); insert into nowhere values (1);")
    with pytest.raises(ConfigurationError, match=r"playground/0003_broken: .*nowhere"):
        await migrations.apply(pool, "playground")
    assert await pool.fetchval("select count(*) from playground.things") == 2
    broken.write_text("insert into things values (3);")
    assert await migrations.apply(pool, "playground") == ["0003_broken"]
    assert await pool.fetchval("select count(*) from playground.things") == 3


async def test_several_processes_may_migrate_at_once(pool: Pool, two_files: Path) -> None:
    """All containers start with a migration: each file is applied by exactly one of them, and none fails."""
    runs = await asyncio.gather(*(migrations.apply(pool, "playground") for _ in range(6)))
    assert sorted(name for run in runs for name in run) == ["0000_outbox", "0000_walls", "0001_things", "0002_fill"]
    assert await pool.fetchval("select count(*) from playground.things") == 2


async def test_older_code_runs_on_a_newer_database(pool: Pool, two_files: Path) -> None:
    """During a rolling update, and after a rollback, a database that is ahead is no reason not to start."""
    await migrations.apply(pool, "playground")
    (two_files / "0002_fill.sql").unlink()
    await migrations.require_current(pool, "playground")


async def test_a_service_without_a_database_has_nothing_to_apply(pool: Pool) -> None:
    """No schema is made for it."""
    assert await migrations.apply(pool, "reporter") == []
    await migrations.require_current(pool, "reporter")
    assert await pool.fetchval("select to_regnamespace('reporter')") is None


async def test_the_real_migrations_apply_to_an_empty_database(pool: Pool) -> None:
    """Every service's files, as they are in this version, on a fresh PostgreSQL; each stays in its own schema."""
    for service in SERVICES:
        await migrations.apply(pool, service)
        await migrations.require_current(pool, service)
    strangers = await pool.fetch(
        "select schemaname || '.' || tablename as name from pg_tables "
        "where schemaname not in ('pg_catalog', 'information_schema') and schemaname <> all($1::text[])",
        list(SERVICES),
    )
    assert [row["name"] for row in strangers] == []
