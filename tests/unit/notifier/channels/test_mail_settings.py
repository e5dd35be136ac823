"""What operators can set about e-mail, and how mistakes are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.notifier.channels.email.settings import Encryption, MailSettings, SmtpServer
from shared.errors import ConfigurationError
from shared.settings import load


def server(url: str, **settings: str) -> SmtpServer:
    """The server that a URL names."""
    found = load(MailSettings, {"AUDIO2TXT_SMTP_URL": url, **settings}).server()
    assert found is not None
    return found


def test_no_server_no_mail() -> None:
    """Which is no mistake."""
    assert MailSettings().server() is None


@pytest.mark.parametrize(
    ("url", "port", "encryption"),
    [
        ("smtp://mail.example", 587, Encryption.REQUIRED),
        ("smtp://mail.example:2525?starttls=required", 2525, Encryption.REQUIRED),
        ("smtp://mail.example?starttls=optional", 25, Encryption.OPTIONAL),
        ("smtp://mail.example?starttls=off", 25, Encryption.OFF),
        ("smtps://mail.example", 465, Encryption.IMPLICIT),
    ],
)
def test_encryption_is_required_unless_the_url_says_otherwise(url: str, port: int, encryption: Encryption) -> None:
    """And the port is the usual one for it."""
    found = server(url)
    assert (found.host, found.port, found.encryption, found.verify) == ("mail.example", port, encryption, True)


def test_user_and_password_are_percent_encoded() -> None:
    """As users are often addresses, and passwords anything."""
    found = server("smtps://me%40x.example:p%40ss%2F%25@mail.example?verify=off")
    assert (found.username, found.password, found.verify) == ("me@x.example", "p@ss/%", False)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mail.example", "must look like"),
        ("http://mail.example", "must look like"),
        ("smtp://", "must look like"),
        ("smtp://mail.example:x", "port"),
        ("smtp://mail.example:99999", "port"),
        ("smtp://mail.example/path", "must look like"),
        ("smtp://mail.example?starttls=maybe", "starttls"),
        ("smtps://mail.example?starttls=off", "starttls"),
        ("smtp://mail.example?verify=yes", "verify"),
        ("smtp://mail.example?tls=on", "unknown parameter"),
        ("smtp://mail.example?ca=/nowhere/ca.pem", "not there"),
        ("smtp://u:hunter2@mail.example?starttls=optional", "password"),
    ],
)
def test_mistakes_in_the_url_are_told_without_its_password(url: str, words: str) -> None:
    """What is wrong and how it should look."""
    with pytest.raises(ConfigurationError, match=words) as caught:
        server(url)
    assert "AUDIO2TXT_SMTP_URL" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_password_file_needs_a_user_and_no_other_password(tmp_path: Path) -> None:
    """Of two passwords nobody knows which counts."""
    file = tmp_path / "password"
    file.write_text("s3cret\n")
    assert server("smtp://me@mail.example", AUDIO2TXT_SMTP_PASSWORD_FILE=str(file)).password == "s3cret"
    for url in ("smtp://mail.example", "smtp://me:other@mail.example"):
        with pytest.raises(ConfigurationError, match="AUDIO2TXT_SMTP_PASSWORD_FILE"):
            server(url, AUDIO2TXT_SMTP_PASSWORD_FILE=str(file))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        server("smtp://me@mail.example", AUDIO2TXT_SMTP_PASSWORD_FILE=str(tmp_path / "missing"))


def test_a_sender_with_a_chinese_name() -> None:
    """Is one address with a name."""
    sender = MailSettings(mail_from="會議小幫手 <notices@example.com>").sender()
    assert (sender.display_name, sender.addr_spec) == ("會議小幫手", "notices@example.com")


@pytest.mark.parametrize("text", [None, "", "notices", "a@b.example, c@d.example", "x <a@b", "a@b.example\r\nBcc: c@d.example"])
def test_what_is_no_sender(text: str | None) -> None:
    """Found at the start, not by the first e-mail."""
    with pytest.raises(ConfigurationError, match="AUDIO2TXT_MAIL_FROM"):
        MailSettings(mail_from=text).sender()


def test_bounces_go_to_the_sender_unless_told_otherwise() -> None:
    """Some installations keep a mailbox for them."""
    sender = "Audio2txt <notices@example.com>"
    assert MailSettings(mail_from=sender).envelope_sender() == "notices@example.com"
    assert MailSettings(mail_from=sender, mail_envelope_from="bounces@example.com").envelope_sender() == "bounces@example.com"
