"""A private RabbitMQ node from Debian's package: loopback only, its own epmd, everything in one temporary folder.

`with RabbitServer() as server:` works outside pytest too. The faults are immediate because they are Erlang calls into
the node; `rabbitmqctl` would start a virtual machine for each.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from tests.servers.debian import find_or_install
from tests.servers.memory import new_folder
from tests.servers.ports import free_port

NODE = "audio2txt@localhost"
START_SECONDS = 120
ALARM_SECONDS = 30
CALLS = 5
"""How often an expression is sent to the node. Calls that cross each other can be turned away before they are heard."""
UNCONNECTED = "failed to connect to node"

CONFIGURATION = """\
loopback_users = none
log.console = true
log.console.level = warning
"""


class RabbitServer:
    """One node. `start` and `kill9` may follow each other; the data stays until `close`. Only a `durable` one uses the disk."""

    def __init__(self, *, durable: bool = False) -> None:
        self._script = find_or_install("rabbitmq-server", _installed)
        self._folder = new_folder("audio2txt-rabbitmq-", durable=durable)
        self._port, self._distribution_port, self._epmd_port = free_port(), free_port(), free_port()
        self._cookie = secrets.token_hex(16)
        self._parent = ThreadPoolExecutor(max_workers=1, thread_name_prefix="rabbitmq")
        self._epmd: subprocess.Popen[bytes] | None = None
        self._node: subprocess.Popen[bytes] | None = None
        _write_configuration(self._folder, self._cookie)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """The default virtual host."""
        return f"amqp://guest:guest@127.0.0.1:{self._port}/"

    @property
    def node_pid(self) -> int:
        """The broker's process, for measurements."""
        assert self._node is not None
        return self._node.pid

    def start(self) -> None:
        """Start the node and wait until it serves."""
        if self._epmd is None:
            self._epmd = self._spawn("epmd", "-port", str(self._epmd_port), "-address", "127.0.0.1")
        self._node = self._spawn(str(self._script), "-noinput")
        deadline = time.monotonic() + START_SECONDS
        while not self._serves():
            if self._node.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"RabbitMQ did not start:\n{self._output.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)

    def close(self) -> None:
        """Stop everything and remove the data."""
        for process in (self._node, self._epmd):
            if process is not None:
                _end(process)
        self._parent.shutdown()
        shutil.rmtree(self._folder, ignore_errors=True)

    def create_vhost(self) -> str:
        """A fresh virtual host; returns its URL."""
        name = f"t-{secrets.token_hex(4)}"
        self.evaluate(f'rabbit_vhost:add(<<"{name}">>, <<"tests">>).')
        everything = ", ".join(['<<".*">>'] * 3)
        self.evaluate(f'rabbit_auth_backend_internal:set_permissions(<<"guest">>, <<"{name}">>, {everything}, <<"tests">>).')
        return self.url + name

    def delete_vhost(self, url: str) -> None:
        """Remove a virtual host with its queues; its connections are closed."""
        name = url.rpartition("/")[2]
        self.evaluate(f'rabbit_vhost:delete(<<"{name}">>, <<"tests">>).')

    @contextmanager
    def vhost(self) -> Iterator[str]:
        """The URL of a virtual host that exists for the length of the block."""
        url = self.create_vhost()
        try:
            yield url
        finally:
            self.delete_vhost(url)

    def stop_app(self) -> None:
        """Close the listeners and all connections in an orderly way; the data stays."""
        self.evaluate("rabbit:stop().")

    def start_app(self) -> None:
        """Serve again after `stop_app`."""
        self.evaluate("rabbit:start().")

    def kill9(self) -> None:
        """End the node with SIGKILL. `start` or `restart` brings it back."""
        assert self._node is not None
        if self._node.poll() is None:
            # For three seconds only memory knows who leads a new queue; killed in that time, Debian's RabbitMQ 3.10
            # leaves the queue without a leader for ever. Tests declare queues far more often than anybody else.
            self.evaluate("[dets:sync(Table) || Table <- dets:all()].")
        self._node.kill()
        self._node.wait()

    def restart(self) -> None:
        """Kill the node and start it again."""
        self.kill9()
        self.start()

    def close_all_connections(self) -> None:
        """Cut every client off; they may come back at once."""
        self.evaluate('rabbit_networking:close_all_connections(<<"test">>).')

    @contextmanager
    def memory_alarm(self) -> Iterator[None]:
        """Publishers are blocked for the length of the block."""
        self.evaluate("vm_memory_monitor:set_vm_memory_high_watermark({absolute, 1000000}).")
        try:
            self._await_alarm()
            yield
        finally:
            self.evaluate("vm_memory_monitor:set_vm_memory_high_watermark(0.4).")

    def _await_alarm(self) -> None:
        """The monitor raises its alarm after it has answered; once it is listed, all connections have been told."""
        give_up = time.monotonic() + ALARM_SECONDS
        while self.evaluate("rabbit_alarm:get_alarms().") == "[]":
            if time.monotonic() > give_up:
                raise RuntimeError("RabbitMQ raised no memory alarm")
            time.sleep(0.05)

    def evaluate(self, expression: str) -> str:
        """Evaluate Erlang on the node; raises when it does not answer `ok` or another plain value."""
        environment = {**os.environ, "ERL_EPMD_PORT": str(self._epmd_port)}
        command = ["erl_call", "-c", self._cookie, "-n", NODE, "-e"]
        done = self._call(command, expression, environment)
        for _ in range(CALLS - 1):
            if UNCONNECTED in done.stderr:
                done = self._call(command, expression, environment)
        if done.returncode != 0 or not done.stdout.startswith("{ok, ") or done.stdout.startswith("{ok, {error"):
            raise RuntimeError(f"RabbitMQ refused {expression}: {done.stdout}{done.stderr}")
        return done.stdout.removeprefix("{ok, ").removesuffix("}")

    @staticmethod
    def _call(command: list[str], expression: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, input=expression + "\n", env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    @property
    def _output(self) -> Path:
        return self._folder / "output.log"

    def _serves(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), timeout=1):
            return self.evaluate("rabbit:is_booted().") == "true"
        return False

    def _spawn(self, *command: str) -> subprocess.Popen[bytes]:
        # A test run that is killed leaves no node behind: each process ends with the thread that started it.
        return self._parent.submit(self._spawn_here, "setpriv", "--pdeathsig", "TERM", *command).result()

    def _spawn_here(self, *command: str) -> subprocess.Popen[bytes]:
        with self._output.open("ab") as output:
            return subprocess.Popen(
                command, env=self._environment(), stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )

    def _environment(self) -> dict[str, str]:
        folder = self._folder
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("RABBITMQ_")},
            "HOME": str(folder),
            "RABBITMQ_NODENAME": NODE,
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self._port),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "+sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}"
            ),
            # Makes the script become the node instead of its parent, so that a signal reaches the node itself.
            "RABBITMQ_ALLOW_INPUT": "true",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }


def _installed() -> Path | None:
    # Not the one on the PATH: that changes to the user `rabbitmq`, who may not enter our folder.
    scripts = sorted(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin/rabbitmq-server"))
    return scripts[-1] if scripts else None


def _write_configuration(folder: Path, cookie: str) -> None:
    (folder / "rabbitmq.conf").write_text(CONFIGURATION)
    (folder / "plugins").write_text("[].")
    secret = folder / ".erlang.cookie"
    secret.write_text(cookie)
    secret.chmod(0o400)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
