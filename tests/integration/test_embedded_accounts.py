"""The embedded PostgreSQL under root and ordinary accounts: no right more than needed, nothing else changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.embedded import EmbeddedPostgres
from shared.embedded.cluster import binary
from tests.embedded import ROOT, mode, owner, value

CAP_DAC_OVERRIDE = 0b10

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every account can reach."""
    folder = Path("/var/tmp") / f"audio2txt-test-{os.getpid()}"
    folder.mkdir(mode=0o755)
    yield folder
    shutil.rmtree(folder)


@as_root
async def test_root_lends_an_account_and_no_more_rights_than_needed(tmp_path: Path) -> None:
    """Below closed folders the server keeps the one capability to pass them; no other folder changes."""
    folder = tmp_path / "postgres"
    before = mode(tmp_path)
    async with EmbeddedPostgres(folder) as server:
        uid, capabilities = rights(server.pid)
        assert uid != 0
        assert capabilities == CAP_DAC_OVERRIDE
        assert (folder / "data").stat().st_uid == uid
    assert mode(tmp_path) == before


@as_root
async def test_root_keeps_no_right_where_none_is_needed(open_folder: Path) -> None:
    """Where the account can reach its folder the server has no capability at all."""
    async with EmbeddedPostgres(open_folder / "postgres") as server:
        assert rights(server.pid)[1] == 0


@as_root
async def test_programs_may_lie_below_a_closed_folder(tmp_path: Path) -> None:
    """A virtual environment in root's home works without opening that home."""
    site = copy_of_the_programs(tmp_path / "site")
    async with owner(tmp_path / "postgres", python_path=[site, ROOT]) as (_, _, url):
        assert await value(url, "select 1") == 1
    assert mode(site) & 0o077 == 0


@as_root
async def test_an_ordinary_user_needs_nothing_special(open_folder: Path) -> None:
    """Without root the server runs as ourselves, without any capability."""
    python = ordinary_python()
    os.chown(open_folder, 65534, 65534)
    command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", python]
    packages = binary("postgres").parents[3]
    async with owner(open_folder / "postgres", command=command, python_path=[ROOT, packages]) as (_, pid, url):
        assert await value(url, "select 1") == 1
        assert rights(pid) == (65534, 0)


def copy_of_the_programs(site: Path) -> Path:
    """The wheel as root installs it with a strict umask."""
    package = binary("postgres").parents[2]
    for part in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(part, site / part.name, ignore=shutil.ignore_patterns("pginstall"))
    subprocess.run(["chmod", "-R", "go-rwx", site], check=True)
    return site


def ordinary_python() -> str:
    """A Python of our version that accounts without rights can run."""
    name = f"python3.{sys.version_info.minor}"
    found = next((path for path in (f"/usr/bin/{name}", f"/usr/local/bin/{name}") if Path(path).exists()), None)
    if found is None:
        pytest.skip(f"no {name} outside closed folders")
    return found


def rights(pid: int | None) -> tuple[int, int]:
    """The account and the effective capabilities of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return int(fields["Uid"].split()[1]), int(fields["CapEff"], 16)
