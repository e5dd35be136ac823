"""The table of roles, and that no route is without a place in it."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
from litestar import get
from litestar.handlers import HTTPRouteHandler

from services.gateway.admission import NEEDS, PUBLIC, check_declared
from services.gateway.permissions import ROLES, Permission, Role, permissions_of, roles_with
from services.gateway.web import ROUTES

HANDLERS = [cast("HTTPRouteHandler", handler) for handler in ROUTES]
PAGE = Path(__file__).parents[3] / "docs" / "access.md"


def test_every_route_says_what_it_needs() -> None:
    """No route was forgotten, and none is open by accident."""
    check_declared(HANDLERS)


@pytest.mark.parametrize("opt", [{}, {NEEDS: "jobs:read"}, {PUBLIC: False}])
def test_a_route_that_says_nothing_ends_the_start(opt: dict[str, object]) -> None:
    """A gateway with a forgotten route does not start."""

    @get("/forgotten", opt=opt)
    async def forgotten() -> None: ...

    with pytest.raises(RuntimeError, match="forgotten"):
        check_declared([forgotten])


def test_every_permission_opens_a_route_or_is_asked_for_otherwise() -> None:
    """The table has nothing that means nothing."""
    asked = {handler.opt[NEEDS] for handler in HANDLERS if not handler.opt.get(PUBLIC)}
    assert asked | {Permission.OWNERS_WRITE} == set(Permission)


def test_roles_grow_from_viewer_to_owner() -> None:
    """Whoever rises loses nothing; owners may do everything."""
    viewer, editor, admin, owner = (ROLES[role] for role in (Role.VIEWER, Role.EDITOR, Role.ADMIN, Role.OWNER))
    assert viewer < editor < admin < owner
    assert owner == set(Permission)


def test_viewers_change_nothing_and_auditors_see_no_content() -> None:
    """Looking is not touching, save for what is one's own, and checking is not reading."""
    may = (ROLES[Role.VIEWER] | ROLES[Role.AUDITOR]) - {Permission.ACCOUNT_WRITE}
    assert all(permission.endswith(":read") for permission in may)
    content = {Permission.JOBS_READ, Permission.TRANSCRIPTS_READ, Permission.RESULTS_READ, Permission.DELIVERIES_READ}
    assert not ROLES[Role.AUDITOR] & content


def test_scopes_narrow_and_never_widen() -> None:
    """A scope that the role does not have, or that nobody knows any more, gives nothing."""
    assert permissions_of(Role.VIEWER, ["jobs:read", "jobs:write", "gone:read"]) == {Permission.JOBS_READ}
    assert permissions_of(Role.VIEWER, []) == frozenset()
    assert permissions_of(Role.VIEWER, None) == ROLES[Role.VIEWER]


def test_who_has_a_permission_can_be_said() -> None:
    """Refusals name the roles that would do."""
    assert roles_with(Permission.JOBS_WRITE) == [Role.OWNER, Role.ADMIN, Role.EDITOR]


def test_the_page_shows_the_table_as_it_is() -> None:
    """What customers read about roles is what the gateway goes by."""
    lines = PAGE.read_text("utf-8").splitlines()
    rows = [line.strip("|").split("|") for line in lines if line.startswith("| `") and line.count("|") == len(Role) + 3]
    shown = {row[0].strip(" `"): [cell.strip() for cell in row[-len(Role) :]] for row in rows}
    assert shown == {
        permission.value: ["yes" if permission in ROLES[role] else "–" for role in Role] for permission in Permission
    }
