"""E-mail addresses as mail servers compare them."""

from __future__ import annotations

import re
import unicodedata

from services.gateway.problems import Problem, invalid

ADDRESS = re.compile(r"[^\s@<>()\[\],;:\\\"\x00-\x1f\x7f]{1,64}@[^\s@<>()\[\],;:\\\"\x00-\x1f\x7f]{1,189}\.[^\s@.<>,;]{2,63}")
"""What can be one."""

LONGEST = 254
"""Characters of an address that mail servers pass on (RFC 5321)."""


def canonical(address: str) -> str:
    """In lower case, the domain as the DNS has it. Raises `Problem` 422."""
    import idna

    name, _, domain = address.rpartition("@")
    try:
        known = domain if domain.isascii() else idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        raise invalid("/address", "address_invalid", "The part after the @ is no name of a host.") from None
    return f"{name.lower()}@{known.lower()}"


def mailbox(address: str, pointer: str = "/email") -> str:
    """The canonical form of what somebody calls their e-mail address. Raises `Problem` 422, which points to it."""
    text = unicodedata.normalize("NFC", address.strip())
    try:
        known = canonical(text) if ADDRESS.fullmatch(text) else ""
    except Problem:
        known = ""
    if not known or len(known) > LONGEST:
        raise invalid(pointer, "address_invalid", "This is no e-mail address; give one, as in chen@example.com.")
    return known
