"""`audio2txt mail-test` and `doctor` tell operators whether e-mails go out."""

from __future__ import annotations

import asyncio
import sys

from tests.mailing import mail_server


async def audio2txt(*arguments: str, **settings: str) -> tuple[int, str, str]:
    """Run the command: exit status, what it said, what it complained about."""
    environment = {"PATH": "/usr/bin:/bin", "AUDIO2TXT_MAIL_FROM": "Audio2txt <notices@example.com>", **settings}
    command = (sys.executable, "-m", "services", *arguments)
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=-1, stderr=-1)
    said, complained = await process.communicate()
    return process.returncode or 0, said.decode(), complained.decode()


async def test_a_test_message_arrives() -> None:
    """And what the mail server says to it is printed."""
    async with mail_server() as server:
        url = f"smtp://127.0.0.1:{server.port}?starttls=off"
        status, said, _ = await audio2txt("mail-test", "chen@example.com", "--language", "zh-Hant", AUDIO2TXT_SMTP_URL=url)
    assert (status, said.strip()) == (0, "The mail server took it: 250 2.0.0 queued as 42")
    (mail,) = server.mails
    assert (mail["To"], mail["Subject"]) == ("chen@example.com", "Audio2txt 測試訊息")


async def test_what_is_wrong_is_told() -> None:
    """In the mail server's own words."""
    refusing = {"RCPT": ["550 5.1.1 no such user"]}
    async with mail_server(replies=refusing) as server:
        url = f"smtp://127.0.0.1:{server.port}?starttls=off"
        status, said, _ = await audio2txt("mail-test", "chen@example.com", AUDIO2TXT_SMTP_URL=url)
    assert status == 1
    assert "(smtp_550). 5.1.1 no such user" in said
    async with mail_server() as server:
        unencrypted = f"smtp://127.0.0.1:{server.port}"
        status, said, _ = await audio2txt("mail-test", "chen@example.com", AUDIO2TXT_SMTP_URL=unencrypted)
    assert status == 1
    assert "STARTTLS" in said


async def test_without_a_mail_server() -> None:
    """One sentence says which setting is missing."""
    status, _, complained = await audio2txt("mail-test", "chen@example.com")
    assert (status, "AUDIO2TXT_SMTP_URL is not set" in complained) == (2, True)


async def test_the_doctor_knows() -> None:
    """Off, ok, or missing with what the mail server says, or what keeps addresses from being confirmed."""
    off = await audio2txt("doctor")
    async with mail_server() as server:
        there = {"AUDIO2TXT_SMTP_URL": f"smtp://127.0.0.1:{server.port}?starttls=off"}
        good = await audio2txt("doctor", **there, AUDIO2TXT_PUBLIC_URL="https://audio2txt.example")
        closed = await audio2txt("doctor", **there, AUDIO2TXT_MAIL_CONFIRM="false")
        nowhere = await audio2txt("doctor", **there)
        bad = await audio2txt("doctor", AUDIO2TXT_SMTP_URL=f"smtp://127.0.0.1:{server.port}")
    marks = [
        next(line.split()[0] for line in said.splitlines() if " mail " in line)
        for _, said, _ in (off, good, closed, nowhere, bad)
    ]
    assert marks == ["off", "ok", "ok", "missing", "missing"]
    assert "AUDIO2TXT_PUBLIC_URL is not set" in nowhere[1]
