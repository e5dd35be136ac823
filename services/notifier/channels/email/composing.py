"""E-mails as they go over the wire: one to each recipient, text and HTML, with the headers that keep it out of trouble."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime, localtime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from typing_extensions import override

from services.notifier.channels import Message, Receiver
from services.notifier.channels.email.relay import Letter
from services.notifier.channels.notices import TO_USERS, Notice
from services.notifier.channels.posting import MASK
from shared.mail_links import LinkPurpose, link_token
from shared.schemas.endpoints import EmailDestination, EventType
from shared.schemas.webhooks import WebhookBody

if TYPE_CHECKING:
    from jinja2 import Environment

_UNSHOWN = ("MIME", "Content-T")
_TOKENS = re.compile(f"({'|'.join(re.escape(purpose.path) for purpose in LinkPurpose)})[A-Za-z0-9_-]{{43}}")
TEMPLATES = Path(__file__).parent / "templates"


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A file that goes along."""

    name: str
    """As it is called in the job."""
    filename: str
    """As recipients keep it."""
    media_type: str
    data: bytes


class LinkMissing(Exception):
    """An e-mail is nothing without its link, and it is not known how the gateway is reached."""


class Button(msgspec.Struct, frozen=True, kw_only=True):
    """The one thing to do."""

    url: str
    label: str
    note: str


class Composed(msgspec.Struct, frozen=True, kw_only=True):
    """An e-mail, and what of it the log may show."""

    letter: Letter
    headers: dict[str, str]
    text: str


class Composer:
    """Writes e-mails in the name of the installation."""

    def __init__(
        self, *, sender: Address, envelope_sender: str, reply_to: Address | None, public_url: str | None, master: bytes
    ) -> None:
        self._sender = sender
        self._envelope_sender = envelope_sender
        self._reply_to = reply_to
        self._public_url = public_url.rstrip("/") if public_url else None
        self._master = master

    def compose(self, message: Message, receiver: Receiver, notice: Notice, attachments: Sequence[Attachment] = ()) -> Composed:
        """The e-mail; every attempt has the same Message-ID, so that a mailbox can tell a repeat.

        Raises `ValueError` for an address that is none, `LinkMissing`.
        """
        assert isinstance(receiver.destination, EmailDestination)
        recipient = address_of(receiver.destination.address)
        link, button = self._link(LinkPurpose.UNSUBSCRIBE, receiver.address_id), self._button(message, receiver, notice)
        attached = frozenset(attachment.name for attachment in attachments)
        text, html = (
            _render(template, notice, recipient, button=button, link=link, attached=attached)
            for template in ("notice.txt.j2", "notice.html.j2")
        )
        mail = EmailMessage(policy=_policy(utf8=not recipient.addr_spec.isascii()))
        for name, value in self._headers(message, receiver, notice, recipient, link).items():
            mail[name] = value
        # Base64 costs nothing where the text is Chinese, and keeps lines short wherever it passes.
        encoding = "base64" if notice.language == "zh-Hant" else "quoted-printable"
        mail.set_content(text, cte=encoding)
        mail.add_alternative(html, subtype="html", cte=encoding)
        for attachment in attachments:
            kind, _, subkind = attachment.media_type.partition("/")
            mail.add_attachment(attachment.data, maintype=kind, subtype=subkind, filename=attachment.filename)
        mail["Content-Language"] = notice.wording.locale  # last: whoever adds a part moves such headers into it
        letter = Letter(
            sender=self._envelope_sender,
            recipient=recipient.addr_spec,
            data=mail.as_bytes(),
            international=not recipient.addr_spec.isascii(),
        )
        return Composed(
            letter=letter,
            headers={name: _masked(str(value)) for name, value in mail.items() if not name.startswith(_UNSHOWN)},
            text=_masked(text),
        )

    def _link(self, purpose: LinkPurpose, subject_id: UUID | None) -> str | None:
        if self._public_url is None or subject_id is None:
            return None
        return f"{self._public_url}{purpose.path}{link_token(self._master, purpose, subject_id)}"

    def _button(self, message: Message, receiver: Receiver, notice: Notice) -> Button | None:
        wording = notice.wording
        if message.type == EventType.ENDPOINT_CONFIRMATION:
            return self._only_button(LinkPurpose.CONFIRM, receiver.address_id, wording.confirm, wording.confirm_note)
        if message.type in TO_USERS:
            link_id = msgspec.json.decode(message.body, type=WebhookBody).data.id
            joins = message.type == EventType.USER_INVITATION
            purpose = LinkPurpose.JOIN if joins else LinkPurpose.RESET
            label, note = (wording.join, wording.join_note) if joins else (wording.reset, wording.reset_note)
            return self._only_button(purpose, link_id, label, note)
        if notice.url is None:
            return None
        return Button(url=notice.url, label=notice.opening, note=wording.needs_access)

    def _only_button(self, purpose: LinkPurpose, subject_id: UUID | None, label: str, note: str) -> Button:
        """What the e-mail is sent for. Raises `LinkMissing`."""
        if (link := self._link(purpose, subject_id)) is None:
            raise LinkMissing
        return Button(url=link, label=label, note=note)

    def _headers(
        self, message: Message, receiver: Receiver, notice: Notice, recipient: Address, link: str | None
    ) -> dict[str, Any]:
        identity = hashlib.sha256(f"{message.id} {receiver.endpoint_id}".encode()).hexdigest()[:32]
        headers: dict[str, Any] = {
            "From": self._sender,
            "To": recipient,
            "Subject": notice.subject,
            "Date": format_datetime(localtime()),
            "Message-ID": f"<{identity}@{self._sender.domain}>",
            "Auto-Submitted": "auto-generated",
            "X-Auto-Response-Suppress": "All",
            "Feedback-ID": f"{message.type}:{receiver.tenant_id.hex}:audio2txt",
        }
        if self._reply_to is not None:
            headers["Reply-To"] = self._reply_to
        if link is not None:
            headers["List-Unsubscribe"] = f"<{link}>"
            if link.startswith("https://"):  # RFC 8058 knows no other
                headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        return headers


def address_of(text: str) -> Address:
    """The address, its domain as the DNS has it; raises `ValueError`."""
    username, at, domain = text.rpartition("@")
    if not (at and username and domain) or any(character <= " " or character in '<>"\\,;:()[]\x7f' for character in text):
        raise ValueError("this is no e-mail address")
    if not domain.isascii():
        import idna

        domain = idna.encode(domain, uts46=True).decode()
    return Address(username=username, domain=domain)


class _OneLine(EmailPolicy):
    """Folds all headers but those that mail servers on the way, or their DKIM signatures, understand only on one line."""

    @override
    def fold(self, name: str, value: Any) -> str:
        return _whole(name, value) or super().fold(name, value)

    @override
    def fold_binary(self, name: str, value: Any) -> bytes:
        return _whole(name, value).encode() or super().fold_binary(name, value)


def _whole(name: str, value: Any) -> str:
    return f"{name}: {value}\r\n" if name in ("List-Unsubscribe", "Message-ID", "Feedback-ID") else ""


@functools.cache
def _policy(*, utf8: bool) -> EmailPolicy:
    return _OneLine(linesep="\r\n", utf8=utf8)


@functools.cache
def _templates() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(enabled_extensions=("html.j2",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _render(
    template: str, notice: Notice, recipient: Address, *, button: Button | None, link: str | None, attached: frozenset[str]
) -> str:
    """`link` ends the e-mails."""
    why = notice.why.format(address=recipient.addr_spec)
    given = {"notice": notice, "wording": notice.wording, "why": why, "button": button, "link": link, "attached": attached}
    return _templates().get_template(template).render(given)


def _masked(text: str) -> str:
    """Without the tokens of links."""
    return _TOKENS.sub(rf"\1{MASK}", text)
