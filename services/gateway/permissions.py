"""What a key or a user may do: the one table of roles and permissions. Every route names the permission that it needs."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping


class Permission(enum.StrEnum):
    """A thing and what is done with it."""

    ACCOUNT_READ = "account:read"
    ACCOUNT_WRITE = "account:write"
    """Change what is one's own as a user: name, password, sessions, tokens."""
    SOLUTIONS_READ = "solutions:read"
    ENGINES_READ = "engines:read"
    UPLOADS_READ = "uploads:read"
    UPLOADS_WRITE = "uploads:write"
    JOBS_READ = "jobs:read"
    JOBS_WRITE = "jobs:write"
    JOBS_DELETE = "jobs:delete"
    TRANSCRIPTS_READ = "transcripts:read"
    TRANSCRIPTS_WRITE = "transcripts:write"
    RESULTS_READ = "results:read"
    VOCABULARIES_READ = "vocabularies:read"
    VOCABULARIES_WRITE = "vocabularies:write"
    ENDPOINTS_READ = "endpoints:read"
    ENDPOINTS_WRITE = "endpoints:write"
    DELIVERIES_READ = "deliveries:read"
    DELIVERIES_WRITE = "deliveries:write"
    SECRETS_READ = "secrets:read"
    KEYS_READ = "keys:read"
    KEYS_WRITE = "keys:write"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    AUDIT_READ = "audit:read"
    USAGE_READ = "usage:read"
    PRIVACY_READ = "privacy:read"
    PRIVACY_WRITE = "privacy:write"
    OWNERS_WRITE = "owners:write"
    """Deal with keys of owners, and with users who are owners. Nobody hands out more than they have, so only owners make
    owners."""


class Role(enum.StrEnum):
    """What somebody is in a tenant."""

    OWNER = "owner"
    ADMIN = "admin"
    EDITOR = "editor"
    VIEWER = "viewer"
    AUDITOR = "auditor"


_VIEWER = frozenset(
    {
        Permission.ACCOUNT_READ,
        Permission.ACCOUNT_WRITE,
        Permission.SOLUTIONS_READ,
        Permission.ENGINES_READ,
        Permission.UPLOADS_READ,
        Permission.JOBS_READ,
        Permission.TRANSCRIPTS_READ,
        Permission.RESULTS_READ,
        Permission.VOCABULARIES_READ,
    }
)
_EDITOR = _VIEWER | {
    Permission.UPLOADS_WRITE,
    Permission.JOBS_WRITE,
    Permission.JOBS_DELETE,
    Permission.TRANSCRIPTS_WRITE,
    Permission.VOCABULARIES_WRITE,
    Permission.ENDPOINTS_READ,
    Permission.DELIVERIES_READ,
}
_OWNER = frozenset(Permission)

ROLES: Mapping[Role, frozenset[Permission]] = {
    Role.OWNER: _OWNER,
    Role.ADMIN: _OWNER - {Permission.OWNERS_WRITE},
    Role.EDITOR: _EDITOR,
    Role.VIEWER: _VIEWER,
    Role.AUDITOR: frozenset(
        {
            Permission.ACCOUNT_READ,
            Permission.ACCOUNT_WRITE,
            Permission.KEYS_READ,
            Permission.USERS_READ,
            Permission.ENDPOINTS_READ,
            Permission.AUDIT_READ,
            Permission.USAGE_READ,
            Permission.PRIVACY_READ,
        }
    ),
}
"""What each role may do. Auditors see who may do what, and who did, and never what was said: no job, transcript or delivery."""


def permissions_of(role: Role, scopes: Iterable[str] | None) -> frozenset[Permission]:
    """What a key or user may do: all that the role may, or those of it that a key was narrowed to. Scopes that are no longer
    known give nothing."""
    return ROLES[role] if scopes is None else ROLES[role].intersection(scopes)


def roles_with(permission: Permission) -> list[Role]:
    """The roles that have it, the mightiest first."""
    return [role for role, permissions in ROLES.items() if permission in permissions]
