"""What operators set about e-mail."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from email.headerregistry import Address
from email.policy import SMTP
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qsl, unquote, urlsplit

from msgspec import Meta

from shared.errors import ConfigurationError
from shared.settings import SECRET, Settings

_FORM = "smtp://user:password@host:587?starttls=required&verify=on, or smtps://user:password@host:465"
_PARAMETERS = frozenset({"starttls", "verify", "ca"})


class Encryption(enum.StrEnum):
    """How the connection to the mail server is encrypted."""

    IMPLICIT = "implicit"
    REQUIRED = "required"
    OPTIONAL = "optional"
    OFF = "off"


_PORTS = {Encryption.IMPLICIT: 465, Encryption.REQUIRED: 587, Encryption.OPTIONAL: 25, Encryption.OFF: 25}


@dataclass(frozen=True, kw_only=True)
class SmtpServer:
    """The mail server that takes our e-mails."""

    host: str
    port: int
    encryption: Encryption
    username: str | None
    password: str | None
    verify: bool
    """Whether its certificate must be good."""
    authority: str | None
    """A file with the certificates to trust instead of the system's."""


class MailSettings(Settings, frozen=True, kw_only=True):
    """How e-mails are sent."""

    smtp_url: Annotated[
        str | None,
        Meta(description=f"The mail server: {_FORM}. Unset: no e-mails.", extra=SECRET),
    ] = None
    smtp_password_file: Annotated[
        str | None, Meta(description="A file that holds the password of AUDIO2TXT_SMTP_URL, where it does not stand there.")
    ] = None
    smtp_pool: Annotated[int, Meta(ge=1, le=20, description="Most connections of one process to the mail server.")] = 3
    smtp_timeout_seconds: Annotated[
        float, Meta(ge=0.1, le=45, description="Seconds the mail server has to take one e-mail.")
    ] = 30.0
    mail_from: Annotated[
        str | None, Meta(description="Who e-mails come from, as in Audio2txt <notices@example.com>. Required for e-mails.")
    ] = None
    mail_reply_to: Annotated[str | None, Meta(description="Where answers to e-mails go.")] = None
    mail_envelope_from: Annotated[
        str | None,
        Meta(description="Where e-mails come back to that cannot be delivered; default: the address they come from."),
    ] = None
    mail_rate_per_minute: Annotated[int, Meta(ge=1, description="Most e-mails in a minute, of all processes together.")] = 120
    mail_per_recipient_per_hour: Annotated[int, Meta(ge=1, description="Most e-mails to one address in any hour.")] = 20
    mail_allow_attachments: Annotated[
        bool, Meta(description="Whether e-mails may carry the files that the scenario's `delivery` names; else links alone.")
    ] = False
    mail_attachment_bytes: Annotated[
        int, Meta(ge=0, description="Most bytes of attachments to one e-mail; what does not fit is linked.")
    ] = 5_000_000

    def server(self) -> SmtpServer | None:
        """The mail server, None where there is none; raises `ConfigurationError`, which never tells the password."""
        if self.smtp_url is None:
            return None
        server = _server(self.smtp_url)
        if self.smtp_password_file is not None:
            server = _with_password(server, Path(self.smtp_password_file))
        if server.authority is not None and not Path(server.authority).is_file():
            raise _wrong("the file of its ca is not there")
        if server.username is not None and server.encryption is Encryption.OPTIONAL:
            raise _wrong("with a password, starttls=optional would tell it to whoever keeps encryption from starting")
        return server

    def sender(self) -> Address:
        """Who e-mails come from; raises `ConfigurationError`."""
        if self.mail_from is None:
            raise ConfigurationError("AUDIO2TXT_MAIL_FROM must be set where AUDIO2TXT_SMTP_URL is.")
        return _address("AUDIO2TXT_MAIL_FROM", self.mail_from)

    def reply_to(self) -> Address | None:
        """Where answers go; raises `ConfigurationError`."""
        return _address("AUDIO2TXT_MAIL_REPLY_TO", self.mail_reply_to) if self.mail_reply_to else None

    def envelope_sender(self) -> str:
        """Where undeliverable e-mails go; raises `ConfigurationError`."""
        if self.mail_envelope_from is None:
            return self.sender().addr_spec
        return _address("AUDIO2TXT_MAIL_ENVELOPE_FROM", self.mail_envelope_from).addr_spec


def _server(url: str) -> SmtpServer:
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:
        raise _wrong("its port is no number, or its host no host") from None
    if parts.scheme not in ("smtp", "smtps") or not host or parts.path.strip("/") or parts.fragment:
        raise _wrong(f"it must look like {_FORM}")
    parameters = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := parameters.keys() - _PARAMETERS:
        raise _wrong(f"it has the unknown parameter {min(unknown)!r}; there are starttls, verify and ca")
    encryption = _encryption(parts.scheme, parameters.get("starttls"))
    return SmtpServer(
        host=host,
        port=port or _PORTS[encryption],
        encryption=encryption,
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        verify=_switch(parameters.get("verify", "on")),
        authority=parameters.get("ca"),
    )


def _encryption(scheme: str, starttls: str | None) -> Encryption:
    if scheme == "smtps":
        if starttls is not None:
            raise _wrong("starttls goes with smtp://; smtps:// is encrypted from the start")
        return Encryption.IMPLICIT
    if starttls not in (None, "required", "optional", "off"):
        raise _wrong("starttls must be required, optional or off")
    return Encryption(starttls or "required")


def _switch(text: str) -> bool:
    if text not in ("on", "off"):
        raise _wrong("verify must be on or off")
    return text == "on"


def _with_password(server: SmtpServer, path: Path) -> SmtpServer:
    if server.password is not None or server.username is None:
        raise ConfigurationError(
            "AUDIO2TXT_SMTP_PASSWORD_FILE goes with a user, and without a password, in AUDIO2TXT_SMTP_URL."
        )
    try:
        password = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"AUDIO2TXT_SMTP_PASSWORD_FILE cannot be read: {type(error).__name__}.") from None
    return replace(server, password=password)


def _address(variable: str, text: str) -> Address:
    try:
        header = SMTP.header_factory("From", text)
        addresses: tuple[Address, ...] = () if header.defects else header.addresses
    except (ValueError, IndexError):
        addresses = ()
    if len(addresses) != 1 or not (addresses[0].domain and addresses[0].username and addresses[0].addr_spec.isascii()):
        raise ConfigurationError(f"{variable} must be one address, as in Audio2txt <notices@example.com>.")
    return addresses[0]


def _wrong(what: str) -> ConfigurationError:
    return ConfigurationError(f"AUDIO2TXT_SMTP_URL: {what}.")
