"""`audio2txt engines`: which speech engines there are, who may use them, and on whose key."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from services.commands import installation
from services.commands.admin.desk import operator_name
from services.commands.wishes import read_terms
from shared.errors import ConfigurationError
from shared.runtime import SERVICES
from shared.schemas.engines import EngineOffer, EngineRules

if TYPE_CHECKING:
    from services.gateway.audit import Facts
    from services.transcriber.accounts import Accounts
    from services.transcriber.offers import OfferStore
    from services.transcriber.rules import RulesChange, RulesStore
    from shared.database import Pool

MOST_TERMS, LONGEST_TERM, SHORTEST_KEY = 1000, 100, 8

DESCRIPTION = """\
Speech engines: what transcribers offer, which accounts wait and why, what tenants have decided.

  audio2txt engines                                    all of it
  audio2txt engines rules acme                         a tenant's rules
  audio2txt engines rules acme --rented no             its audio may not leave the house
  audio2txt engines rules acme --engine deepgram --vocabulary names.txt
  audio2txt engines key acme deepgram < key.txt        its own key; asked for at a terminal, never an argument
  audio2txt engines key acme deepgram --remove

A change counts for jobs that are submitted from then on.
"""


def register(subparsers: Any) -> None:
    """Add the subcommand and its actions."""
    parser = subparsers.add_parser(
        "engines",
        help="list speech engines; set a tenant's rules and keys",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(handler=lambda _: _run(_list))
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    _add_rules(actions.add_parser("rules", help="show or change what a tenant has decided"))
    key = actions.add_parser("key", help="keep a tenant's own key of an engine")
    key.add_argument("tenant", metavar="TENANT", help="name or id")
    key.add_argument("engine", metavar="ENGINE", help="a provider's engine")
    key.add_argument("--remove", action="store_true", help="forget the key instead")
    key.set_defaults(handler=handle_key)


def handle_rules(arguments: argparse.Namespace) -> int:
    """Change what is asked for and show the outcome."""
    vocabulary = () if arguments.no_vocabulary else arguments.vocabulary and kept_terms(arguments.vocabulary)
    return _run(lambda desk: _rules(desk, arguments, vocabulary))


def handle_key(arguments: argparse.Namespace) -> int:
    """Keep or forget a key."""
    key = None if arguments.remove else read_key(arguments.engine)
    return _run(lambda desk: _key(desk, arguments.tenant, arguments.engine, key))


def kept_terms(path: Path) -> tuple[str, ...]:
    """The terms of a file; raises `ConfigurationError` for more than are kept."""
    terms = read_terms(path)
    if too_long := next((term for term in terms if len(term) > LONGEST_TERM), None):
        raise ConfigurationError(f"{path}: {too_long[:30]!r}… is longer than {LONGEST_TERM} characters; put one term a line.")
    if len(terms) > MOST_TERMS:
        raise ConfigurationError(f"{path} has {len(terms):,} terms; {MOST_TERMS:,} are kept at most.")
    return terms


def read_key(engine: str) -> str:
    """The key from standard input, or from a prompt that does not show it; raises `ConfigurationError`."""
    key = (getpass.getpass(f"Key of {engine}: ") if sys.stdin.isatty() else sys.stdin.read()).strip()
    if len(key) < SHORTEST_KEY:
        raise ConfigurationError(f"That is no key: it has fewer than {SHORTEST_KEY} characters. Give it on standard input.")
    return key


@dataclass(frozen=True, kw_only=True)
class _Desk:
    """What the actions work with."""

    pool: Pool
    tenants: dict[UUID, str]
    offers: OfferStore
    rules: RulesStore
    accounts: Accounts

    def tenant(self, text: str) -> UUID:
        """A tenant by name or id."""
        for tenant_id, name in self.tenants.items():
            if text in (name, str(tenant_id)):
                return tenant_id
        raise ConfigurationError(
            f"There is no tenant {text!r}; there are: {', '.join(sorted(self.tenants.values())) or 'none'}."
        )

    async def rented(self) -> dict[str, bool]:
        """Every engine that is known here, and whether it is a provider's."""
        from services.transcriber.engines.registry import ENGINES, RENTED

        offered = {offer.name: offer.rented for offer in await self.offers.offered()}
        return {name: name in RENTED for name in ENGINES} | offered


async def _list(desk: _Desk) -> None:
    offers = await desk.offers.offered()
    print("ENGINES" if offers else "No transcriber has offered an engine yet; start one.")
    for offer in offers:
        print(f"  {offer.name:<12} {_describe(offer)}")
    if waiting := await desk.accounts.waiting():
        print("\nACCOUNTS THAT THEIR PROVIDER KEEPS WAITING")
    for account in waiting:
        owner = "the deployment" if account.tenant_id is None else desk.tenants.get(account.tenant_id, account.tenant_id)
        until = "jobs fail" if account.paused_until is None else f"until {account.paused_until:%Y-%m-%d %H:%M:%S} UTC"
        print(f"  {account.engine:<12} {owner}, {until}: {account.reason}, {account.message}")
    hints = await desk.accounts.hints()
    if rules := await desk.rules.all():
        print("\nTENANTS WITH RULES OR KEYS")
    for tenant_id, decided in rules.items():
        print(f"  {desk.tenants.get(tenant_id, tenant_id)}: {_decisions(decided, hints.get(tenant_id, {}))}")


async def _rules(desk: _Desk, arguments: argparse.Namespace, vocabulary: tuple[str, ...] | None) -> None:
    import msgspec

    from services.gateway.audit import Action, entry_of
    from services.gateway.store.audit import note
    from services.transcriber.rules import RulesChange
    from shared.database import transaction

    tenant_id = desk.tenant(arguments.tenant)
    change = RulesChange(
        engine=None if arguments.no_engine else arguments.engine or msgspec.UNSET,
        allow_rented=msgspec.UNSET if arguments.rented is None else arguments.rented == "yes",
        vocabulary=msgspec.UNSET if vocabulary is None else vocabulary,
    )
    await _check(desk, tenant_id, change)
    if change != RulesChange():
        async with transaction(desk.pool) as connection:
            before = _facts(await desk.rules.of(tenant_id))
            await desk.rules.change(tenant_id, change, within=connection)
            after = before | _facts(change)
            await note(connection, entry_of(Action.ENGINE_RULES_CHANGED, tenant_id, tenant_id, before=before, after=after))
    hints = (await desk.accounts.hints()).get(tenant_id, {})
    print(f"{desk.tenants[tenant_id]}: {_decisions(await desk.rules.of(tenant_id), hints)}")


def _facts(rules: EngineRules | RulesChange) -> Facts:
    """What the audit log keeps of rules: the terms are counted."""
    import msgspec

    facts = {"engine": rules.engine, "allow_rented": rules.allow_rented}
    counted = rules.vocabulary if rules.vocabulary is msgspec.UNSET else len(rules.vocabulary)
    return {name: fact for name, fact in {**facts, "vocabulary": counted}.items() if fact is not msgspec.UNSET}


async def _check(desk: _Desk, tenant_id: UUID, change: RulesChange) -> None:
    """Refuse a change after which none of the tenant's jobs that name no engine could be done."""
    import msgspec

    before, rented = await desk.rules.of(tenant_id), await desk.rented()
    after = msgspec.convert(msgspec.to_builtins(before) | msgspec.to_builtins(change), EngineRules)
    if change.engine and after.engine not in rented:
        raise ConfigurationError(f"There is no engine {after.engine!r}; there are: {', '.join(sorted(rented))}.")
    if after.engine is not None and rented.get(after.engine, False) and not after.allow_rented:
        raise ConfigurationError(
            f"{desk.tenants[tenant_id]} cannot both have the engine {after.engine} and keep its audio in the house; "
            "name another engine, --no-engine, or --rented yes."
        )


async def _key(desk: _Desk, tenant: str, engine: str, key: str | None) -> None:
    from services.gateway.audit import Action, entry_of
    from services.gateway.store.audit import note
    from services.transcriber.engines.registry import KEYED
    from shared.database import transaction

    tenant_id = desk.tenant(tenant)
    if key is None:
        async with transaction(desk.pool) as connection:
            removed = await desk.accounts.remove_key(tenant_id, engine, within=connection)
            if removed:
                await note(connection, entry_of(Action.ENGINE_KEY_REMOVED, tenant_id, engine))
        print(f"Forgot {tenant}'s key of {engine}." if removed else f"{tenant} has no key of {engine}.")
    elif engine not in KEYED:
        raise ConfigurationError(f"Tenants cannot bring a key of {engine!r}, only of: {', '.join(KEYED)}.")
    else:
        async with transaction(desk.pool) as connection:
            await desk.accounts.keep_key(tenant_id, engine, key, within=connection)
            await note(connection, entry_of(Action.ENGINE_KEY_KEPT, tenant_id, engine))
        print(f"Kept {tenant}'s key of {engine}; jobs that are submitted from now on run on it.")


def _add_rules(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tenant", metavar="TENANT", help="name or id")
    engine = parser.add_mutually_exclusive_group()
    engine.add_argument("--engine", metavar="NAME", help="engine of jobs that name none")
    engine.add_argument("--no-engine", action="store_true", help="leave it to the deployment")
    parser.add_argument("--rented", choices=("yes", "no"), help="whether audio may leave the house")
    terms = parser.add_mutually_exclusive_group()
    terms.add_argument("--vocabulary", type=Path, metavar="FILE", help="key terms for every job, one a line")
    terms.add_argument("--no-vocabulary", action="store_true", help="forget the key terms")
    parser.set_defaults(handler=handle_rules)


def _run(action: Callable[[_Desk], Coroutine[Any, Any, None]]) -> int:
    async def run() -> None:
        async with _opened() as desk:
            await action(desk)

    asyncio.run(run())
    return 0


@asynccontextmanager
async def _opened() -> AsyncIterator[_Desk]:
    from services.gateway.audit import Acting, Actor, ActorKind, act
    from services.gateway.store.tenants import TenantStore
    from services.transcriber.accounts import Accounts
    from services.transcriber.offers import OfferStore
    from services.transcriber.rules import RulesStore
    from shared import database, migrations
    from shared.schemas.ids import new_id

    settings, _ = installation.read_settings()
    if settings.bus_url.startswith("memory:"):
        settings = installation.with_secret_key(settings, SERVICES)
    if settings.secret_key is None:
        raise ConfigurationError("AUDIO2TXT_SECRET_KEY must be set, to the value that the services have.")
    act(Acting(actor=Actor(kind=ActorKind.OPERATOR, name=operator_name())))
    async with installation.database_url(settings, attach=True) as url:
        pool = await database.open_pool(url, size=2)
        try:
            for service in ("gateway", "transcriber"):
                await migrations.require_current(pool, service)
            yield _Desk(
                pool=pool,
                tenants={row.id: row.name for row in await TenantStore(pool).all()},
                offers=OfferStore(pool=pool, owner=new_id()),
                rules=RulesStore(pool),
                accounts=Accounts(pool=pool, secret_key=settings.secret_key.encode()),
            )
        finally:
            await pool.close()


def _describe(offer: EngineOffer) -> str:
    able = offer.capabilities
    key = "" if not offer.rented else ", with a key" if offer.has_key else ", only for tenants with their own key"
    can = ", ".join(sorted([*able.features, *able.analyses]))
    default = ", default" if offer.is_default else ""
    return f"{'rented' if offer.rented else 'in the house'}{key}{default}{f'; {can}' if can else ''}"


def _decisions(rules: EngineRules, hints: dict[str, str]) -> str:
    parts = [f"engine {rules.engine}" if rules.engine else "the deployment's engine"]
    parts += [] if rules.allow_rented else ["audio stays in the house"]
    parts += [f"{len(rules.vocabulary)} key terms"] if rules.vocabulary else []
    parts += [f"own key of {engine} (…{hints.get(engine, '')})" for engine in sorted(rules.keys)]
    return ", ".join(parts)
