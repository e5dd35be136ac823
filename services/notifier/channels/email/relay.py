"""A few connections to the mail server, each used for one e-mail after the other."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from services.notifier.channels.email.settings import Encryption, SmtpServer

if TYPE_CHECKING:
    from aiosmtplib import SMTP

IDLE_SECONDS = 30.0
MOST_LETTERS = 100
"""Over one connection; mail servers set limits of their own to that."""
QUIT_SECONDS = 2.0
WAIT_SECONDS = 8.0
"""For one of the connections."""
CLOSING = 421
"""The server closes the connection."""


@dataclass(frozen=True, kw_only=True)
class Letter:
    """One e-mail to one recipient, as it goes over the wire."""

    sender: str
    recipient: str
    data: bytes
    international: bool = False
    """Whether the recipient's name before the @ is not ASCII (SMTPUTF8)."""


class RelayBusy(Exception):
    """All connections are in use, and stay so."""


class InternationalAddressRefused(Exception):
    """The mail server cannot send to addresses that are not ASCII."""


@dataclass
class _Connection:
    smtp: SMTP
    letters: int = 0
    idle_since: float = field(default_factory=time.monotonic)

    @property
    def worn(self) -> bool:
        idle = time.monotonic() - self.idle_since
        return not self.smtp.is_connected or self.letters >= MOST_LETTERS or idle > IDLE_SECONDS


class Relay:
    """The pool. Errors are those of aiosmtplib, `OSError`, `RelayBusy` and `InternationalAddressRefused`."""

    def __init__(self, server: SmtpServer, *, name: str, size: int, timeout: float) -> None:
        """`name` is what we call ourselves; `size` the most connections; `timeout` the seconds for one letter."""
        self._server = server
        self._name = name
        self._timeout = timeout
        self._free = asyncio.Semaphore(size)
        self._idle: list[_Connection] = []
        self._leaving: set[asyncio.Task[None]] = set()

    async def send(self, letter: Letter) -> str:
        """Hand a letter over; what the server says to it."""
        async with self._place(), asyncio.timeout(self._timeout):
            connection = await self._begin(letter)
            async with self._used(connection):
                await connection.smtp.rcpt(letter.recipient, encoding="utf-8" if letter.international else "ascii")
                accepted = await connection.smtp.data(letter.data)
                connection.letters += 1
                return f"{accepted.code} {accepted.message}"

    async def check(self) -> None:
        """Connect and log in, as for a letter."""
        async with self._place(), asyncio.timeout(self._timeout), self._used(await self._connect()):
            pass

    async def close(self) -> None:
        """Take leave of the server."""
        for connection in self._idle:
            self._leave(connection)
        self._idle.clear()
        await asyncio.gather(*self._leaving)

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        """One of the connections. Raises `RelayBusy`."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._free.acquire()
        except TimeoutError:
            raise RelayBusy from None
        try:
            yield
        finally:
            self._free.release()

    async def _begin(self, letter: Letter) -> _Connection:
        """A connection on which the sender is accepted. A kept one that has died meanwhile is replaced, which loses nothing:
        the letter had not been told yet."""
        from aiosmtplib import SMTPResponseException

        if (kept := self._take_idle()) is not None:
            try:
                await self._greet(kept, letter)
            except (ConnectionError, TimeoutError):
                pass
            except SMTPResponseException as refusal:
                if refusal.code != CLOSING:
                    raise
            else:
                return kept
        fresh = await self._connect()
        await self._greet(fresh, letter)
        return fresh

    async def _greet(self, connection: _Connection, letter: Letter) -> None:
        if letter.international and not connection.smtp.supports_extension("smtputf8"):
            self._keep(connection)
            raise InternationalAddressRefused
        options, encoding = (["SMTPUTF8"], "utf-8") if letter.international else ([], "ascii")
        async with self._used(connection, keep=False):
            await connection.smtp.mail(letter.sender, options=options, encoding=encoding)

    @asynccontextmanager
    async def _used(self, connection: _Connection, *, keep: bool = True) -> AsyncIterator[None]:
        """Puts the connection back after a success or a refusal, and drops it after anything else."""
        from aiosmtplib import SMTPResponseException

        try:
            yield
        except SMTPResponseException as refusal:
            await self._keep_after(refusal.code, connection)
            raise
        except BaseException:
            connection.smtp.close()
            raise
        if keep:
            self._keep(connection)

    async def _keep_after(self, code: int, connection: _Connection) -> None:
        from aiosmtplib import SMTPException

        try:
            if code == CLOSING:
                raise ConnectionResetError
            await connection.smtp.rset()
        except (SMTPException, OSError):
            connection.smtp.close()
        else:
            self._keep(connection)

    async def _connect(self) -> _Connection:
        from aiosmtplib import SMTP

        server = self._server
        smtp = SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username,
            password=server.password,
            local_hostname=self._name,
            timeout=self._timeout,
            use_tls=server.encryption is Encryption.IMPLICIT,
            start_tls=_START_TLS[server.encryption],
            tls_context=_tls(server),
        )
        try:
            await smtp.connect()
        except BaseException:
            smtp.close()
            raise
        return _Connection(smtp)

    def _take_idle(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.worn:
                return connection
            self._leave(connection)
        return None

    def _keep(self, connection: _Connection) -> None:
        connection.idle_since = time.monotonic()
        self._idle.append(connection)
        asyncio.get_running_loop().call_later(IDLE_SECONDS + 1, self._leave_worn)

    def _leave_worn(self) -> None:
        for connection in [connection for connection in self._idle if connection.worn]:
            self._idle.remove(connection)
            self._leave(connection)

    def _leave(self, connection: _Connection) -> None:
        task = asyncio.create_task(_quit(connection.smtp))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)


_START_TLS = {Encryption.IMPLICIT: False, Encryption.REQUIRED: True, Encryption.OPTIONAL: None, Encryption.OFF: False}


async def _quit(smtp: SMTP) -> None:
    from aiosmtplib import SMTPException

    with suppress(SMTPException, OSError):
        await smtp.quit(timeout=QUIT_SECONDS)
    smtp.close()


def _tls(server: SmtpServer) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=server.authority)
    if not server.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
