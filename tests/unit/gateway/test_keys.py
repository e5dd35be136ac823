"""API keys, and who remembers them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import cast
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.auth import KNOWN_SECONDS, UNKNOWN_SECONDS, Authenticator, LastUses
from services.gateway.keys import SESSION_PREFIX, TOKEN_PREFIX, _checksum, digest, hint, is_sign_in, is_well_formed, new_key
from services.gateway.permissions import ROLES, Role
from services.gateway.store.accounts import AccountStore, ByKey, Principal
from shared.schemas.ids import new_id


def test_a_key_looks_like_a_key() -> None:
    """A prefix that scanners find, 40 characters of base 62, and never the same twice."""
    key = new_key()
    assert key.startswith("a2t_live_")
    assert len(key) == 49
    assert is_well_formed(key)
    assert key != new_key()
    assert key[-4:] in hint(key)
    assert key[9:-4] not in hint(key)


def test_a_key_of_the_older_form_is_as_good() -> None:
    """Keys that were handed out before keep working."""
    older = "a2t_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" + _checksum("a2t_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
    assert is_well_formed(older)
    assert not is_well_formed(older[:-1] + ("0" if older[-1] != "0" else "1"))
    assert hint(older) == f"a2t_…{older[-4:]}"
    assert not is_well_formed(older.replace("a2t_", "a2t_live_"))


@given(st.integers(min_value=0, max_value=48), st.characters(codec="ascii"))
def test_a_mistyped_key_is_told_without_the_database(place: int, character: str) -> None:
    """Any one wrong character breaks the checksum."""
    right = new_key()
    wrong = right[:place] + character + right[place + 1 :]
    assert is_well_formed(wrong) is (wrong == right)


@pytest.mark.parametrize("junk", ["", "a2t_", "x" * 44, "a2t_" + "é" * 40])
def test_junk_is_no_key(junk: str) -> None:
    """Nothing but the exact form counts."""
    assert not is_well_formed(junk)


@pytest.mark.parametrize("more", ["a", "\n"])
def test_a_key_with_more_behind_it_is_no_key(more: str) -> None:
    """The form is exact to its end."""
    assert not is_well_formed(new_key() + more)


def test_tokens_and_sessions_are_no_keys_nor_each_other() -> None:
    """What was handed out for one purpose opens nothing as another."""
    token, session = new_key(TOKEN_PREFIX), new_key(SESSION_PREFIX)
    assert is_sign_in(token, TOKEN_PREFIX)
    assert is_sign_in(session, SESSION_PREFIX)
    assert not is_well_formed(token)
    assert not is_sign_in(session, TOKEN_PREFIX)
    assert not is_sign_in(new_key(), TOKEN_PREFIX)
    assert not is_sign_in(token[:-1] + ("0" if token[-1] != "0" else "1"), TOKEN_PREFIX)


class _Accounts:
    def __init__(self) -> None:
        self.known: dict[bytes, Principal] = {}
        self.asked = 0
        self.during: Callable[[], object] = lambda: None

    async def principal(self, key_digest: bytes) -> Principal | None:
        self.asked += 1
        found = self.known.get(key_digest)
        self.during()
        return found


def _principal(expires_at: dt.datetime | None = None) -> Principal:
    return Principal(
        tenant_id=new_id(),
        tenant_name="t",
        role=Role.OWNER,
        permissions=ROLES[Role.OWNER],
        by=ByKey(
            id=new_id(),
            name="",
            hint="",
            scopes=None,
            created_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
            expires_at=expires_at,
        ),
    )


async def test_a_key_is_asked_for_once_in_half_a_minute() -> None:
    """Requests do not cost a query each, and a revoked key ends soon."""
    accounts, now, key = _Accounts(), [0.0], new_key()
    accounts.known[digest(key)] = _principal()
    authenticator = Authenticator(cast("AccountStore", accounts), clock=lambda: now[0])
    for _ in range(5):
        await authenticator.principal(key)
    assert accounts.asked == 1
    accounts.known.clear()
    now[0] += KNOWN_SECONDS + 1
    assert await authenticator.principal(key) is None


async def test_a_new_key_works_soon_although_it_was_tried_too_early() -> None:
    """That a key is unknown is remembered for a few seconds only."""
    accounts, now, key = _Accounts(), [0.0], new_key()
    authenticator = Authenticator(cast("AccountStore", accounts), clock=lambda: now[0])
    assert await authenticator.principal(key) is None
    accounts.known[digest(key)] = _principal()
    now[0] += UNKNOWN_SECONDS + 1
    assert await authenticator.principal(key)


async def test_junk_never_reaches_the_database() -> None:
    """What cannot be a key is told by its form."""
    accounts = _Accounts()
    authenticator = Authenticator(cast("AccountStore", accounts))
    assert [await authenticator.principal(key) for key in ("junk", new_key(), new_key(TOKEN_PREFIX))] == [None, None, None]
    assert accounts.asked == 1


async def test_a_revoked_key_ends_at_once_where_it_was_revoked() -> None:
    """The process that answers the revocation takes the key no more, even if it was being looked up just then."""
    accounts, key = _Accounts(), new_key()
    principal = accounts.known[digest(key)] = _principal()
    authenticator = Authenticator(cast("AccountStore", accounts))
    await authenticator.principal(key)

    def revoke() -> None:
        accounts.known.clear()
        authenticator.forget(principal.id)

    accounts.during = revoke
    authenticator.forget(principal.id)
    assert await authenticator.principal(key) == principal
    assert await authenticator.principal(key) is None


async def test_an_expiring_key_is_not_remembered_beyond_its_end() -> None:
    """Half a minute of memory does not prolong anybody's life."""
    accounts, now, key = _Accounts(), [0.0], new_key()
    accounts.known[digest(key)] = _principal(expires_at=dt.datetime.now(dt.UTC) + dt.timedelta(seconds=10))
    authenticator = Authenticator(cast("AccountStore", accounts), clock=lambda: now[0])
    await authenticator.principal(key)
    accounts.known.clear()
    now[0] += 11
    assert await authenticator.principal(key) is None


class _Uses:
    def __init__(self) -> None:
        self.away = False
        self.written: list[Mapping[UUID, dt.datetime]] = []

    async def used(self, uses: Mapping[UUID, dt.datetime]) -> None:
        if self.away:
            raise OSError("the database is away")
        self.written.append(uses)


async def test_uses_are_written_together_and_outlast_an_outage() -> None:
    """However many requests there were, a key is written once; what could not be written is kept for the next time."""
    store, first, second = _Uses(), new_id(), new_id()
    uses = LastUses(store)
    await uses.write()
    for _ in range(3):
        uses.note(first)
    store.away = True
    with pytest.raises(OSError, match="away"):
        await uses.write()
    store.away = False
    uses.note(second)
    await uses.write()
    await uses.write()
    assert [set(written) for written in store.written] == [{first, second}]
