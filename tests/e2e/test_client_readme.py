"""What a developer reads first about the Python client works as it stands there, from an installation of its own."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx_sse
import pytest

import audio2txt_client as a2t
from tests.clienting import FACES, facing
from tests.customer import SAMPLE, Receiver
from tests.installation import Installation
from tests.recordings import silence

PROJECT = Path(__file__).parents[2] / "clients" / "python"
PAGE = (PROJECT / "README.md").read_text(encoding="utf-8")


def snippet(name: str) -> str:
    """The code behind its mark on the page."""
    found = re.search(rf"<!-- {re.escape(name)} -->\n```python\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that has the client's wheel and what that needs, and nothing of the platform."""
    folder = tmp_path_factory.mktemp("client")
    source = shutil.copytree(PROJECT, folder / "source", ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
    options = ("--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation")
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", folder, source], check=True)
    venv.create(folder / "venv", with_pip=False)
    # Its dependencies come from here, so that the test needs no network; the platform's own folder does not.
    [library] = (folder / "venv" / "lib").glob("python*/site-packages")
    (library / "dependencies.pth").write_text(str(Path(httpx_sse.__file__).parents[1]) + "\n")
    [wheel] = folder.glob("*.whl")
    subprocess.run([sys.executable, "-m", "pip", "install", *options[:3], "--target", library, wheel], check=True)
    return folder / "venv" / "bin" / "python"


async def _run(python: Path, name: str, folder: Path, environment: Mapping[str, str]) -> str:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("AUDIO2TXT_", "PYTHON"))}
    process = await asyncio.create_subprocess_exec(
        python, "-W", "error", "-c", snippet(name), cwd=folder, env={**inherited, **environment},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await process.communicate()
    assert process.returncode == 0, f"{name}: {out.decode()}"
    return out.decode()


async def test_the_examples_do_what_they_say(python: Path, one: Installation, tmp_path: Path) -> None:
    """Send, wait and fetch; follow; resume; mend: one after the other, on real speech."""
    shutil.copy(SAMPLE, tmp_path / "interview.m4a")
    environment = {"AUDIO2TXT_URL": one.url, "AUDIO2TXT_API_KEY": one.api_key}
    await _run(python, "start.py", tmp_path, environment)
    assert (tmp_path / "interview.pdf").read_bytes().startswith(b"%PDF-")
    followed = await _run(python, "start_async.py", tmp_path, environment)
    assert "completed 1.0" in followed
    assert "best of times" in followed.lower()
    sent = await _run(python, "resume.py", tmp_path, environment)
    size = f"{SAMPLE.stat().st_size:,}"
    assert f"{size} of {size} bytes" in sent
    assert not (tmp_path / "upload-id").exists()
    await _run(python, "mend.py", tmp_path, environment)
    async with facing("async", url=one.url, api_key=one.api_key) as face:
        job = next(job for job in await face(lambda c: c.jobs.list(state="completed")) if job.revision == 1)
        assert (await face(lambda c: c.transcripts.get(job.id))).segments[0].text == "It was."


async def test_the_examples_for_many_and_for_administrators_do_what_they_say(
    python: Path, one: Installation, tmp_path: Path
) -> None:
    """Many at once; ask as a user; take along and erase."""
    environment = {"AUDIO2TXT_URL": one.url, "AUDIO2TXT_API_KEY": one.api_key}
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings" / "a.ogg").write_bytes(SAMPLE.read_bytes()[:40_000])  # its first seconds
    (tmp_path / "recordings" / "b.ogg").write_bytes(silence(3))
    told = await _run(python, "batch.py", tmp_path, environment)
    assert (told.count("completed None"), told.count("failed None")) == (1, 1)
    assert "best of times" in (tmp_path / "a.ogg.md").read_text(encoding="utf-8").lower()
    await _add_user(one, email="chen@example.com", password="four umbrellas and a hat")
    assert await _run(python, "user_token.py", tmp_path, {"AUDIO2TXT_URL": one.url}) == "chen\n"
    assert "running" in await _run(python, "privacy.py", tmp_path, environment)
    assert zipfile.is_zipfile(tmp_path / "everything.zip")


async def _add_user(one: Installation, *, email: str, password: str) -> None:
    arguments = ("admin", "users", "add", "default", email, "--role", "editor", "--password-stdin")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services", *arguments, env={**os.environ, **one.environment("all")}, stdin=subprocess.PIPE
    )
    await process.communicate(f"{password}\n".encode())
    assert process.returncode == 0


@pytest.mark.parametrize("kind", FACES)
async def test_the_platform_s_webhooks_are_believed(kind: str, one: Installation, receiver: Receiver) -> None:
    """A delivery of a real job passes the example, as it came, and says what became of the job."""
    async with facing(kind, url=one.url, api_key=one.api_key) as face:
        job = await face(lambda c: c.jobs.create(SAMPLE, engine="scripted", callback_url=receiver.url))
        await receiver.wait_for_job(str(job.id))
        secret = await face(lambda c: c.account.webhook_secret())
    names: dict[str, Any] = {}
    exec(compile(snippet("webhooks.py"), "webhooks.py", "exec"), names)
    headers, body = receiver.requests[-1]
    receive = names["receive"]
    names["SECRETS"] = ["whsec_" + "AAAA" * 8]
    assert receive(headers, body) == 400
    names["SECRETS"] += [secret]
    assert receive(headers, body) == 204
    event = a2t.verify_webhook(body, headers, secret)
    assert event.job is not None
    assert (event.job.id, event.job.state, event.type) == (job.id, a2t.JobState.COMPLETED, a2t.EventType.JOB_COMPLETED)
