"""Builds and runs images with what the machine has: a Docker engine, or buildah, which needs none."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from typing_extensions import override

from shared.errors import Audio2txtError

ROOT = Path(__file__).parents[2]
DOCKERFILE = "deploy/Dockerfile"
PID_SECONDS = 30


class EngineFailed(Audio2txtError):
    """The engine refused; the message holds what it said."""


class Engine(Protocol):
    """What the trial needs of a container engine. Containers share the network of the machine."""

    name: str

    def build(self, service: str, image: str) -> None:
        """Build the target of a service, on top of what is cached."""

    def size(self, image: str) -> int:
        """Bytes of all layers, uncompressed; the base image's are among them."""

    def command(
        self, container: str, image: str, arguments: Sequence[str], environment: Mapping[str, str], program: Sequence[str] = ()
    ) -> list[str]:
        """What runs a new container in the foreground.

        Without `arguments` it is the image's own command; `program` replaces its entrypoint.
        """

    def pid(self, container: str, foreground: subprocess.Popen[bytes]) -> int:
        """The first process of a running container, as this machine numbers it."""

    def stop(self, container: str, pid: int) -> None:
        """Ask its first process to end; does not wait for it."""

    def remove(self, container: str) -> None:
        """Leave nothing of a container whose foreground has ended."""


class Docker(Engine):
    """The Docker engine, or anything whose client takes the same words."""

    name = "docker"

    @override
    def build(self, service: str, image: str) -> None:
        _run("docker", "build", "--quiet", "-f", DOCKERFILE, "--target", service, "-t", image, ".")

    @override
    def size(self, image: str) -> int:
        return int(_run("docker", "image", "inspect", "--format", "{{.Size}}", image))

    @override
    def command(
        self, container: str, image: str, arguments: Sequence[str], environment: Mapping[str, str], program: Sequence[str] = ()
    ) -> list[str]:
        entrypoint = ["--entrypoint", program[0]] if program else []
        options = ["--rm", "--network=host", f"--name={container}", *entrypoint, *_assignments(environment)]
        return ["docker", "run", *options, image, *program[1:], *arguments]

    @override
    def pid(self, container: str, foreground: subprocess.Popen[bytes]) -> int:
        deadline = time.monotonic() + PID_SECONDS
        while time.monotonic() < deadline and foreground.poll() is None:
            done = subprocess.run(
                ["docker", "inspect", "--format", "{{.State.Pid}}", container], capture_output=True, text=True, check=False
            )
            if done.returncode == 0 and int(done.stdout):
                return int(done.stdout)
            time.sleep(0.05)
        raise EngineFailed(f"The container {container} has no process.")

    @override
    def stop(self, container: str, pid: int) -> None:
        _run("docker", "kill", "--signal", "SIGTERM", container)

    @override
    def remove(self, container: str) -> None:
        subprocess.run(["docker", "rm", "--force", "--volumes", container], capture_output=True, check=False)


class Buildah(Engine):
    """buildah in chroot isolation: the image's files, user and environment, but no namespaces and no limits.

    Needs root. `STORAGE_DRIVER` chooses where images are looked for; vfs, the default, works everywhere, and slowly.
    `BUILDAH_LAYERS=true` keeps layers from one build to the next, which with vfs costs more than it saves.
    """

    name = "buildah"

    def __init__(self) -> None:
        self._program = ("buildah", "--storage-driver", os.environ.get("STORAGE_DRIVER", "vfs"))

    @override
    def build(self, service: str, image: str) -> None:
        options = ["--isolation=chroot", "--network=host", "--quiet"]
        _run(*self._program, "build", *options, "-f", DOCKERFILE, "--target", service, "-t", image, ".")

    @override
    def size(self, image: str) -> int:
        number, unit = json.loads(_run(*self._program, "images", "--json", image))[0]["size"].split()
        return round(float(number) * {"B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9}[unit])

    @override
    def command(
        self, container: str, image: str, arguments: Sequence[str], environment: Mapping[str, str], program: Sequence[str] = ()
    ) -> list[str]:
        _run(*self._program, "from", "--pull-never", "--name", container, image)
        config = json.loads(_run(*self._program, "inspect", "--type", "image", image))["OCIv1"]["config"]
        words = [*(program or config["Entrypoint"]), *(arguments or ([] if program else config["Cmd"]))]
        options = ["--isolation=chroot", "--network=host", *_assignments(environment)]
        return [*self._program, "run", *options, container, "--", *words]

    @override
    def pid(self, container: str, foreground: subprocess.Popen[bytes]) -> int:
        deadline = time.monotonic() + PID_SECONDS
        while time.monotonic() < deadline and foreground.poll() is None:
            with suppress(OSError):  # of a process that ended while it was looked at
                if (pid := _below_buildah(foreground.pid)) is not None:
                    return pid
            time.sleep(0.01)
        raise EngineFailed(f"The container {container} has no process.")

    @override
    def stop(self, container: str, pid: int) -> None:
        os.kill(pid, signal.SIGTERM)

    @override
    def remove(self, container: str) -> None:
        subprocess.run([*self._program, "rm", container], capture_output=True, check=False)


def find_engine(name: str | None) -> Engine:
    """The engine asked for, else the first that works here."""
    engines: dict[str, type[Docker] | type[Buildah]] = {"docker": Docker, "buildah": Buildah}
    if name is not None:
        return engines[name]()
    if shutil.which("docker") and subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0:
        return Docker()
    if shutil.which("buildah"):
        return Buildah()
    raise EngineFailed("There is neither a Docker engine that answers nor buildah; install one of them.")


def _assignments(environment: Mapping[str, str]) -> list[str]:
    return [f"--env={name}={value}" for name, value in environment.items()]


def _below_buildah(pid: int) -> int | None:
    """buildah runs itself again and again, as `buildah-chroot-…`; below that is the container's process."""
    while "buildah" in Path(f"/proc/{pid}/exe").readlink().name:
        children = [child for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
        if not children:
            return None
        pid = int(children[0])
    return pid


def _run(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise EngineFailed(f"`{' '.join(command[:6])} …` failed: {done.stderr.strip()[-2000:]}")
    return done.stdout
