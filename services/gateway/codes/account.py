"""Codes about who asks: keys and the tenant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from services.gateway.codes.meaning import Meaning

AccountCode: TypeAlias = Literal["key_not_current", "key_not_found", "scope_not_of_role", "too_many_keys"]

ACCOUNT: Mapping[str, Meaning] = {
    "key_not_found": Meaning(404, "There is no key with this id.", "`GET /v1/keys` lists them."),
    "key_not_current": Meaning(409, "The key has ended, or has a successor already.", "Rotate the successor, or make one."),
    "too_many_keys": Meaning(409, "The tenant has as many keys as it may have.", "Revoke one first."),
    "scope_not_of_role": Meaning(422, "The role does not have a permission that `scopes` names.", "Scopes only narrow a role."),
}
