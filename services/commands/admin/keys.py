"""`audio2txt admin keys`."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from services.commands.admin.desk import Desk, handler, role_of
from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from services.gateway.permissions import Role
    from services.gateway.store.keys import KeyRow

_PAGE = 100
_MOST_DAYS = 36_500


def register(subparsers: Any) -> None:
    """Add the subject and its actions."""
    parser = subparsers.add_parser("keys", help="add, list and revoke a tenant's API keys")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="show them, newest first; the keys themselves are stored nowhere")
    add = actions.add_parser("add", help="make one; it is printed this once")
    revoke = actions.add_parser("revoke", help="end one for good")
    for action, carry_out in ((listing, _list), (add, _add), (revoke, _revoke)):
        action.add_argument("tenant", metavar="TENANT", help="name or id")
        action.set_defaults(handler=handler(carry_out))
    add.add_argument("--role", required=True, help="owner, admin, editor, viewer or auditor")
    add.add_argument("--name", default="Made by the operator", help="what it is for")
    add.add_argument("--scope", action="append", help="narrows the role to this permission; may be repeated")
    add.add_argument("--days", type=_days, help="how long it lasts (default: until it is revoked)")
    revoke.add_argument("key", type=UUID, metavar="KEY", help="the key's id, as `list` shows it")


async def _list(desk: Desk, arguments: argparse.Namespace) -> None:
    from services.gateway.cursors import Cursor

    tenant, after, found = await desk.tenant(arguments.tenant), None, False
    while rows := await desk.keys.page(tenant.id, after=after, limit=_PAGE):
        found = True
        for row in rows:
            print(_line(row))
        after = Cursor(created_at=rows[-1].created_at, id=rows[-1].id)
    if not found:
        print(f"{tenant.name} has no keys; `audio2txt admin keys add {tenant.name} --role owner` makes one.")


async def _add(desk: Desk, arguments: argparse.Namespace) -> None:
    from services.gateway.keys import hint, new_key
    from services.gateway.store.keys import KeyRow
    from services.gateway.texts import clean_line
    from shared.schemas.ids import new_id

    tenant, key, now = await desk.tenant(arguments.tenant), new_key(), dt.datetime.now(dt.UTC)
    role = role_of(arguments.role)
    row = KeyRow(
        id=new_id(),
        tenant_id=tenant.id,
        name=clean_line(arguments.name) or "",
        hint=hint(key),
        role=role,
        scopes=None if arguments.scope is None else _scopes(role, arguments.scope),
        created_at=now,
        expires_at=None if arguments.days is None else now + dt.timedelta(days=arguments.days),
    )
    most = desk.settings.keys_per_tenant
    if not await desk.keys.add(row, key, most=most):
        raise ConfigurationError(f"{tenant.name} has {most} keys, which is the most; revoke one first.")
    print(f"A key of {tenant.name} ({row.role}), shown this once; its id is {row.id}:", file=sys.stderr)
    print(key)


async def _revoke(desk: Desk, arguments: argparse.Namespace) -> None:
    tenant = await desk.tenant(arguments.tenant)
    row = await desk.keys.find(tenant.id, arguments.key)
    if row is None:
        raise ConfigurationError(
            f"{tenant.name} has no key {arguments.key}; `audio2txt admin keys list {tenant.name}` shows them."
        )
    await desk.keys.revoke(row)
    print(f"{row.hint} ({row.name}) opens nothing any more, at gateways that run within half a minute.")


def _line(row: KeyRow) -> str:
    ended = row.ended(dt.datetime.now(dt.UTC))
    state = "revoked" if row.revoked_at else "expired" if ended else "active"
    until = f"  until {row.expires_at:%Y-%m-%d %H:%M}" if row.expires_at and not ended else ""
    used = f"  used {row.last_used_at:%Y-%m-%d %H:%M}" if row.last_used_at else "  never used"
    scopes = f" ({', '.join(row.scopes)})" if row.scopes is not None else ""
    return f"{row.id}  {row.hint}  {state}{until}{used}  {row.role}{scopes}  {row.name}"


def _scopes(role: Role, scopes: Sequence[str]) -> tuple[str, ...]:
    """The scopes, each once. Raises `ConfigurationError` for one that the role does not have."""
    from services.gateway.permissions import ROLES

    if foreign := sorted(set(scopes) - ROLES[role]):
        has = ", ".join(sorted(ROLES[role]))
        raise ConfigurationError(
            f"The role {role} has no permission {foreign[0]}; scopes only narrow a role, which has: {has}."
        )
    return tuple(sorted(set(scopes)))


def _days(text: str) -> float:
    days = float(text)
    if not 0 < days <= _MOST_DAYS:
        raise argparse.ArgumentTypeError("a key lasts some days, and at most a hundred years")
    return days
