"""A tenant's users: those who may are told of, changed and removed by those whose own rights allow it. Nobody makes anybody
mightier than themselves, and a tenant that has an owner keeps one."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

import msgspec
import structlog
from msgspec import UNSET, Meta, UnsetType

from services.gateway.cursors import Cursor
from services.gateway.entity_tags import check_match, version_of
from services.gateway.permissions import ROLES, Permission, Role
from services.gateway.problems import Problem, forbidden, invalid
from services.gateway.store.accounts import Principal
from services.gateway.store.users import UserChanges, UserRow, UserStore
from services.gateway.texts import clean_line
from services.gateway.users.passwords import Passwords, check_new
from services.gateway.users.signing_in import SigningIn, refused
from shared.schemas.jobs import ReportLanguage

LONGEST_NAME = 100

Name = Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME, description="What people call them.", examples=["Chen Yu"])]
Language = Annotated[ReportLanguage, Meta(description="Of e-mails to them.", examples=["zh-Hant"])]

log = structlog.get_logger(__name__)


class UserChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be different about a user. An e-mail is not changed: whoever could, could take the account over."""

    name: Name | UnsetType = UNSET
    role: Annotated[Role, Meta(description="At most as mighty as whoever gives it.", examples=["editor"])] | UnsetType = UNSET
    disabled: Annotated[bool, Meta(description="Whether they are kept out; it ends their sessions and tokens.")] | UnsetType = (
        UNSET
    )


class OwnChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What users change about themselves."""

    name: Name | UnsetType = UNSET
    language: Language | UnsetType = UNSET


class PasswordChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new password."""

    old_password: Annotated[str, Meta(max_length=1024, description="The one so far.")]
    new_password: Annotated[str, Meta(max_length=1024, description="12 characters or more; a sentence is a good one.")]


@dataclass(frozen=True, kw_only=True)
class Users:
    """What is done about users."""

    store: UserStore
    passwords: Passwords
    signing_in: SigningIn

    async def find(self, tenant_id: UUID, user_id: UUID) -> UserRow:
        """One user. Raises `Problem` 404."""
        row = await self.store.find(tenant_id, user_id)
        if row is None:
            raise _not_found()
        return row

    async def page(self, tenant_id: UUID, *, after: Cursor | None, limit: int) -> list[UserRow]:
        """The newest, those after the cursor."""
        return await self.store.page(tenant_id, after=after, limit=limit)

    async def change(self, principal: Principal, user_id: UUID, wish: UserChange, *, if_match: str | None) -> UserRow:
        """Change a user whom the requester knows as they are, in the name of somebody who may do all that the user may, before
        and after. Raises `Problem`."""
        async with self.store.changing(principal.tenant_id) as changes:
            old = await _found(changes, user_id)
            check_match(if_match, version_of(old.choices))
            check_no_more(principal, old.role, "change")
            new = _changed(old, wish)
            check_no_more(principal, new.role, "make")
            if new != old:
                await check_owner_stays(changes, old, new)
                await changes.change(old, new)
                log.info("user.changed", tenant_id=str(new.tenant_id), user_id=str(new.id), role=new.role, state=new.state)
        return new

    async def remove(self, principal: Principal, user_id: UUID, *, if_match: str | None) -> None:
        """Delete a user. Raises `Problem`."""
        async with self.store.changing(principal.tenant_id) as changes:
            row = await _found(changes, user_id)
            check_match(if_match, version_of(row.choices))
            check_no_more(principal, row.role, "remove")
            await check_owner_stays(changes, row, None)
            await changes.remove(row)
        log.info("user.removed", tenant_id=str(row.tenant_id), user_id=str(row.id))

    async def change_own(self, principal: Principal, wish: OwnChange, *, if_match: str | None) -> UserRow:
        """Change what is one's own. Raises `Problem`."""
        async with self.store.changing(principal.tenant_id) as changes:
            old = await _found(changes, principal.id)
            check_match(if_match, version_of(old.choices))
            name = old.name if wish.name is UNSET else clean_name(wish.name)
            new = msgspec.structs.replace(old, name=name, language=old.language if wish.language is UNSET else wish.language)
            if new != old:
                await changes.change(old, new)
        return new

    async def change_password(
        self, principal: Principal, wish: PasswordChange, *, keep: UUID | None, address: str | None
    ) -> None:
        """Give oneself another password: asks for the old one, and ends all that one is signed in by, but `keep`. Raises
        `Problem`."""
        user = await self.find(principal.tenant_id, principal.id)
        check_new(wish.new_password, email=user.email, pointer="/new_password")
        verified = (await self.signing_in.confirm(user, wish.old_password, address)).password_hash
        fresh = await self.passwords.hash(wish.new_password)
        if not await self.store.set_password(user, fresh, verified=verified, keep=keep):
            raise refused()  # it was changed meanwhile
        log.info("user.password_changed", tenant_id=str(user.tenant_id), user_id=str(user.id))


def check_no_more(principal: Principal, role: Role, verb: str) -> None:
    """Whoever deals with a user must have all that the user has. Raises `Problem` 403."""
    if missing := sorted(ROLES[role] - principal.permissions):
        detail = f"You cannot {verb} a user who may do more than yourself; you lack {', '.join(missing)}."
        raise forbidden(missing[0], detail)


async def check_owner_stays(changes: UserChanges, old: UserRow, new: UserRow | None) -> None:
    """Whether there is an owner who can sign in, if there was one. Raises `Problem` 409."""
    if _is_owner(old) and not (new is not None and _is_owner(new)) and await changes.other_owners(old.id) == 0:
        detail = "This is the last owner who can sign in; make somebody else an owner first."
        raise Problem(409, "last_owner", detail)


def clean_name(text: str) -> str:
    """A name that can be read. Raises `Problem` 422."""
    name = clean_line(text)
    if name is None:
        raise invalid("/name", "invalid_request", "The name must have at least one visible character.")
    return name


def _is_owner(row: UserRow) -> bool:
    return Permission.OWNERS_WRITE in row.permissions and row.joined_at is not None and row.disabled_at is None


def _changed(old: UserRow, wish: UserChange) -> UserRow:
    disabled_at = old.disabled_at
    if wish.disabled is not UNSET:
        disabled_at = (old.disabled_at or dt.datetime.now(dt.UTC)) if wish.disabled else None
    return msgspec.structs.replace(
        old,
        name=old.name if wish.name is UNSET else clean_name(wish.name),
        role=old.role if wish.role is UNSET else wish.role,
        disabled_at=disabled_at,
    )


async def _found(changes: UserChanges, user_id: UUID) -> UserRow:
    row = await changes.find(user_id)
    if row is None:
        raise _not_found()
    return row


def _not_found() -> Problem:
    return Problem(404, "user_not_found", "There is no user with this id.")
