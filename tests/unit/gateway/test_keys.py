"""API keys, and who remembers them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import cast
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.auth import KNOWN_SECONDS, UNKNOWN_SECONDS, Authenticator, KeyUses, key_in
from services.gateway.keys import _checksum, digest, hint, is_well_formed, new_key
from services.gateway.permissions import ROLES, Role
from services.gateway.problems import Problem
from services.gateway.store.accounts import AccountStore, Principal
from services.gateway.store.keys import KeyStore
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


@pytest.mark.parametrize(
    ("authorization", "api_key", "key"),
    [
        ("Bearer k", None, "k"),
        ("bearer  k ", None, "k"),
        (None, "k", "k"),
        ("Basic abc", "k", "k"),
        ("Bearer a", "b", "a"),
        (None, None, None),
    ],
)
def test_a_key_is_found_in_either_header(authorization: str | None, api_key: str | None, key: str | None) -> None:
    """`Authorization: Bearer` goes before `X-API-Key`."""
    assert key_in(authorization, api_key) == key


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
        key_id=new_id(),
        key_name="",
        key_hint="",
        role=Role.OWNER,
        scopes=None,
        permissions=ROLES[Role.OWNER],
        key_created_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        key_expires_at=expires_at,
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
    with pytest.raises(Problem):
        await authenticator.principal(key)


async def test_a_new_key_works_soon_although_it_was_tried_too_early() -> None:
    """That a key is unknown is remembered for a few seconds only."""
    accounts, now, key = _Accounts(), [0.0], new_key()
    authenticator = Authenticator(cast("AccountStore", accounts), clock=lambda: now[0])
    with pytest.raises(Problem):
        await authenticator.principal(key)
    accounts.known[digest(key)] = _principal()
    now[0] += UNKNOWN_SECONDS + 1
    assert await authenticator.principal(key)


async def test_missing_malformed_and_unknown_keys_get_the_same_answer() -> None:
    """Nobody learns from the answer how near a guess was; junk never reaches the database."""
    accounts = _Accounts()
    authenticator = Authenticator(cast("AccountStore", accounts))
    documents = []
    for key in (None, "junk", new_key()):
        with pytest.raises(Problem) as caught:
            await authenticator.principal(key)
        documents.append(caught.value.document(None))
    assert documents[0] == documents[1] == documents[2]
    assert accounts.asked == 1


async def test_a_revoked_key_ends_at_once_where_it_was_revoked() -> None:
    """The process that answers the revocation takes the key no more, even if it was being looked up just then."""
    accounts, key = _Accounts(), new_key()
    principal = accounts.known[digest(key)] = _principal()
    authenticator = Authenticator(cast("AccountStore", accounts))
    await authenticator.principal(key)

    def revoke() -> None:
        accounts.known.clear()
        authenticator.forget(principal.key_id)

    accounts.during = revoke
    authenticator.forget(principal.key_id)
    assert await authenticator.principal(key) == principal
    with pytest.raises(Problem):
        await authenticator.principal(key)


async def test_an_expiring_key_is_not_remembered_beyond_its_end() -> None:
    """Half a minute of memory does not prolong anybody's life."""
    accounts, now, key = _Accounts(), [0.0], new_key()
    accounts.known[digest(key)] = _principal(expires_at=dt.datetime.now(dt.UTC) + dt.timedelta(seconds=10))
    authenticator = Authenticator(cast("AccountStore", accounts), clock=lambda: now[0])
    await authenticator.principal(key)
    accounts.known.clear()
    now[0] += 11
    with pytest.raises(Problem):
        await authenticator.principal(key)


class _Uses:
    def __init__(self) -> None:
        self.away = False
        self.written: list[dict[UUID, dt.datetime]] = []

    async def used(self, uses: dict[UUID, dt.datetime]) -> None:
        if self.away:
            raise OSError("the database is away")
        self.written.append(uses)


async def test_uses_are_written_together_and_outlast_an_outage() -> None:
    """However many requests there were, a key is written once; what could not be written is kept for the next time."""
    store, first, second = _Uses(), new_id(), new_id()
    uses = KeyUses(cast("KeyStore", store))
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
