"""Serves an ASGI application with uvicorn, without leaving the signals to it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from typing_extensions import override

from shared.errors import ConfigurationError
from shared.health import AsgiApp

_EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 -- recognised, not bound

GRACE_SECONDS = 10
"""How long open requests may finish once the server stops."""


class _Server(uvicorn.Server):
    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The runtime owns the signals; several servers in one process must not fight over them."""
        yield


class HttpServer:
    """One listening port. `start` binds it (so that a taken port is one clear sentence), `run` serves until `stop`."""

    def __init__(self, app: AsgiApp, *, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._socket: socket.socket | None = None
        self._ended = asyncio.Event()
        self._ended.set()
        self._server = _Server(
            uvicorn.Config(
                app,
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                proxy_headers=False,  # whose `X-Forwarded-…` counts is the application's to say
                timeout_keep_alive=20,
                timeout_graceful_shutdown=GRACE_SECONDS,
                backlog=2048,
                ws="none",
            )
        )

    @property
    def url(self) -> str:
        """Where it can be reached from this machine."""
        assert self._socket is not None
        host, port = self._socket.getsockname()[:2]
        shown = "127.0.0.1" if host in _EVERY_ADDRESS else host
        return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"

    async def start(self) -> None:
        """Bind the port; raises `ConfigurationError` when it is taken or not ours to bind."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        # Named, or asyncio does not recognise TCP, and small answers wait for acknowledgements.
        self._socket = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((self._host, self._port))
        except OSError as error:
            raise ConfigurationError(
                f"Port {self._port} on {self._host} cannot be used ({error.strerror}); "
                "set AUDIO2TXT_PORT to a free one, or to 0."
            ) from error

    async def run(self) -> None:
        """Serve until `stop`."""
        assert self._socket is not None
        self._ended.clear()
        try:
            await self._server.serve(sockets=[self._socket])
        finally:
            self._socket.close()
            self._ended.set()

    async def stop(self) -> None:
        """Take no new connections, give open requests their grace, and return when all are gone."""
        self._server.should_exit = True
        await self._ended.wait()
