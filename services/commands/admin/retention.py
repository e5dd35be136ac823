"""`audio2txt admin retention`."""

from __future__ import annotations

import argparse
from typing import Any

import msgspec

from services.commands.admin.desk import Desk, handler
from shared.errors import ConfigurationError
from shared.schemas.privacy import RetentionDays, RetentionRules

KEEP, INHERIT = "keep", "inherit"


def register(subparsers: Any) -> None:
    """Add the subject and its actions."""
    parser = subparsers.add_parser("retention", help="for how long a tenant's things are kept")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    show = actions.add_parser("show", help="what a tenant has decided, and what counts")
    show.add_argument("tenant", metavar="TENANT", help="name or id")
    show.set_defaults(handler=handler(_show))
    change = actions.add_parser("set", help="decide; what is not named stays as it is")
    change.add_argument("tenant", metavar="TENANT", help="name or id")
    change.add_argument("--solution", metavar="ID", help="only for jobs of this scenario")
    for name in _names(RetentionRules().tenant):
        change.add_argument(f"--{name}", type=_wish, metavar="DAYS", help=f"days, `{KEEP}` for ever, or `{INHERIT}`")
    change.set_defaults(handler=handler(_set))


async def _show(desk: Desk, arguments: argparse.Namespace) -> None:
    tenant = await desk.tenant(arguments.tenant)
    _print(desk, await desk.retention.of(tenant.id))


async def _set(desk: Desk, arguments: argparse.Namespace) -> None:
    tenant = await desk.tenant(arguments.tenant)
    rules = await desk.retention.of(tenant.id)
    wishes = {name: getattr(arguments, name) for name in _names(rules.tenant) if getattr(arguments, name) is not None}
    changes = {name: {KEEP: None, INHERIT: msgspec.UNSET}.get(wish, wish) for name, wish in wishes.items()}
    if not changes:
        raise ConfigurationError("Name what is to be kept for how long, as in --audio 30; nothing was changed.")
    if arguments.solution is None:
        rules = msgspec.structs.replace(rules, tenant=msgspec.structs.replace(rules.tenant, **changes))
    else:
        if "deliveries" in changes:
            raise ConfigurationError("The log of deliveries is the tenant's, not a scenario's; leave --solution out.")
        own = msgspec.structs.replace(rules.solutions.get(arguments.solution, RetentionDays()), **changes)
        rules = msgspec.structs.replace(rules, solutions={**rules.solutions, arguments.solution: own})
    await desk.retention.decide(tenant.id, rules)
    _print(desk, rules)


def _print(desk: Desk, rules: RetentionRules) -> None:
    from services.gateway.privacy.rules import effective, of_installation

    installation = of_installation(desk.settings)
    print(f"decided   {msgspec.json.encode(rules).decode()}")
    print(f"counts    {_line(effective(installation, rules))}")
    for solution in rules.solutions:
        print(f"  {solution}: {_line(effective(installation, rules, solution))}")


def _line(kept: RetentionDays) -> str:
    return ", ".join(f"{name} {_span(getattr(kept, name))}" for name in _names(kept))


def _span(days: int | None) -> str:
    match days:
        case None:
            return "for ever"
        case 0:
            return "not at all"
        case 1:
            return "1 day"
        case _:
            return f"{days} days"


def _names(kept: RetentionDays) -> list[str]:
    return [field.name for field in msgspec.structs.fields(kept)]


def _wish(text: str) -> int | str:
    if text in (KEEP, INHERIT):
        return text
    if not text.isdigit() or int(text) > 36_500:
        raise argparse.ArgumentTypeError(f"a number of days up to a hundred years, {KEEP} or {INHERIT}")
    return int(text)
