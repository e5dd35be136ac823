"""`audio2txt admin plans`."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from services.commands.admin.desk import Desk, handler
from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from services.gateway.store.plans import Feature, Plan

UNLIMITED = "unlimited"
NO_PLAN = "none"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_SIZE = re.compile(r"([0-9]{1,18})\s*(|kB|MB|GB|TB)", re.IGNORECASE)
_MOST, _MOST_BYTES = 2**31 - 1, 10**18
_UNITS = {"": 1, "kb": 1000, "mb": 1000**2, "gb": 1000**3, "tb": 1000**4}
_LIMITS = {
    "minutes": "minutes of audio a month (UTC)",
    "storage": "bytes of recordings, as in 20GB",
    "concurrent": "jobs at work at once",
    "waiting": "jobs that wait at once",
}


def register(subparsers: Any) -> None:
    """Add the subject and its actions."""
    parser = subparsers.add_parser("plans", help="what tenants may use: add, list, change, remove and assign plans")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="show them, and who has which")
    listing.set_defaults(handler=handler(_list))
    add = actions.add_parser("add", help="make one; what is not said is without limit")
    change = actions.add_parser("change", help=f"give one other limits; what is not said stays, `{UNLIMITED}` lifts a limit")
    for action, carry_out in ((add, _add), (change, _change)):
        action.add_argument("name", metavar="PLAN")
        for limit, meaning in _LIMITS.items():
            action.add_argument(f"--{limit}", metavar="N", help=meaning)
        action.add_argument(
            "--without",
            action="append",
            metavar="FEATURE",
            help=f"leaves it out; may be repeated, `{NO_PLAN}` leaves nothing out",
        )
        action.set_defaults(handler=handler(carry_out))
    remove = actions.add_parser("remove", help="forget one that no tenant has")
    remove.add_argument("name", metavar="PLAN")
    remove.set_defaults(handler=handler(_remove))
    assign = actions.add_parser("assign", help=f"give a tenant a plan; `{NO_PLAN}` lifts all limits")
    assign.add_argument("tenant", metavar="TENANT", help="name or id")
    assign.add_argument("name", metavar="PLAN")
    assign.set_defaults(handler=handler(_assign))


async def _list(desk: Desk, arguments: argparse.Namespace) -> None:
    del arguments
    plans = await desk.plans.all()
    for plan, tenants in plans:
        print(f"{_line(plan)}\n    tenants: {', '.join(tenants) or 'none'}")
    if not plans:
        print("There are no plans, and so no limits; `audio2txt admin plans add NAME --minutes 600` makes one.")


async def _add(desk: Desk, arguments: argparse.Namespace) -> None:
    from services.gateway.store.plans import Plan

    if not _NAME.fullmatch(arguments.name) or arguments.name == NO_PLAN:
        raise ConfigurationError("A plan's name has up to 40 small letters, digits, - and _, and is not `none`.")
    plan = _with_limits(Plan(name=arguments.name), arguments)
    await desk.plans.add(plan)
    print(f"{_line(plan)}\n`audio2txt admin plans assign TENANT {plan.name}` gives it to somebody.")


async def _change(desk: Desk, arguments: argparse.Namespace) -> None:
    plan = _with_limits(await _find(desk, arguments.name), arguments)
    tenants = await desk.plans.change(plan)
    print(f"{_line(plan)}\nTenants that have it: {len(tenants)}. It holds at gateways that run within five seconds.")


async def _remove(desk: Desk, arguments: argparse.Namespace) -> None:
    plan = await _find(desk, arguments.name)
    await desk.plans.remove(plan.name)
    print(f"The plan {plan.name} is gone.")


async def _assign(desk: Desk, arguments: argparse.Namespace) -> None:
    tenant = await desk.tenant(arguments.tenant)
    plan = None if arguments.name == NO_PLAN else await _find(desk, arguments.name)
    await desk.plans.assign(tenant.id, plan)
    has = "no plan, and so no limits" if plan is None else f"the plan {plan.name}"
    print(f"{tenant.name} has {has}, at gateways that run within five seconds.")


async def _find(desk: Desk, name: str) -> Plan:
    plans = [plan for plan, _ in await desk.plans.all()]
    for plan in plans:
        if plan.name == name:
            return plan
    raise ConfigurationError(f"There is no plan {name!r}; there are: {', '.join(plan.name for plan in plans) or 'none'}.")


def _with_limits(plan: Plan, arguments: argparse.Namespace) -> Plan:
    """The plan with the limits that were given. Raises `ConfigurationError`."""
    import msgspec

    changes: dict[str, Any] = {}
    for option, field in (
        ("minutes", "minutes_per_month"),
        ("storage", "storage_bytes"),
        ("concurrent", "concurrent_jobs"),
        ("waiting", "waiting_jobs"),
    ):
        if (text := getattr(arguments, option)) is not None:
            changes[field] = None if text == UNLIMITED else _number(option, text)
    if arguments.without is not None:
        changes["features"] = _features(arguments.without)
    return msgspec.structs.replace(plan, **changes)


def _number(option: str, text: str) -> int:
    match = _SIZE.fullmatch(text)
    least = 1 if option in ("concurrent", "waiting") else 0
    most = _MOST_BYTES if option == "storage" else _MOST
    number = -1 if match is None or (match[2] and option != "storage") else int(match[1]) * _UNITS[match[2].lower()]
    if not least <= number <= most:
        raise ConfigurationError(
            f"--{option} {text!r} is no number from {least} to {most:,}, nor `{UNLIMITED}`: {_LIMITS[option]}."
        )
    return number


def _features(left_out: Sequence[str]) -> tuple[Feature, ...] | None:
    from services.gateway.store.plans import Feature

    if list(left_out) == [NO_PLAN]:
        return None
    if unknown := sorted(set(left_out) - set(Feature)):
        raise ConfigurationError(f"There is no feature {unknown[0]!r}; there are: {', '.join(Feature)}.")
    return tuple(feature for feature in Feature if feature not in left_out)


def _line(plan: Plan) -> str:
    limits = {
        "minutes a month": plan.minutes_per_month,
        "bytes stored": plan.storage_bytes,
        "at work": plan.concurrent_jobs,
        "waiting": plan.waiting_jobs,
    }
    words = [f"{name} {UNLIMITED if limit is None else f'{limit:,}'}" for name, limit in limits.items()]
    features = "all features" if plan.features is None else f"features: {', '.join(plan.features) or 'none'}"
    return f"{plan.name}  {'  '.join(words)}  {features}"
