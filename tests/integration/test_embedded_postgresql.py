"""The embedded PostgreSQL: started with us, kept running, ended with us, and in nobody's way."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from shared.database import open_pool
from shared.embedded import DatabaseInUse, EmbeddedPostgres, connect_or_start, predecessor
from shared.embedded.server import Server
from shared.errors import ConfigurationError
from tests.embedded import connected, execute, mode, owner, reachable, until, value


@pytest.fixture(scope="session")
def first_start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that has been started once, to be copied: a first start costs a second."""
    folder = tmp_path_factory.mktemp("embedded") / "postgres"

    async def start_once() -> None:
        async with EmbeddedPostgres(folder):
            pass

    asyncio.run(start_once())
    return folder


@pytest.fixture
def folder(first_start: Path, tmp_path: Path) -> Path:
    """A folder with data, whose parents are closed to others, as pytest makes them."""
    subprocess.run(["cp", "-a", first_start, tmp_path / "postgres"], check=True)
    return tmp_path / "postgres"


async def test_it_answers_on_loopback_only_and_forgets_nothing(folder: Path) -> None:
    """The server listens on 127.0.0.1 alone, writes durably with checksums, and keeps its data over a restart."""
    async with EmbeddedPostgres(folder) as server:
        await execute(server.url, "create table kept (word text)", "insert into kept values ('資料')")
        async with connected(server.url) as connection:
            for setting in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
                assert await connection.fetchval("select current_setting($1)", setting) == "on"
            assert await connection.fetchval("select current_setting('listen_addresses')") == "127.0.0.1"
            assert await connection.fetchval("select current_setting('unix_socket_directories')") == ""
            assert await connection.fetchval("select current_setting('server_encoding')") == "UTF8"
    async with EmbeddedPostgres(folder) as server:
        assert await value(server.url, "select word from kept") == "資料"


async def test_nobody_gets_in_without_the_password(folder: Path) -> None:
    """The password is needed, even from this machine, and its file is for the owner alone."""
    async with EmbeddedPostgres(folder) as server:
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(server.url.replace(password_of(server.url), "guess"))
        assert mode(folder / "password") == 0o600
        assert mode(folder / "data") == 0o700


async def test_the_callers_surroundings_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Long paths, spaces, other scripts and PG* variables change nothing."""
    for name in ("PGHOST", "PGUSER", "PGDATABASE", "PGPASSWORD", "PGSERVICE", "PGDATA", "PGOPTIONS"):
        monkeypatch.setenv(name, "nonsense")
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("PGSSLMODE", "require")
    monkeypatch.setenv("LC_ALL", "tlh_QO.UTF-8")
    folder = tmp_path / "a folder's name" / "ünï 資料" / ("long-" * 30)
    async with EmbeddedPostgres(folder) as server:
        assert await value(server.url, "select current_database()") == "audio2txt"


async def test_it_dies_with_its_owner_and_loses_nothing(folder: Path) -> None:
    """Kill -9 of the owner takes the server along; the next owner finds every committed row."""
    async with owner(folder) as (process, _, url):
        await execute(url, "create table kept (n int)", "insert into kept select generate_series(1, 500)")
        process.kill()
        await process.wait()
        async with EmbeddedPostgres(folder) as server:
            assert await value(server.url, "select count(*) from kept") == 500


async def test_it_recovers_when_both_are_killed(folder: Path) -> None:
    """Kill -9 of owner and server at once: the next owner starts at once, with every committed row."""
    async with owner(folder) as (process, pid, url):
        await execute(url, "create table kept (n int)", "insert into kept select generate_series(1, 500)")
        os.kill(pid, signal.SIGKILL)
        process.kill()
        await process.wait()
        async with EmbeddedPostgres(folder) as server:
            assert await value(server.url, "select count(*) from kept") == 500


async def test_it_comes_back_under_a_running_application(folder: Path) -> None:
    """Kill -9 of the server alone: a pool that was open before works again, at the same URL."""
    async with EmbeddedPostgres(folder) as server:
        pool = await open_pool(server.url, size=2)
        await pool.execute("create table kept as select 7 as n")
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)

        async def serves() -> bool:
            return await attempt(pool) == 7

        await until(serves)
        await pool.close()


async def test_it_waits_for_its_port(folder: Path) -> None:
    """When another program took the port meanwhile, the server comes back as soon as that lets go."""
    async with EmbeddedPostgres(folder) as server:
        address = ("127.0.0.1", urlsplit(server.url).port)
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        with socket.socket() as squatter:
            squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            await until(lambda: bound(squatter, address))
            squatter.listen()
            await until(lambda: log_says(folder, "could not bind"))
        await until(lambda: reachable(server.url))


async def test_control_c_is_not_for_the_server(folder: Path) -> None:
    """An interrupt from the terminal reaches the application's process group, of which the server is no part."""
    async with EmbeddedPostgres(folder) as server:
        assert server.pid is not None
        assert os.getpgid(server.pid) != os.getpgid(0)
        assert os.getsid(server.pid) != os.getsid(0)


async def test_a_second_owner_is_refused_by_name(folder: Path) -> None:
    """While an owner lives, another one is told which process that is."""
    async with owner(folder) as (process, _, _):
        with pytest.raises(DatabaseInUse, match=f"in use by process {process.pid}: stop that one first"):
            async with EmbeddedPostgres(folder):
                pass


async def test_tools_attach_to_the_owners_server_or_start_their_own(folder: Path) -> None:
    """A tool reads what the service wrote while that runs, and leaves its server alone; afterwards it starts one."""
    async with owner(folder) as (_, _, url):
        await execute(url, "create table kept as select 7 as n")
        async with connect_or_start(folder) as found:
            assert await value(found, "select n from kept") == 7
        assert await value(url, "select n from kept") == 7
    async with connect_or_start(folder) as own:
        assert await value(own, "select n from kept") == 7


async def test_many_processes_at_once_share_one_server(tmp_path: Path) -> None:
    """Tools that race for the first start end up with one server between them."""
    folder = tmp_path / "postgres"
    everybody = asyncio.Barrier(4)

    async def tool() -> None:
        async with connect_or_start(folder) as url:
            assert await value(url, "select 1") == 1
            await everybody.wait()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(4):
            tasks.create_task(tool())


async def test_a_recycled_process_id_does_not_stop_it(folder: Path) -> None:
    """In a restarted container the old server's process id may be that of another program of the same account."""
    async with EmbeddedPostgres(folder):
        kept = (folder / "data" / "postmaster.pid").read_text()
    stranger = await asyncio.create_subprocess_exec("sleep", "60", user=(folder / "data").stat().st_uid)
    _, _, rest = kept.partition("\n")
    (folder / "data" / "postmaster.pid").write_text(f"{stranger.pid}\n{rest}")
    async with EmbeddedPostgres(folder) as server:
        assert await value(server.url, "select 1") == 1
    stranger.kill()
    await stranger.wait()


async def test_an_orphan_is_stopped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system does not end a server with its owner, the next owner does."""
    monkeypatch.setattr(predecessor, "ORPHAN_SECONDS", 0.1)
    orphan = Server(folder)
    await orphan.start()
    async with EmbeddedPostgres(folder) as server:
        assert await value(server.url, "select 1") == 1
        assert orphan.pid is None


async def test_an_interrupted_first_start_is_repeated(tmp_path: Path) -> None:
    """What a crash during the first start left behind is thrown away."""
    folder = tmp_path / "postgres"
    (folder / "data.new").mkdir(parents=True)
    (folder / "data.new" / "PG_VERSION").write_text("18\n")
    async with EmbeddedPostgres(folder) as server:
        assert await value(server.url, "select 1") == 1
    assert not (folder / "data.new").exists()


async def test_nothing_is_left_running(folder: Path) -> None:
    """After the context its port refuses, and every process of the server is gone."""
    async with EmbeddedPostgres(folder) as server:
        url = server.url
    assert server.pid is None
    assert not await reachable(url)


async def test_data_of_another_version_is_refused(tmp_path: Path) -> None:
    """Data of another PostgreSQL is named as such and left alone."""
    folder = tmp_path / "postgres"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "PG_VERSION").write_text("16\n")
    with pytest.raises(ConfigurationError, match="is of PostgreSQL 16, but version 18 is installed here"):
        async with EmbeddedPostgres(folder):
            pass


async def test_a_wrong_password_file_is_named(folder: Path) -> None:
    """Whoever lost the password file is told which file it is; the server does not stay behind."""
    (folder / "password").write_text("another")
    with pytest.raises(ConfigurationError, match="does not hold the password"):
        async with EmbeddedPostgres(folder):
            pass
    (folder / "password").unlink()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        async with EmbeddedPostgres(folder):
            pass
    assert not (folder / "data" / "postmaster.pid").exists()


async def test_a_server_that_cannot_start_says_why(folder: Path) -> None:
    """PostgreSQL's own reason ends up in the sentence, with the log's place."""
    (folder / "data" / "global" / "pg_control").unlink()
    with pytest.raises(ConfigurationError, match=r"does not start in .*pg_control.*its log is .*postgres\.log"):
        async with EmbeddedPostgres(folder):
            pass


def password_of(url: str) -> str:
    """The password inside a URL."""
    password = urlsplit(url).password
    assert password is not None
    return password


async def attempt(pool: asyncpg.Pool) -> object:
    """What the table holds, or nothing while the server is away."""
    try:
        return await pool.fetchval("select n from kept")
    except (OSError, asyncpg.PostgresError, asyncpg.InternalClientError):
        return None


async def bound(squatter: socket.socket, address: tuple[str, int | None]) -> bool:
    """Whether the port is ours now."""
    try:
        squatter.bind(address)
    except OSError:
        return False
    return True


async def log_says(folder: Path, words: str) -> bool:
    """Whether the server's log holds these words."""
    return words in await asyncio.to_thread((folder / "postgres.log").read_text)
