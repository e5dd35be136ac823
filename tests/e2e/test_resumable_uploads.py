"""The clients that others wrote upload over a network that breaks to a gateway that is killed, and lose nothing."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path

import pytest

from shared.blobs import BlobStore
from tests.customer import Customer
from tests.fixtures_installation import StoredKeys
from tests.gatewaying import WAV
from tests.installation import Installation
from tests.relay import Relay, relaying

MIB = 1024 * 1024
SIZE = 192 * MIB
CUT_EVERY = 40 * MIB
KILL_AFTER = 90 * MIB
TUS_JS = "tus-js-client@4.3.1"
BY_NODE = """
const fs = require("node:fs");
const tus = require("tus-js-client");
const [path, endpoint, key] = process.argv.slice(2);
const upload = new tus.Upload(fs.createReadStream(path), {
  endpoint,
  uploadSize: fs.statSync(path).size,
  chunkSize: Infinity,
  metadata: { filename: "meeting.wav", filetype: "audio/wav" },
  headers: { Authorization: `Bearer ${key}` },
  retryDelays: [200, 500, ...Array(30).fill(1000)],
  onError: (error) => { console.error(String(error)); process.exit(1); },
  onSuccess: () => { console.log(upload.url); },
});
upload.start();
"""
BY_PYTHON = """
import sys
from tusclient.client import TusClient
path, endpoint, key, mebibytes, checksums = sys.argv[1:]
uploader = TusClient(endpoint, headers={"Authorization": f"Bearer {key}"}).uploader(
    path, chunk_size=int(mebibytes) << 20, metadata={"filename": "meeting.wav"}, retries=30, retry_delay=1,
    upload_checksum=checksums == "yes",
)
uploader.upload()
print(uploader.url)
"""

Send = Callable[[Path, str, str], Coroutine[None, None, str]]


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound file that no compression makes smaller."""
    path = tmp_path_factory.mktemp("recording") / "meeting.wav"
    with path.open("wb") as file:
        file.write(WAV + os.urandom(MIB - len(WAV)))
        for _ in range(SIZE // MIB - 1):
            file.write(os.urandom(MIB))
    return path


@pytest.fixture(scope="session")
def node_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which Node.js finds tus-js-client. Skips where there is no Node.js; CI insists on it."""
    if shutil.which("npm") is None:
        pytest.skip("Node.js and npm are not installed, so tus-js-client is not tried")
    folder = tmp_path_factory.mktemp("node")
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder), TUS_JS]
    installed = subprocess.run(command, capture_output=True, text=True, check=False)
    if installed.returncode:
        pytest.skip(f"npm cannot install {TUS_JS}, so it is not tried: {installed.stderr[-300:]}")
    (folder / "upload.cjs").write_text(BY_NODE, encoding="utf-8")
    return folder


@pytest.fixture(params=["tuspy", "tuspy with checksums", "tus-js-client"])
def send(request: pytest.FixtureRequest) -> Send:
    """Uploads a file to an endpoint with a key by one client, in a process of its own; returns the upload's URL."""
    match request.param:
        case "tuspy":
            return lambda *order: _run(sys.executable, "-c", BY_PYTHON, *order, "64", "no")
        case "tuspy with checksums":
            return lambda *order: _run(sys.executable, "-c", BY_PYTHON, *order, "10", "yes")
        case _:
            program = request.getfixturevalue("node_folder") / "upload.cjs"
            return lambda *order: _run("node", program, *order)


async def _run(*command: str | Path) -> str:
    program = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = await program.communicate()
    assert program.returncode == 0, err.decode()
    return out.decode().strip()


@pytest.fixture
async def relay(installation: Installation) -> AsyncIterator[Relay]:
    """The way to the gateway."""
    async with relaying(lambda: installation.url, cut_every=CUT_EVERY) as relay:
        yield relay


async def test_cut_connections_and_a_killed_gateway_cost_no_byte(
    installation: Installation,
    customer: Customer,
    store: BlobStore,
    stored_keys: StoredKeys,
    recording: Path,
    relay: Relay,
    send: Send,
) -> None:
    """The file arrives byte for byte although every connection is cut and `kill -9` strikes; then it becomes a job."""
    sending = asyncio.create_task(send(recording, f"{relay.url}/v1/uploads", installation.api_key))
    await asyncio.wait([sending, asyncio.create_task(relay.until(KILL_AFTER))], return_when=asyncio.FIRST_COMPLETED)
    assert not sending.done(), "the upload was over before anything was killed"
    gateway = installation.process("gateway")
    await gateway.kill()
    await gateway.start()
    upload_id = (await sending).rpartition("/")[2]
    assert relay.cuts >= 3
    upload = await customer.must("GET", f"/v1/uploads/{upload_id}")
    expected = hashlib.sha256(recording.read_bytes()).hexdigest()
    assert (upload["state"], upload["size"], upload["sha256"]) == ("ready", SIZE, expected)
    assert upload["file_name"] == "meeting.wav"
    (key,) = await stored_keys(upload_id)
    stored = hashlib.sha256()
    async for chunk in store.stream(key):
        stored.update(chunk)
    assert stored.hexdigest() == expected
    job = await customer.must_create(upload_id=upload_id)
    assert job["source"]["sha256"] == expected
    await customer.must("DELETE", f"/v1/jobs/{upload_id}")


async def test_the_command_goes_on_with_an_upload_that_was_cut(
    tmp_path: Path, customer: Customer, recording: Path, relay: Relay, installation: Installation
) -> None:
    """Ctrl-C in the middle, and connections that break: the same command sends the rest, and not everything again."""
    access = {"AUDIO2TXT_URL": relay.url, "AUDIO2TXT_API_KEY": installation.api_key}
    command = (sys.executable, "-m", "services", "transcribe", str(recording), "--engine", "scripted", "--formats", "txt")
    environment = {**os.environ, **access, "PYTHONPATH": str(Path(__file__).parents[2])}

    def start() -> Coroutine[None, None, asyncio.subprocess.Process]:
        return asyncio.create_subprocess_exec(*command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE)

    first = await start()
    await relay.until(KILL_AFTER)
    first.send_signal(signal.SIGINT)
    await first.communicate()
    assert first.returncode == 130
    memory = tmp_path / ".audio2txt-resume.json"
    (sending,) = json.loads(memory.read_bytes()).values()
    received = (await customer.must("GET", f"/v1/uploads/{sending['sending_id']}"))["received"]
    assert received > KILL_AFTER // 3

    second = await start()
    _, err = await second.communicate()
    assert b"Traceback" not in err
    job = await customer.must("GET", f"/v1/jobs/{sending['sending_id']}")
    assert job["source"]["sha256"] == hashlib.sha256(recording.read_bytes()).hexdigest()
    assert relay.passed < 1.6 * SIZE
    await customer.must("DELETE", f"/v1/jobs/{job['id']}")
