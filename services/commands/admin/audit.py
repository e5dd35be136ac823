"""`audio2txt admin audit`."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, Any

from services.commands.admin.desk import Desk, handler
from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from services.gateway.store.audit import Head
    from services.gateway.store.tenants import TenantRow

_ANCHOR = re.compile(r"(\d{1,18}):([0-9a-f]{64})")


def register(subparsers: Any) -> None:
    """Add the subject and its action."""
    parser = subparsers.add_parser("audit", help="whether the audit log is whole")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    verify = actions.add_parser("verify", help="walk the chains and say where one broke; ends with 1 when one did")
    verify.add_argument("tenant", nargs="?", metavar="TENANT", help="name or id (default: all of them)")
    verify.add_argument("--anchor", metavar="NUMBER:HASH", help="an end of the tenant's chain that was noted down earlier")
    verify.set_defaults(handler=handler(_verify))


async def _verify(desk: Desk, arguments: argparse.Namespace) -> int:
    from services.gateway.audit_trail import AuditTrail

    if arguments.anchor is not None and arguments.tenant is None:
        raise ConfigurationError("--anchor is the end of one tenant's chain; name the tenant, too.")
    anchor = None if arguments.anchor is None else _anchor(arguments.anchor)
    tenants = await desk.tenants.all() if arguments.tenant is None else [await desk.tenant(arguments.tenant)]
    await AuditTrail(desk.audit).settle(wait=True)
    whole = [await _is_whole(desk, tenant, anchor) for tenant in tenants]
    return 0 if all(whole) else 1


async def _is_whole(desk: Desk, tenant: TenantRow, anchor: Head | None) -> bool:
    from services.gateway.audit_trail import ChainBroken, verify

    try:
        head = await verify(desk.audit, tenant.id, anchor=anchor)
    except ChainBroken as broken:
        print(f"{tenant.name}: BROKEN at entry {broken.number:,}: {broken.reason}")
        return False
    end = f"; it ends in {head.number}:{head.hash.hex()}" if head.number else ""
    print(f"{tenant.name}: {head.number:,} entries, whole{end}")
    return True


def _anchor(text: str) -> Head:
    from services.gateway.store.audit import Head

    match = _ANCHOR.fullmatch(text)
    if match is None:
        raise ConfigurationError("--anchor must be NUMBER:HASH, as `audit verify` prints the end of a chain.")
    return Head(number=int(match[1]), hash=bytes.fromhex(match[2]))
