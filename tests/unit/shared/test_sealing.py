"""A sealed secret is worth nothing without the master secret, and only in its own place."""

from __future__ import annotations

import pytest

from shared.errors import ConfigurationError
from shared.sealing import Sealer, Unsealable

MASTER = b"a master secret for tests, 32 bytes and more"
SECRET = "sk-1234567890-ключ"


def sealer(master: bytes = MASTER, purpose: str = "provider key") -> Sealer:
    """One as services make it."""
    return Sealer(master, purpose=purpose)


def test_what_was_sealed_is_read_again() -> None:
    """Also by another process with the same master secret."""
    sealed = sealer().seal(SECRET, place="tenant/engine")
    assert sealer().unseal(sealed, place="tenant/engine") == SECRET


def test_nothing_of_the_secret_shows() -> None:
    """Not its bytes, and not whether two rows hold the same one."""
    first, second = (sealer().seal(SECRET, place="tenant/engine") for _ in range(2))
    assert SECRET.encode() not in first
    assert first[1:] != second[1:]


@pytest.mark.parametrize(
    ("reader", "place"),
    [
        (sealer(master=b"another master secret, also long enough"), "tenant/engine"),
        (sealer(purpose="something else"), "tenant/engine"),
        (sealer(), "another tenant/engine"),
    ],
    ids=["another master secret", "another purpose", "another place"],
)
def test_elsewhere_it_cannot_be_read(reader: Sealer, place: str) -> None:
    """The message names the setting and says what to do."""
    sealed = sealer().seal(SECRET, place="tenant/engine")
    with pytest.raises(Unsealable, match="AUDIO2TXT_SECRET_KEY is not the one") as caught:
        reader.unseal(sealed, place=place)
    assert isinstance(caught.value, ConfigurationError)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("position", [1, 13, -1], ids=["nonce", "text", "tag"])
def test_a_changed_byte_is_noticed(position: int) -> None:
    """Whoever can write to the table cannot bend a key."""
    sealed = bytearray(sealer().seal(SECRET, place="tenant/engine"))
    sealed[position] ^= 1
    with pytest.raises(Unsealable, match="cannot be read"):
        sealer().unseal(bytes(sealed), place="tenant/engine")


@pytest.mark.parametrize("sealed", [b"", b"\x01short", b"\x02" + bytes(40)], ids=["nothing", "a piece", "a later version"])
def test_another_form_is_refused(sealed: bytes) -> None:
    """A later version of the software may seal otherwise; this one says so."""
    with pytest.raises(Unsealable, match="form that this version does not read"):
        sealer().unseal(sealed, place="tenant/engine")
