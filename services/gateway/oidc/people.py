"""Which user somebody is whom the provider knows: by its subject, else by an e-mail that it has verified, else a new one, where
that is allowed. Where claims say which tenant or role, they say so each time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import msgspec
import structlog

from services.gateway.audit import Actor, ActorKind, act_as
from services.gateway.mailboxes import mailbox
from services.gateway.oidc.claims import Claims
from services.gateway.permissions import Role
from services.gateway.problems import Problem
from services.gateway.settings import OidcSettings
from services.gateway.store.identities import IdentityStore
from services.gateway.store.users import EmailTaken, UserChanges, UserRow, UserState, UserStore
from services.gateway.texts import clean_line
from services.gateway.users import LONGEST_NAME, check_owner_stays
from shared.errors import ConfigurationError
from shared.schemas.ids import new_id

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class People:
    """How an operator wants people of the provider to become users."""

    identities: IdentityStore
    users: UserStore
    tenant: str
    tenant_claim: str | None
    role: Role | None
    """Of those whose claims name none; null lets them not in."""
    role_claim: str | None
    roles: Mapping[str, Role]
    provision: bool

    @classmethod
    def of(cls, settings: OidcSettings, *, identities: IdentityStore, users: UserStore) -> People:
        """By an operator's settings. Raises `ConfigurationError`."""
        return cls(
            identities=identities,
            users=users,
            tenant=settings.oidc_tenant,
            tenant_claim=settings.oidc_tenant_claim,
            role=None if settings.oidc_role == "none" else _role(settings.oidc_role, "AUDIO2TXT_OIDC_ROLE"),
            role_claim=settings.oidc_role_claim,
            roles=_roles(settings.oidc_roles),
            provision=settings.oidc_provision,
        )

    async def user_of(self, claims: Claims) -> UserRow:
        """Who signs in, made or changed as their claims say; from here on they act. Raises `Problem` 403."""
        tenant_id = await self._tenant_of(claims)
        known = await self.identities.find(claims.issuer, claims.subject)
        if known is not None and known.tenant_id != tenant_id:
            raise _not_let_in()
        async with self.users.changing(tenant_id) as changes:
            row = await self._row(changes, tenant_id, None if known is None else known.user_id, claims)
            row = await self._as_claimed(changes, row, claims)
            await self.identities.keep(changes.connection, claims.issuer, claims.subject, row)
        act_as(Actor(kind=ActorKind.USER, id=row.id, name=row.name))
        return row

    async def _tenant_of(self, claims: Claims) -> UUID:
        names = (self.tenant,) if self.tenant_claim is None else claims.texts(self.tenant_claim)
        tenant_id = await self.identities.tenant(names[0]) if len(names) == 1 else None
        if tenant_id is None:
            raise _not_let_in()
        return tenant_id

    async def _row(self, changes: UserChanges, tenant_id: UUID, user_id: UUID | None, claims: Claims) -> UserRow:
        """The user as they stand; joined, if they were invited. Raises `Problem` 403."""
        row = None if user_id is None else await changes.find(user_id)
        if row is None and claims.email is not None:
            row = await changes.find_by_email(mailbox(claims.email))
            if row is not None and await self.identities.has_another(changes.connection, claims.issuer, row):
                raise _not_let_in()  # the e-mail has changed hands; the account has not
        try:
            if row is None:
                row = await self._provisioned(changes, tenant_id, claims)
            elif row.state is UserState.INVITED:
                row = await changes.join(row)
        except EmailTaken:
            raise _not_let_in() from None  # of another tenant
        if row.state is not UserState.ACTIVE:
            raise _not_let_in()
        return row

    async def _provisioned(self, changes: UserChanges, tenant_id: UUID, claims: Claims) -> UserRow:
        if not self.provision or claims.email is None:
            raise _not_let_in()
        now, email = dt.datetime.now(dt.UTC), mailbox(claims.email)
        row = UserRow(
            id=new_id(),
            tenant_id=tenant_id,
            email=email,
            name=(clean_line(claims.name or "") or email.partition("@")[0])[:LONGEST_NAME],
            role=self._role_of(claims),
            created_at=now,
            joined_at=now,
        )
        act_as(Actor(kind=ActorKind.USER, id=row.id, name=row.name))
        await changes.add(row)
        log.info("oidc.provisioned", tenant_id=str(tenant_id), user_id=str(row.id), role=row.role)
        return row

    async def _as_claimed(self, changes: UserChanges, row: UserRow, claims: Claims) -> UserRow:
        """With the role that claims give, where they give roles at all. The last owner stays one."""
        if self.role_claim is None or (role := self._role_of(claims)) is row.role:
            return row
        new = msgspec.structs.replace(row, role=role)
        try:
            await check_owner_stays(changes, row, new)
        except Problem:
            log.warning("oidc.last_owner_kept", tenant_id=str(row.tenant_id), user_id=str(row.id))
            return row
        act_as(Actor(kind=ActorKind.USER, id=row.id, name=row.name))
        await changes.change(row, new)
        return new

    def _role_of(self, claims: Claims) -> Role:
        """The mightiest of those that the claims name. Raises `Problem` 403."""
        named = {self.roles.get(text) for text in claims.texts(self.role_claim)} if self.role_claim is not None else set()
        role = next((role for role in Role if role in named), self.role)
        if role is None:
            raise _not_let_in()
        return role


def _roles(text: str) -> dict[str, Role]:
    """`VALUE=ROLE` with commas between. Raises `ConfigurationError`."""
    pairs = [part.strip().rpartition("=") for part in text.split(",") if part.strip()]
    if any(not value for value, _, _ in pairs):
        raise ConfigurationError("AUDIO2TXT_OIDC_ROLES must look like audio-admins=admin,staff=editor.")
    return {value.strip(): _role(role.strip(), "AUDIO2TXT_OIDC_ROLES") for value, _, role in pairs}


def _role(text: str, variable: str) -> Role:
    if text not in list(Role):
        raise ConfigurationError(f"{variable}: there is no role {text!r}; there are: {', '.join(Role)}.")
    return Role(text)


def _not_let_in() -> Problem:
    """Known to the provider, and not here. The reason is the administrator's to find out."""
    detail = "You are signed in at the provider, but have no account here that may be used; ask your administrator."
    return Problem(403, "no_account", detail)
