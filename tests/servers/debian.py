"""What tests need of Debian's packages, installed the first time where that is allowed."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

POLICY = Path("/usr/sbin/policy-rc.d")
INSTALL = ["apt-get", "install", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"]


class PackageMissing(Exception):
    """It is not installed and cannot be installed here; the message says what to do."""


def find_or_install(package: str, find: Callable[[], Path | None]) -> Path:
    """What `find` finds, after installing the package if need be. Raises `PackageMissing`."""
    with _one_at_a_time():
        found = find()
        if found is None:
            _install(package)
            found = find()
    assert found is not None, f"{package} does not hold what is looked for"
    return found


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Of the processes of a test run, one installs, and the others wait for it."""
    with (Path(tempfile.gettempdir()) / f"audio2txt-install-{os.geteuid()}.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install(package: str) -> None:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise PackageMissing(f"{package} is not installed; run `sudo apt-get install {package}` for the tests that need it.")
    with _no_service_starts():
        for command in (["apt-get", "update"], [*INSTALL, package]):
            environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise PackageMissing(f"{package} is not installed, and `{' '.join(command)}` failed: {done.stderr.strip()}")


@contextmanager
def _no_service_starts() -> Iterator[None]:
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()
