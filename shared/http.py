"""Serves an ASGI application with uvicorn, without leaving the signals to it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from shared.errors import ConfigurationError
from shared.health import AsgiApp

_EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 -- recognised, not bound

GRACE_SECONDS = 10
"""How long open requests may finish once the server stops."""


HEAD_SECONDS = 20.0
"""How long a client may take from its connection, or from the first byte of a request, until all header fields are there."""

HEAD_BYTES = 64 * 1024
"""How much that may be: what comes in one piece beyond it counts as whole."""

_ONCE = frozenset({b"host", b"authorization", b"content-type"})
"""Fields of which a proxy in front of us could take the other one."""


class _Connection(HttpToolsProtocol):
    """Uvicorn's, which waits for ever for a request that is begun, keeps all that comes of it, and takes two of any field."""

    _patience: asyncio.TimerHandle | None = None
    """While the head of a request is waited for."""
    _head_bytes = 0
    _within = False
    """Whether a request has begun, and not all of its body is there."""

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        super().connection_made(transport)
        self._await_head()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._await_nothing()
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        if not self._within and self._answered:
            self._await_head()
        super().data_received(data)
        if self._patience is not None:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self.transport.write(_TOO_LARGE)
                self.transport.close()

    @override
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._within = True
        self._await_head()

    @override
    def on_headers_complete(self) -> None:
        self._await_nothing()
        names = [name for name, _ in self.headers]
        if any(names.count(name) > 1 for name in _ONCE) or (b"host" not in names and self.parser.get_http_version() == "1.1"):
            raise ValueError("a field is missing, or there twice")  # answered with 400, like whatever else cannot be parsed
        super().on_headers_complete()

    @override
    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._within = False

    @property
    def _answered(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # which uvicorn says is always there
        return cycle is None or cycle.response_complete

    def _await_head(self) -> None:
        if self._patience is None:
            self._patience = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _await_nothing(self) -> None:
        self._head_bytes = 0
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


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
                http=_Connection,
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
