"""`audio2txt doctor` diagnoses every installation, also one that holds a part of the code."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

from tests.servers.postgresql import PostgresServer

ROOT = Path(__file__).parents[2]


async def test_it_runs_where_only_the_gateway_is_installed(tmp_path: Path, postgres_server: PostgresServer) -> None:
    """As in the gateway's image: of the other services there is what migrates their schemas, and nothing else."""
    code = tmp_path / "code"
    shutil.copytree(ROOT / "shared", code / "shared")
    for service in ("commands", "gateway"):
        shutil.copytree(ROOT / "services" / service, code / "services" / service)
    for source in (*ROOT.glob("services/*.py"), *ROOT.glob("services/*/__init__.py")):
        target = code / source.relative_to(ROOT)
        target.parent.mkdir(exist_ok=True)
        shutil.copy(source, target)
    settings = {
        "PATH": "/usr/bin:/bin",
        "AUDIO2TXT_DATA_DIR": str(tmp_path / "data"),
        "AUDIO2TXT_DATABASE_URL": postgres_server.url.replace("/audio2txt?", "/nothing?"),
    }
    command = (sys.executable, "-m", "services", "doctor")
    doctor = await asyncio.create_subprocess_exec(*command, cwd=code, env=settings, stdout=-1, stderr=-1)
    said, complained = (stream.decode() for stream in await doctor.communicate())
    assert "Traceback" not in complained
    findings = {line.split()[1]: line.split()[0] for line in said.splitlines() if line.strip()}
    assert (findings["gateway"], findings["speakers"], findings["fonts"], findings["database"]) == (
        "ok",
        "off",
        "off",
        "missing",
    )
