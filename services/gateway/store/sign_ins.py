"""What users are signed in by: bearer tokens, and browsers' sessions. Looked up anew for every request, so that their end is
felt at once, everywhere."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Mapping
from uuid import UUID

import msgspec

from services.gateway.audit import Action, Fact, entry_of
from services.gateway.cursors import Cursor
from services.gateway.keys import digest
from services.gateway.permissions import ROLES, Role
from services.gateway.store import patiently
from services.gateway.store.accounts import ByUser, Means, Principal
from services.gateway.store.audit import noting
from shared.database import Pool


class SignInKind(enum.StrEnum):
    """What is handed out."""

    TOKEN = "token"  # noqa: S105 -- a kind, not a secret
    SESSION = "session"


class Proof(enum.StrEnum):
    """What somebody proved by who they are."""

    PASSWORD = "password"  # noqa: S105 -- a word for it
    SINGLE_SIGN_ON = "single_sign_on"


class SignInRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `gateway.sign_ins`."""

    id: UUID
    tenant_id: UUID
    user_id: UUID
    kind: SignInKind
    name: str
    """What it is for, or which browser has it."""
    address: str | None = None
    created_at: dt.datetime
    expires_at: dt.datetime
    last_used_at: dt.datetime
    idle_seconds: int | None = None


_COLUMNS = ", ".join(field.name for field in msgspec.structs.fields(SignInRow))
_ALIVE = "expires_at > now() and (idle_seconds is null or last_used_at + make_interval(secs => idle_seconds) > now())"


class SignInStore:
    """Rows of `gateway.sign_ins`; save for looking up what somebody presents, always asked for by user."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def principal(self, secret: str, kind: SignInKind) -> Principal | None:
        """Who is signed in by it, unless it has ended, or the user or their tenant is disabled."""
        row = await patiently(
            self._pool.fetchrow(
                f"""
                select s.tenant_id, t.name as tenant_name, s.user_id, u.name, u.email, u.role, s.id, s.expires_at
                from gateway.sign_ins s join gateway.users u on u.id = s.user_id join gateway.tenants t on t.id = s.tenant_id
                where digest = $1 and kind = $2 and {_ALIVE.replace("expires_at", "s.expires_at")}
                    and u.disabled_at is null and t.disabled_at is null
                """,
                *(digest(secret), kind),
            )
        )
        if row is None:
            return None
        means = Means.TOKEN if kind is SignInKind.TOKEN else Means.SESSION
        role = Role(row["role"])
        return Principal(
            tenant_id=row["tenant_id"],
            tenant_name=row["tenant_name"],
            role=role,
            permissions=ROLES[role],
            by=ByUser(
                id=row["user_id"],
                name=row["name"],
                email=row["email"],
                means=means,
                sign_in_id=row["id"],
                expires_at=row["expires_at"],
            ),
        )

    async def add(self, row: SignInRow, secret: str, *, proof: Proof, verified: str | None, most: int) -> bool:
        """Sign somebody in who has proved who they are, `verified` being the stored hash that their password was compared with,
        null for single sign-on. False when the account was disabled, or given another password, meanwhile. Of more than
        `most` of a kind the oldest end."""
        made = await patiently(
            self._pool.fetchval(
                f"""
                with seen as (
                    update gateway.users set last_signed_in_at = $8
                    where id = $4 and disabled_at is null and ($14::text is null or password_hash = $14) returning id
                ), made as (
                    insert into gateway.sign_ins (digest, {_COLUMNS})
                    select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 from seen returning id
                ), ended as (
                    delete from gateway.sign_ins where id in (
                        select id from gateway.sign_ins where user_id = $4 and kind = $5
                        order by created_at desc, id desc offset $12
                    ) and exists (select from seen)
                ), {noting("made", 13)}
                select id from made
                """,
                digest(secret),
                *msgspec.structs.astuple(row),
                most - 1,
                entry_of(Action.USER_SIGNED_IN, row.tenant_id, row.user_id, after=_facts(row, proof)),
                verified,
            )
        )
        return made is not None

    async def page(self, user_id: UUID, kind: SignInKind, *, after: Cursor | None, limit: int) -> list[SignInRow]:
        """A user's newest of a kind that have not ended, those after the cursor."""
        rows = await patiently(
            self._pool.fetch(
                f"""
                select {_COLUMNS} from gateway.sign_ins
                where user_id = $1 and kind = $2 and {_ALIVE} and ($3::timestamptz is null or (created_at, id) < ($3, $4))
                order by created_at desc, id desc limit $5
                """,
                *(user_id, kind, after and after.created_at, after and after.id, limit),
            )
        )
        return [msgspec.convert(dict(row), SignInRow) for row in rows]

    async def end(self, tenant_id: UUID, user_id: UUID, kind: SignInKind, sign_in_id: UUID) -> bool:
        """End one; whether it was there."""
        ended = await patiently(
            self._pool.fetchval(
                f"""
                with ended as (
                    delete from gateway.sign_ins where id = $1 and user_id = $2 and kind = $3 returning id
                ), {noting("ended", 4)}
                select id from ended
                """,
                *(sign_in_id, user_id, kind),
                entry_of(Action.USER_SIGNED_OUT, tenant_id, user_id, before={"means": kind.value, "sign_in": str(sign_in_id)}),
            )
        )
        return ended is not None

    async def used(self, uses: Mapping[UUID, dt.datetime]) -> None:
        """Keep when they were last used; an earlier time never takes the place of a later one."""
        await self._pool.execute(
            """
            update gateway.sign_ins set last_used_at = greatest(last_used_at, at)
            from unnest($1::uuid[], $2::timestamptz[]) as used (sign_in_id, at) where id = sign_in_id
            """,
            *(list(uses), list(uses.values())),
        )


def _facts(row: SignInRow, proof: Proof) -> dict[str, Fact]:
    """What the audit log keeps of how somebody signed in."""
    return {
        "proof": proof.value,
        "means": row.kind.value,
        "sign_in": str(row.id),
        "expires_at": row.expires_at.isoformat(),
    }
