"""Passwords that are good enough, and how they are compared."""

from __future__ import annotations

import asyncio
import threading

import pytest

from services.gateway.mailboxes import mailbox
from services.gateway.problems import Problem
from services.gateway.users.passwords import MOST_WAITING, Passwords, check_new

EMAIL = "chen.yu@example.com"


@pytest.mark.parametrize(
    "password", ["an umbrella, twice", "correct horse battery", "一二三四五六七八九十百千", "x" * 250 + "yzab!"]
)
def test_a_sentence_is_a_good_password(password: str) -> None:
    """In any script, and long ones, too."""
    check_new(password, email=EMAIL)


@pytest.mark.parametrize("password", ["", "short", "x" * 257, "aaaaaaaaaaaaaaaa", "abababababab", EMAIL, EMAIL.upper()])
def test_what_is_guessed_first_is_refused(password: str) -> None:
    """Too short, too long, nearly one character, or the address itself."""
    with pytest.raises(Problem) as caught:
        check_new(password, email=EMAIL)
    assert caught.value.code == "password_too_weak"


async def test_a_password_is_known_by_its_hash_alone() -> None:
    """However a keyboard composes its letters; where nothing is kept, nothing is right."""
    passwords = Passwords()
    kept = await passwords.hash("Zürich, zweimal")
    assert kept.startswith("$argon2id$v=19$m=47104,t=2,p=1$")
    assert await passwords.verify(kept, "Zu\u0308rich, zweimal")
    assert not await passwords.verify(kept, "zürich, zweimal")
    assert not await passwords.verify(None, "Zürich, zweimal")
    assert not passwords.is_outdated(kept)
    assert passwords.is_outdated(kept.replace("t=2", "t=1"))
    passwords.close()


async def test_strangers_fill_half_of_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then they are sent away, while those who signed in from there lately still get a place."""
    going = threading.Event()

    def verify(self: Passwords, kept: str | None, password: str) -> bool:
        return going.wait(30)

    monkeypatch.setattr(Passwords, "_verify", verify)
    passwords = Passwords()
    strangers = [asyncio.create_task(passwords.verify(None, "guessed")) for _ in range(MOST_WAITING // 2)]
    await asyncio.sleep(0)
    with pytest.raises(Problem) as caught:
        await passwords.verify(None, "guessed")
    assert caught.value.code == "busy"
    friend = asyncio.create_task(passwords.verify("a hash", "known", trusted=True))
    going.set()
    assert await friend
    assert all(await asyncio.gather(*strangers))
    passwords.close()


def test_two_mailboxes_stay_two() -> None:
    """Lower case is one thing; another letter is somebody else's mailbox."""
    assert mailbox("Chen@Example.COM") == "chen@example.com"
    assert mailbox("Stra\u00dfe@example.com") != mailbox("strasse@example.com")
