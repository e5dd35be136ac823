"""What the actions of `audio2txt admin` work with: the installation's database, in the operator's name."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias
from uuid import UUID

from services.commands import installation
from shared.errors import ConfigurationError
from shared.runtime import SERVICES

if TYPE_CHECKING:
    from services.gateway.permissions import Role
    from services.gateway.settings import GatewaySettings
    from services.gateway.store.audit import AuditStore
    from services.gateway.store.erasures import ErasureStore
    from services.gateway.store.exports import ExportStore
    from services.gateway.store.keys import KeyStore
    from services.gateway.store.plans import PlanStore
    from services.gateway.store.retention import RetentionStore
    from services.gateway.store.search import SearchIndex
    from services.gateway.store.tenants import TenantRow, TenantStore
    from services.gateway.store.users import UserStore
    from shared.blobs import BlobStore
    from shared.mail_links import LinkPurpose
    from shared.settings import PlatformSettings


@dataclass(frozen=True, kw_only=True)
class Desk:
    """The stores that operators work on."""

    platform: PlatformSettings
    settings: GatewaySettings
    tenants: TenantStore
    keys: KeyStore
    users: UserStore
    audit: AuditStore
    plans: PlanStore
    retention: RetentionStore
    erasures: ErasureStore
    exports: ExportStore
    search: SearchIndex

    def link(self, purpose: LinkPurpose, link_id: UUID) -> str:
        """The URL behind which a user sets a password. Raises `ConfigurationError`."""
        from shared.mail_links import link_token

        if self.platform.secret_key is None:
            raise ConfigurationError("AUDIO2TXT_SECRET_KEY is not set; give it the gateway's.")
        base = self.platform.public_url or f"http://127.0.0.1:{self.platform.port}"
        return f"{base.rstrip('/')}{purpose.path}{link_token(self.platform.secret_key.encode(), purpose, link_id)}"

    @asynccontextmanager
    async def blobs(self) -> AsyncIterator[BlobStore]:
        """The installation's store of recordings and files."""
        from shared.blobs import open_blobs
        from shared.runtime import encryption_of, s3_credentials

        store = await open_blobs(
            self.platform.blobs_url,
            data_dir=self.platform.data_path,
            credentials=s3_credentials(self.platform),
            encryption=encryption_of(self.platform),
        )
        try:
            yield store
        finally:
            await store.close()

    async def tenant(self, text: str) -> TenantRow:
        """A tenant by name or id. Raises `ConfigurationError`."""
        rows = await self.tenants.all()
        for row in rows:
            if text in (row.name, str(row.id)):
                return row
        raise ConfigurationError(f"There is no tenant {text!r}; there are: {', '.join(row.name for row in rows) or 'none'}.")


def role_of(text: str) -> Role:
    """A role by its name. Raises `ConfigurationError`."""
    from services.gateway.permissions import Role

    if text not in list(Role):
        raise ConfigurationError(f"There is no role {text!r}; there are: {', '.join(Role)}.")
    return Role(text)


Action: TypeAlias = Callable[[Desk, argparse.Namespace], Awaitable[int | None]]


def handler(action: Action) -> Callable[[argparse.Namespace], int]:
    """Carries an action out on the installation; its exit status, 0 unless the action says otherwise."""

    async def run(arguments: argparse.Namespace) -> int:
        async with _opened() as desk:
            return await action(desk, arguments) or 0

    return lambda arguments: asyncio.run(run(arguments))


@asynccontextmanager
async def _opened() -> AsyncIterator[Desk]:
    from services.gateway.audit import Acting, Actor, ActorKind, act
    from services.gateway.settings import GatewaySettings
    from services.gateway.store.audit import AuditStore
    from services.gateway.store.erasures import ErasureStore
    from services.gateway.store.exports import ExportStore
    from services.gateway.store.keys import KeyStore
    from services.gateway.store.plans import PlanStore
    from services.gateway.store.retention import RetentionStore
    from services.gateway.store.search import SearchIndex
    from services.gateway.store.tenants import TenantStore
    from services.gateway.store.users import UserStore
    from shared import database, migrations
    from shared.settings import load

    settings, environment = installation.read_settings()
    if settings.database_url.startswith("embedded:"):
        settings = installation.with_secret_key(settings, SERVICES)
    gateway = load(GatewaySettings, environment)
    act(Acting(actor=Actor(kind=ActorKind.OPERATOR, name=operator_name())))
    async with installation.database_url(settings, attach=True) as url:
        pool = await database.open_pool(url, size=2)
        try:
            await migrations.require_current(pool, "gateway")
            yield Desk(
                platform=settings,
                settings=gateway,
                tenants=TenantStore(pool),
                keys=KeyStore(pool),
                users=UserStore(pool),
                audit=AuditStore(pool),
                plans=PlanStore(pool),
                retention=RetentionStore(pool),
                erasures=ErasureStore(pool),
                exports=ExportStore(pool),
                search=SearchIndex(pool),
            )
        finally:
            await pool.close()


def operator_name() -> str:
    """The name of the account that runs the command; containers may have none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
