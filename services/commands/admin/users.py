"""`audio2txt admin users`."""

from __future__ import annotations

import argparse
import datetime as dt
import getpass
import sys
from typing import TYPE_CHECKING, Any

import msgspec

from services.commands.admin.desk import Desk, handler, role_of
from shared.errors import Audio2txtError, ConfigurationError

if TYPE_CHECKING:
    from services.gateway.store.users import UserRow
    from shared.database import Connection
    from shared.mail_links import LinkPurpose

_PAGE = 100


def register(subparsers: Any) -> None:
    """Add the subject and its actions."""
    parser = subparsers.add_parser("users", help="add, list and change the people of a tenant")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="show them, newest first")
    listing.set_defaults(handler=handler(_list))
    listing.add_argument("tenant", metavar="TENANT", help="name or id")
    add = actions.add_parser("add", help="make one who can sign in at once; asks for the password")
    invite = actions.add_parser("invite", help="make one who joins by a link, which it prints: hand it over yourself")
    reset = actions.add_parser("reset-password", help="print a link by which one sets another password: hand it over yourself")
    role = actions.add_parser("role", help="let one do more, or less")
    disable = actions.add_parser("disable", help="keep one out, and sign them out everywhere")
    enable = actions.add_parser("enable", help="let one in again")
    remove = actions.add_parser("remove", help="delete one; what they did stays in the audit log")
    password = actions.add_parser("set-password", help="give one another password, and sign them out everywhere")
    makers = ((add, _add), (invite, _invite), (reset, _reset_password), (password, _set_password))
    changes = ((role, _role), (disable, _disable), (enable, _enable), (remove, _remove))
    for action, carry_out in (*makers, *changes):
        action.add_argument("tenant", metavar="TENANT", help="name or id")
        action.add_argument("email", metavar="EMAIL")
        action.set_defaults(handler=handler(carry_out))
    role.add_argument("role", metavar="ROLE", help="owner, admin, editor, viewer or auditor")
    for action in (add, invite):
        action.add_argument("--role", required=True, help="owner, admin, editor, viewer or auditor")
        action.add_argument("--name", help="what people call them (default: the e-mail's beginning)")
        action.add_argument("--language", choices=("en", "zh-Hant"), default="en", help="of e-mails to them (default: en)")
    for action in (add, password):
        action.add_argument("--password-stdin", action="store_true", help="read the password from standard input")


async def _list(desk: Desk, arguments: argparse.Namespace) -> None:
    from services.gateway.cursors import Cursor

    tenant, after, found = await desk.tenant(arguments.tenant), None, False
    while rows := await desk.users.page(tenant.id, after=after, limit=_PAGE):
        found = True
        for row in rows:
            seen = f"  signed in {row.last_signed_in_at:%Y-%m-%d %H:%M}" if row.last_signed_in_at else "  never signed in"
            print(f"{row.id}  {row.email}  {row.state}  {row.role}{seen}  {row.name}")
        after = Cursor(created_at=rows[-1].created_at, id=rows[-1].id)
    if not found:
        print(f"{tenant.name} has no users; `audio2txt admin users add {tenant.name} EMAIL --role owner` makes one.")


async def _add(desk: Desk, arguments: argparse.Namespace) -> None:
    row = msgspec.structs.replace(await _new(desk, arguments), joined_at=dt.datetime.now(dt.UTC))
    password_hash = await _hashed(row.email, from_stdin=arguments.password_stdin)
    async with desk.users.changing(row.tenant_id) as changes:
        await changes.add(row, password_hash=password_hash)
    print(f"{row.id}  {row.email} is {row.role} of {arguments.tenant}, and can sign in.")


async def _invite(desk: Desk, arguments: argparse.Namespace) -> None:
    from shared.mail_links import LinkPurpose

    row = await _new(desk, arguments)
    async with desk.users.changing(row.tenant_id) as changes:
        await changes.add(row)
        await _print_link(desk, changes.connection, row, LinkPurpose.JOIN)


async def _reset_password(desk: Desk, arguments: argparse.Namespace) -> None:
    from shared.mail_links import LinkPurpose

    row = await _user(desk, arguments)
    purpose = LinkPurpose.JOIN if row.joined_at is None else LinkPurpose.RESET
    async with desk.users.changing(row.tenant_id) as changes:
        await _print_link(desk, changes.connection, row, purpose)


async def _print_link(desk: Desk, connection: Connection, row: UserRow, purpose: LinkPurpose) -> None:
    from services.gateway.store.account_links import add_link
    from services.gateway.users.links import LIFETIMES
    from shared.schemas.ids import new_id

    link_id, expires_at = new_id(), dt.datetime.now(dt.UTC) + LIFETIMES[purpose]
    url = desk.link(purpose, link_id)
    await add_link(
        connection,
        link_id=link_id,
        tenant_id=row.tenant_id,
        user_id=row.id,
        purpose=purpose,
        expires_at=expires_at,
        event=None,
    )
    print(f"For {row.email} alone; it works once, until {expires_at:%Y-%m-%d %H:%M} UTC:", file=sys.stderr)
    print(url)


async def _new(desk: Desk, arguments: argparse.Namespace) -> UserRow:
    """Who is to become a user. Raises `Audio2txtError`."""
    from services.gateway.problems import Problem
    from services.gateway.store.users import UserRow
    from services.gateway.users import clean_name
    from shared.schemas.ids import new_id

    tenant, email = await desk.tenant(arguments.tenant), _mailbox(arguments.email)
    try:
        name = clean_name(arguments.name or email.partition("@")[0])
    except Problem as problem:
        raise ConfigurationError(f"--name: {problem.detail}") from None
    return UserRow(
        id=new_id(),
        tenant_id=tenant.id,
        email=email,
        name=name,
        role=role_of(arguments.role),
        language=arguments.language,
        created_at=dt.datetime.now(dt.UTC),
    )


async def _role(desk: Desk, arguments: argparse.Namespace) -> None:
    await _change(desk, arguments, role=role_of(arguments.role))


async def _disable(desk: Desk, arguments: argparse.Namespace) -> None:
    await _change(desk, arguments, disabled_at=dt.datetime.now(dt.UTC))


async def _enable(desk: Desk, arguments: argparse.Namespace) -> None:
    await _change(desk, arguments, disabled_at=None)


async def _remove(desk: Desk, arguments: argparse.Namespace) -> None:
    from services.gateway.users import check_owner_stays

    row = await _user(desk, arguments)
    async with desk.users.changing(row.tenant_id) as changes:
        await check_owner_stays(changes, row, None)
        await changes.remove(row)
    print(f"{row.email} is no user any more.")


async def _set_password(desk: Desk, arguments: argparse.Namespace) -> None:
    row = await _user(desk, arguments)
    await desk.users.set_password(row, await _hashed(row.email, from_stdin=arguments.password_stdin))
    print(f"{row.email} has another password, and is signed out everywhere.")


async def _change(desk: Desk, arguments: argparse.Namespace, **changed: Any) -> None:
    from services.gateway.users import check_owner_stays

    old = await _user(desk, arguments)
    new = msgspec.structs.replace(old, **changed)
    async with desk.users.changing(old.tenant_id) as changes:
        await check_owner_stays(changes, old, new)
        await changes.change(old, new)
    print(f"{new.email} is {new.role}, {new.state}.")


async def _user(desk: Desk, arguments: argparse.Namespace) -> UserRow:
    tenant, email = await desk.tenant(arguments.tenant), _mailbox(arguments.email)
    row = await desk.users.find_by_email(tenant.id, email)
    if row is None:
        raise ConfigurationError(f"{tenant.name} has no user {email}; `audio2txt admin users list {tenant.name}` shows them.")
    return row


def _mailbox(text: str) -> str:
    from services.gateway.mailboxes import mailbox

    return mailbox(text)


async def _hashed(email: str, *, from_stdin: bool) -> str:
    """The hash of a password that is typed twice, or read. Raises `Audio2txtError`."""
    from services.gateway.users.passwords import Passwords, check_new

    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    elif not sys.stdin.isatty():
        raise Audio2txtError("There is no terminal to ask for the password at; hand it over with --password-stdin.")
    else:
        password = getpass.getpass(f"Password of {email}: ")
        if getpass.getpass("Once more: ") != password:
            raise Audio2txtError("The two are not the same; nothing was changed.")
    check_new(password, email=email)
    passwords = Passwords()
    try:
        return await passwords.hash(password)
    finally:
        passwords.close()
