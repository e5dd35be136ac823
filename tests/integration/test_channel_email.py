"""E-mails against a mail server on real sockets: what arrives, over how many connections, and what follows from refusals."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import structlog
import trustme

from services.notifier.channels import Message, Trouble
from services.notifier.channels.email.limits import Allowances
from services.notifier.notifications import confirmation_body
from services.notifier.store.allowances import AllowanceStore
from shared.mail_links import LinkPurpose, subject_of_token
from shared.schemas.endpoints import DisabledReason, EmailDestination, EndpointKind, EventType, Withheld
from shared.schemas.jobs import ReportLanguage
from tests.channels import ENDPOINT, FAILED, JOB, TENANT, to, told
from tests.mailing import ADDRESS, CHEN, MASTER, PASSWORD, USER, body, channel, mail_server, plain, settled
from tests.notifying import notifier_pool

ASKED = msgspec.structs.replace(CHEN, withheld=Withheld.UNCONFIRMED)
UNAVAILABLE = Trouble(reason="mail_unavailable", charged=False)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Vouches for the mail server."""
    return trustme.CA()


@pytest.fixture(scope="module")
def serving(authority: trustme.CA) -> ssl.SSLContext:
    """The mail server's TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path) -> Path:
    """The certificate to trust, as operators give it."""
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture
async def counting(database_url: str) -> AsyncIterator[Allowances]:
    """Where all notifiers count."""
    async with notifier_pool(database_url) as pool:
        yield AllowanceStore(pool)


def question() -> Message:
    """Whether e-mails are wanted."""
    at = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
    return Message(
        id="msg_question",
        type=EventType.ENDPOINT_CONFIRMATION,
        sequence=None,
        occurred_at=at,
        body=confirmation_body(ENDPOINT, at),
    )


async def test_what_arrives_in_chinese() -> None:
    """One recipient; text and HTML with the same news; names and subject readable; who it is from and how to end it."""
    async with mail_server() as server, channel(plain(server)) as email:
        answer = await email.send(told(), CHEN)
    assert (answer.status, answer.delivered, answer.trouble) == (250, True, None)
    assert server.envelopes == [("notices@example.com", ["chen@example.com"])]
    (mail,) = server.mails
    assert mail["From"] == "會議小幫手 <notices@example.com>"
    assert (mail["To"], mail["Subject"]) == ("chen@example.com", "已完成：週會：預算與人事")
    assert (mail["Content-Language"], mail["Auto-Submitted"]) == ("zh-Hant", "auto-generated")
    text, html = body(mail, "plain"), body(mail, "html")
    for words in ("錄音已轉成文字", "1 小時 02 分", "會議記錄", "minutes.pdf", f"https://audio2txt.example/v1/jobs/{JOB}"):
        assert words in text
        assert words in html
    assert '<html lang="zh-Hant">' in html
    assert "src=" not in html
    assert "url(" not in html


async def test_what_arrives_in_english() -> None:
    """By the endpoint's language; why a job failed stands in both parts."""
    receiver = msgspec.structs.replace(CHEN, language="en")
    async with mail_server() as server, channel(plain(server)) as email:
        await email.send(told(EventType.JOB_FAILED, failure=FAILED, artifacts=(), title="Board meeting"), receiver)
    (mail,) = server.mails
    assert (mail["Subject"], mail["Content-Language"]) == ("Failed: Board meeting", "en")
    assert FAILED.message in body(mail, "plain")
    assert FAILED.message in body(mail, "html")


async def test_the_way_out() -> None:
    """RFC 8058: both headers, each on one line as sent, and a link in the text; the token is good for this address. The log has
    no token."""
    async with mail_server() as server, channel(plain(server)) as email:
        answer = await email.send(told(), CHEN)
    head = server.letters[0].partition(b"\r\n\r\n")[0].decode().split("\r\n")
    (line,) = (line for line in head if line.startswith("List-Unsubscribe:"))
    assert line.startswith("List-Unsubscribe: <https://audio2txt.example/u/")
    assert line.endswith(">")
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in head
    token = line.rpartition("/")[2].rstrip(">")
    assert subject_of_token(MASTER.encode(), LinkPurpose.UNSUBSCRIBE, token) == ADDRESS
    assert token in body(server.mails[0], "plain")
    assert token in body(server.mails[0], "html")
    assert token not in repr(answer)
    assert answer.request_headers["Subject"] == "已完成：週會：預算與人事"


@pytest.mark.parametrize(("language", "words"), [("en", "Yes, send them"), ("zh-Hant", "是，請寄給我")])
async def test_the_question_whether_e_mails_are_wanted(language: ReportLanguage, words: str) -> None:
    """A link to confirm and one to refuse in both parts, neither of them in the log; not a word of whoever wants to write."""
    asked = msgspec.structs.replace(ASKED, language=language)
    async with mail_server() as server, channel(plain(server)) as email:
        answer = await email.send(question(), asked)
    (mail,) = server.mails
    assert answer.delivered
    for part in (body(mail, "plain"), body(mail, "html")):
        (token,) = re.findall(r"https://audio2txt\.example/c/([\w-]{43})\b", part)
        assert subject_of_token(MASTER.encode(), LinkPurpose.CONFIRM, token) == ADDRESS
        assert "https://audio2txt.example/u/" in part
        assert words in part
        assert token not in repr(answer)


@pytest.mark.parametrize(
    ("withheld", "message", "reason"),
    [
        (Withheld.UNCONFIRMED, "news", "address_unconfirmed"),
        (Withheld.SUPPRESSED, "news", "address_suppressed"),
        (Withheld.SUPPRESSED, "question", "address_suppressed"),
        (None, "question", "address_confirmed"),
    ],
)
async def test_what_is_not_wanted_is_never_spoken_of(withheld: Withheld, message: str, reason: str) -> None:
    """Whatever was under way when it was found out: the mail server hears nothing, and the endpoint is not blamed."""
    receiver = msgspec.structs.replace(CHEN, withheld=withheld)
    async with mail_server() as server, channel(plain(server)) as email:
        answer = await email.send(told() if message == "news" else question(), receiver)
    assert (answer.trouble, answer.stop) == (Trouble(reason=reason, charged=False), True)
    assert server.connections == 0


async def test_a_question_without_its_link_is_not_sent() -> None:
    """The notifier was not told how the gateway is reached."""
    async with mail_server() as server, channel(plain(server), public_url=None) as email:
        answer = await email.send(question(), ASKED)
    assert (answer.trouble, answer.stop) == (Trouble(reason="public_url_missing", charged=False), True)
    assert server.connections == 0


async def test_every_attempt_is_the_same_mail() -> None:
    """A mailbox that gets it twice can tell by its Message-ID; other messages and other recipients have others."""
    other = msgspec.structs.replace(CHEN, endpoint_id=TENANT)
    async with mail_server() as server, channel(plain(server)) as email:
        for message, receiver in ((told(), CHEN), (told(), CHEN), (told(), other)):
            await email.send(message, receiver)
        await email.send(msgspec.structs.replace(told(), id="msg_other"), CHEN)
    ids = [mail["Message-ID"] for mail in server.mails]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3
    assert all(id_.endswith("@example.com>") for id_ in ids)


@pytest.mark.parametrize("title", ["Q1\r\nBcc: evil@example.com", "Q1\nX: y\r\n\r\nbody", "Q1\u2028Bcc: evil@example.com"])
async def test_titles_cannot_write_headers(title: str) -> None:
    """A line break in a recording's name is a space in the subject."""
    async with mail_server() as server, channel(plain(server)) as email:
        await email.send(told(title=title), CHEN)
    (mail,) = server.mails
    assert "Bcc" not in mail
    assert "X" not in mail
    assert mail["Subject"].startswith("已完成：Q1 ")
    assert server.envelopes[0][1] == ["chen@example.com"]


async def test_titles_cannot_write_html() -> None:
    """They are shown as they are."""
    async with mail_server() as server, channel(plain(server)) as email:
        await email.send(told(title='<img src="https://evil.example/x">&'), CHEN)
    html = body(server.mails[0], "html")
    assert "<img" not in html
    assert "&lt;img src=" in html


@pytest.mark.parametrize(
    "address", ["chen@example.com>\r\nRCPT TO:<evil@example.com", "a b@example.com", "chen", "@x", "a,b@x.y"]
)
async def test_addresses_cannot_write_commands(address: str) -> None:
    """What is no address is never spoken to a mail server."""
    receiver = to(EndpointKind.EMAIL, EmailDestination(address=address))
    async with mail_server() as server, channel(plain(server)) as email:
        answer = await email.send(told(), receiver)
    assert (answer.trouble, answer.stop) == (Trouble(reason="address_invalid"), True)
    assert server.connections == 0


async def test_international_addresses() -> None:
    """Domains go in the DNS's spelling, names in UTF-8 where the server can."""
    async with mail_server() as server, channel(plain(server)) as email:
        for address in ("chen@例子.example", "陳@example.com"):
            assert (await email.send(told(), to(EndpointKind.EMAIL, EmailDestination(address=address)))).delivered
    assert [recipients for _, recipients in server.envelopes] == [["chen@xn--fsqu00a.example"], ["陳@example.com"]]
    assert "To: 陳@example.com".encode() in server.letters[1]


async def test_starttls_and_login(serving: ssl.SSLContext, trusted: Path) -> None:
    """The usual relay: encrypted after STARTTLS, with user and password, which are percent-encoded in the URL."""
    async with mail_server(starttls=serving, login=True) as server:
        url = f"smtp://user%40example.com:p%40ss%2Fword%3A%3F@127.0.0.1:{server.port}?ca={trusted}"
        async with channel(url) as email:
            assert (await email.send(told(), CHEN)).delivered
    assert server.encrypted == [True]


async def test_the_password_from_a_file(serving: ssl.SSLContext, trusted: Path, tmp_path: Path) -> None:
    """As containers' secrets come; implicit TLS."""
    secret = tmp_path / "password"
    secret.write_text(PASSWORD + "\n")
    async with mail_server(tls=serving, login=True) as server:
        url = f"smtps://{USER.replace('@', '%40')}@127.0.0.1:{server.port}?ca={trusted}"
        async with channel(url, AUDIO2TXT_SMTP_PASSWORD_FILE=str(secret)) as email:
            assert (await email.send(told(), CHEN)).delivered


async def test_no_encryption_no_mail(serving: ssl.SSLContext) -> None:
    """A server that cannot encrypt, or whose certificate is not good, gets nothing, and nobody is charged."""
    async with mail_server() as server, channel(f"smtp://127.0.0.1:{server.port}") as email:
        assert (await email.send(told(), CHEN)).trouble == UNAVAILABLE
    assert not server.commands
    async with mail_server(starttls=serving) as server, channel(f"smtp://127.0.0.1:{server.port}") as email:
        assert (await email.send(told(), CHEN)).trouble == UNAVAILABLE
    assert not server.commands


async def test_unverified_certificates_by_the_operators_word(serving: ssl.SSLContext) -> None:
    """`verify=off` is for relays inside with certificates of their own making."""
    async with (
        mail_server(starttls=serving) as server,
        channel(f"smtp://127.0.0.1:{server.port}?verify=off") as email,
    ):
        assert (await email.send(told(), CHEN)).delivered
    assert server.encrypted == [True]


async def test_connections_are_used_again() -> None:
    """One after the other needs one connection."""
    async with mail_server() as server, channel(plain(server)) as email:
        for _ in range(5):
            assert (await email.send(told(), CHEN)).delivered
        assert (server.connections, len(server.letters)) == (1, 5)
    assert server.open == 0


async def test_connections_are_not_used_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """After so many e-mails, and when there is nothing to send, they end politely."""
    monkeypatch.setattr("services.notifier.channels.email.relay.MOST_LETTERS", 2)
    async with mail_server() as server, channel(plain(server)) as email:
        for _ in range(5):
            assert (await email.send(told(), CHEN)).delivered
        assert server.connections == 3
        monkeypatch.setattr("services.notifier.channels.email.relay.IDLE_SECONDS", -1.0)
        assert (await email.send(told(), CHEN)).delivered
        await settled(lambda: server.open == 0)
    assert server.quits == server.connections


async def test_no_more_connections_than_allowed() -> None:
    """However many e-mails wait."""
    hold = asyncio.Event()
    async with mail_server(hold=hold) as server, channel(plain(server), AUDIO2TXT_SMTP_POOL="2") as email:
        sending = [asyncio.create_task(email.send(told(), CHEN)) for _ in range(8)]
        await settled(lambda: server.commands.count("RCPT") == 2)
        hold.set()
        assert all(answer.delivered for answer in await asyncio.gather(*sending))
    assert (server.most_open, len(server.letters)) == (2, 8)


@pytest.mark.parametrize("way", ["closed", "dropped at MAIL", "421 at MAIL"])
async def test_a_connection_that_died_idle_is_replaced(way: str) -> None:
    """Servers end idle connections, politely or not; no attempt is lost over it, and no e-mail is sent twice."""
    async with mail_server() as server, channel(plain(server)) as email:
        await email.send(told(), CHEN)
        match way:
            case "closed":
                server.hang_up()
                await settled(lambda: server.open == 0)
            case "dropped at MAIL":
                server.drop = "MAIL"
            case _:
                server.replies["MAIL"] = ["", "421 4.4.2 timeout, closing", ""]
        assert (await email.send(told(), CHEN)).delivered
    assert (server.connections, len(server.letters)) == (2, 2)


async def test_a_connection_that_dies_in_the_middle_charges_nobody() -> None:
    """Whether the e-mail was taken is not known then; it comes again, under the same Message-ID."""
    async with mail_server(drop="DATA") as server, channel(plain(server)) as email:
        answer = await email.send(told(), CHEN)
    assert answer.trouble == UNAVAILABLE
    assert answer.retry_after


@pytest.mark.parametrize(
    ("command", "reply", "reason"),
    [
        ("RCPT", "450 4.2.1 greylisted, come again", "smtp_450"),
        ("RCPT", "452 4.2.2 mailbox full", "smtp_452"),
        ("DATA", "451 4.3.0 try later", "smtp_451"),
    ],
)
async def test_refused_for_now(command: str, reply: str, reason: str) -> None:
    """4xx: again by the schedule of e-mails, and the connection is of use to others meanwhile."""
    async with mail_server(replies={command: [reply, ""]}) as server, channel(plain(server)) as email:
        answer = await email.send(told(), CHEN)
        assert (await email.send(told(), CHEN)).delivered
    assert answer.trouble == Trouble(reason=reason)
    assert (answer.status, answer.stop, answer.disable) == (int(reply[:3]), False, None)
    assert answer.excerpt.decode() in reply
    assert server.connections == 1


@pytest.mark.parametrize(
    ("command", "reply", "suppressed"),
    [
        ("RCPT", "550 5.1.1 no such user", True),
        ("RCPT", "550 5.1.2 no such host", True),
        ("DATA", "550 5.1.10 null MX", True),
        ("RCPT", "550 no", False),
        ("RCPT", "550 5.7.1 blocked", False),
        ("RCPT", "552 5.2.2 mailbox full", False),
        ("DATA", "554 5.7.1 spam", False),
        ("MAIL", "552 5.3.4 too large", False),
    ],
)
async def test_refused_for_good(command: str, reply: str, suppressed: bool) -> None:
    """5xx: never again; an address that does not exist gets nothing more."""
    async with mail_server(replies={command: [reply, ""]}) as server, channel(plain(server)) as email:
        answer = await email.send(told(), CHEN)
        assert (await email.send(told(), CHEN)).delivered
    assert answer.trouble == Trouble(reason=f"smtp_{reply[:3]}")
    assert (answer.stop, answer.disable) == (True, DisabledReason.SUPPRESSED if suppressed else None)
    assert server.connections == 1


@pytest.mark.parametrize(
    ("command", "reply", "reason"),
    [
        ("RCPT", "421 4.3.2 shutting down", "closing"),
        ("RCPT", "530 5.7.0 authentication required", "login_refused"),
        ("MAIL", "553 5.7.1 sender not yours", "sender_refused"),
    ],
)
async def test_what_is_wrong_between_us_and_the_server(command: str, reply: str, reason: str) -> None:
    """Charges nobody, stops all e-mails for a while without asking the server again, and the operator is told why."""
    with structlog.testing.capture_logs() as logs:
        async with mail_server(replies={command: [reply]}) as server, channel(plain(server)) as email:
            first = await email.send(told(), CHEN)
            asked = len(server.commands)
            second = await email.send(told(), CHEN)
    assert first.trouble == second.trouble == UNAVAILABLE
    assert first.retry_after
    assert second.retry_after
    assert len(server.commands) == asked
    (alert,) = (entry for entry in logs if entry["event"] == "mail.paused")
    assert (alert["log_level"], alert["reason"]) == ("error", reason)
    assert reply[:3] in alert["said"]


async def test_a_wrong_password(serving: ssl.SSLContext, trusted: Path) -> None:
    """Nothing is charged, and the password is not in the log."""
    with structlog.testing.capture_logs() as logs:
        async with (
            mail_server(starttls=serving, login=True) as server,
            channel(f"smtp://user:hunter2@127.0.0.1:{server.port}?ca={trusted}") as email,
        ):
            answer = await email.send(told(), CHEN)
    assert answer.trouble == UNAVAILABLE
    assert [entry["reason"] for entry in logs] == ["login_refused"]
    assert "hunter2" not in repr(logs)


async def test_no_server_there(unused_tcp_port: int) -> None:
    """As during its restart: all wait, nobody is charged."""
    async with channel(f"smtp://127.0.0.1:{unused_tcp_port}?starttls=off") as email:
        answer = await email.send(told(), CHEN)
    assert answer.trouble == UNAVAILABLE


async def test_a_server_that_never_answers() -> None:
    """Is given up after the time-out, as one that is not there."""
    hold = asyncio.Event()
    async with (
        mail_server(hold=hold) as server,
        channel(plain(server), AUDIO2TXT_SMTP_TIMEOUT_SECONDS="0.2") as email,
    ):
        answer = await email.send(told(), CHEN)
    assert answer.trouble == UNAVAILABLE


async def test_a_busy_server_is_not_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever finds no connection free for long comes again; those that have one go on."""
    monkeypatch.setattr("services.notifier.channels.email.relay.WAIT_SECONDS", 0.05)
    hold = asyncio.Event()
    async with mail_server(hold=hold) as server, channel(plain(server), AUDIO2TXT_SMTP_POOL="1") as email:
        first = asyncio.create_task(email.send(told(), CHEN))
        await settled(lambda: "RCPT" in server.commands)
        assert (await email.send(told(), CHEN)).trouble == Trouble(reason="mail_busy", charged=False)
        hold.set()
        assert (await first).delivered
        assert (await email.send(told(), CHEN)).delivered


async def test_after_an_outage_mail_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """As soon as the pause is over and the server is back."""
    monkeypatch.setattr("services.notifier.channels.email.FIRST_PAUSE_SECONDS", 0.01)
    async with mail_server(replies={"RCPT": ["421 closing", ""]}) as server, channel(plain(server)) as email:
        assert (await email.send(told(), CHEN)).trouble == UNAVAILABLE
        await asyncio.sleep(0.02)
        assert (await email.send(told(), CHEN)).delivered
        assert (await email.send(told(), CHEN)).delivered


async def test_one_address_is_not_flooded(counting: Allowances) -> None:
    """Beyond its allowance e-mails wait and are not charged; others get theirs."""
    other = to(EndpointKind.EMAIL, EmailDestination(address="lin@example.com"))
    shouting = to(EndpointKind.EMAIL, EmailDestination(address="CHEN@example.com"))
    three = {"AUDIO2TXT_MAIL_PER_RECIPIENT_PER_HOUR": "3"}
    async with mail_server() as server, channel(plain(server), None, counting, **three) as email:
        answers = [await email.send(told(), receiver) for receiver in (CHEN, CHEN, shouting, other)]
    assert [answer.delivered for answer in answers] == [True, True, False, True]
    assert answers[2].trouble == Trouble(reason="mail_rate_limited", charged=False)
    assert 0 < (answers[2].retry_after or 0) <= 1800
    assert len(server.letters) == 3


async def test_the_server_is_not_flooded(counting: Allowances) -> None:
    """The installation's own limit, of which half may go out at once."""
    six = {"AUDIO2TXT_MAIL_RATE_PER_MINUTE": "6"}
    async with mail_server() as server, channel(plain(server), None, counting, **six) as email:
        receivers = [to(EndpointKind.EMAIL, EmailDestination(address=f"{number}@example.com")) for number in range(5)]
        answers = [await email.send(told(), receiver) for receiver in receivers]
    assert [answer.delivered for answer in answers] == [True, True, True, False, False]
