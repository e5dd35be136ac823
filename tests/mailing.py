"""A mail server on loopback that says what a test wants it to say, and the channel that speaks to it."""

from __future__ import annotations

import asyncio
import email
import email.policy
import ssl
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any
from uuid import UUID

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from typing_extensions import override

from services.notifier.channels.email import EmailChannel
from services.notifier.channels.email.limits import Allowances
from services.notifier.channels.opening import email_channel
from shared.blobs import BlobStore
from shared.schemas.endpoints import EmailDestination, EndpointKind
from shared.settings import PlatformSettings
from shared.solutions import load_solutions
from tests.channels import to

USER, PASSWORD = "user@example.com", "p@ss/word:?"
MASTER = "a master secret for tests, 32 bytes and more"
ADDRESS = UUID(int=42)
CHEN = to(EndpointKind.EMAIL, EmailDestination(address="chen@example.com"), language="zh-Hant", address_id=ADDRESS)


@dataclass(kw_only=True)
class MailServer:
    """Takes every e-mail, unless `replies` has something else to say: the n-th command of a kind gets the n-th reply, later
    ones the last; an empty reply lets it pass. `drop` hangs up instead, at `MAIL`, `RCPT` or `DATA`."""

    port: int = 0
    replies: dict[str, list[str]] = field(default_factory=dict)
    drop: str | None = None
    unknown: tuple[str, ...] = ()
    """Addresses that do not exist."""
    connections: int = 0
    most_open: int = 0
    commands: list[str] = field(default_factory=list)
    letters: list[bytes] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    hold: asyncio.Event | None = None
    """While it is not set, no e-mail is answered."""
    quits: int = 0
    """Connections that we ended with `QUIT`."""
    transports: list[asyncio.BaseTransport] = field(default_factory=list)

    @property
    def open(self) -> int:
        """Connections that neither side has closed."""
        return sum(not transport.is_closing() for transport in self.transports)

    @property
    def mails(self) -> list[EmailMessage]:
        """What came, parsed."""
        return [email.message_from_bytes(letter, policy=email.policy.default) for letter in self.letters]

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from, envelope.mail_options = address, options
        return self._reply("MAIL", server) or "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if refusal := self._reply("RCPT", server):
            return refusal
        if address in self.unknown:
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.hold is not None:
            await self.hold.wait()
        if refusal := self._reply("DATA", server):
            return refusal
        content = envelope.content
        self.letters.append(content.encode() if isinstance(content, str) else content or b"")
        self.envelopes.append((envelope.mail_from or "", list(envelope.rcpt_tos)))
        self.encrypted.append(session.ssl is not None)
        return "250 2.0.0 queued as 42"

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.quits += 1
        return "221 2.0.0 bye"

    def _reply(self, command: str, server: SMTP) -> str:
        told = self.commands.count(command)
        self.commands.append(command)
        if self.drop == command:
            self.drop = None
            assert server.transport is not None
            server.transport.abort()  # type: ignore[attr-defined]
        replies = self.replies.get(command, [""])
        return replies[min(told, len(replies) - 1)]

    def hang_up(self) -> None:
        """Close all connections, as a server does with idle ones."""
        for transport in self.transports:
            transport.close()


class _Protocol(SMTP):
    """Counts connections."""

    server_: MailServer

    @override
    def connection_made(self, transport: Any) -> None:
        if self.transport is None:  # STARTTLS makes a second transport of the same connection
            self.server_.connections += 1
            self.server_.transports.append(transport)
            self.server_.most_open = max(self.server_.most_open, self.server_.open)
        super().connection_made(transport)


@asynccontextmanager
async def mail_server(
    *, starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None, login: bool = False, **settings: Any
) -> AsyncIterator[MailServer]:
    """A server on a free port. With `login` it wants `USER` and `PASSWORD`."""
    server = MailServer(**settings)

    def authenticate(smtp: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        good = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=good, handled=good)

    def protocol() -> SMTP:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of logging in without STARTTLS: implicit TLS is no different to it
            smtp = _Protocol(
                server,
                hostname="mail.example",
                tls_context=starttls,
                authenticator=authenticate if login else None,
                auth_required=login,
                auth_require_tls=False,
                enable_SMTPUTF8=True,
                loop=loop,
            )
        smtp.server_ = server
        return smtp

    loop = asyncio.get_running_loop()
    listening = await loop.create_server(protocol, "127.0.0.1", 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        if server.hold is not None:
            server.hold.set()
        server.hang_up()
        listening.close()
        await settled(lambda: server.open == 0)


async def settled(done: Callable[[], bool]) -> None:
    """Wait for what the other side does by itself."""
    async with asyncio.timeout(10):
        while not done():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def channel(
    url: str,
    blobs: BlobStore | None = None,
    allowances: Allowances | None = None,
    /,
    *,
    public_url: str | None = "https://audio2txt.example/",
    **environment: str,
) -> AsyncIterator[EmailChannel]:
    """The e-mail channel of an installation with these settings."""
    settings = PlatformSettings(public_url=public_url, secret_key=MASTER)
    variables = {"AUDIO2TXT_SMTP_URL": url, "AUDIO2TXT_MAIL_FROM": "會議小幫手 <notices@example.com>", **environment}
    email = email_channel(
        settings, variables, master=MASTER.encode(), blobs=blobs, solutions=load_solutions(), allowances=allowances
    )
    assert email is not None
    async with email:
        yield email


def plain(server: MailServer) -> str:
    """Without encryption, as operators may say on a trusted network."""
    return f"smtp://127.0.0.1:{server.port}?starttls=off"


def body(mail: Any, kind: str) -> str:
    """The text of one part."""
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())
