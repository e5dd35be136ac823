"""`/i/{token}` and `/r/{token}`: the links by which users set a password. Looking at one changes nothing; mail scanners do."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, cast
from urllib.parse import parse_qs

from litestar import Request, Response, get, post
from litestar.params import FromPath

from services.gateway import tenancy
from services.gateway.body import Body
from services.gateway.problems import Problem
from services.gateway.routes.context import Api, Gateway
from services.gateway.routes.pages import answer
from services.gateway.routes.regrets import FOR_PEOPLE
from services.gateway.store.account_links import AccountLink
from services.gateway.users.passwords import LONGEST, SHORTEST
from services.gateway.users.sessions import is_foreign
from shared.health import Receive
from shared.mail_links import LinkPurpose

LARGEST_FORM = 16 * 1024
_STALL_SECONDS = 30.0
_FORM = "application/x-www-form-urlencoded"

_WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "join": "{organisation} invites you to Audio2txt. You will sign in as {email}.",
        "reset": "A new password for {email}, at {organisation}. It signs you out everywhere.",
        "name": "Your name",
        "password": "Password, {shortest} characters or more",
        "again": "The same once more",
        "button": "Set the password",
        "done": "Done. You can sign in as {email} now.",
        "different": "The two passwords are not the same.",
        "password_too_weak": "This password would be guessed. Take {shortest} characters or more; a sentence is a good one.",
        "invalid_request": "The name must have at least one visible character.",
        "email_taken": "{email} has an account in another organisation. Ask for an invitation to another address.",
        "busy": "Too many people set a password just now. Try again in a moment.",
    },
    "zh-Hant": {
        "join": "{organisation} 邀請您使用 Audio2txt。您將以 {email} 登入。",
        "reset": "為 {organisation} 的 {email} 設定新密碼。設定後，所有裝置都會登出。",
        "name": "您的姓名",
        "password": "密碼，至少 {shortest} 個字元",
        "again": "再輸入一次",
        "button": "設定密碼",
        "done": "完成。您現在可以用 {email} 登入。",
        "different": "兩次輸入的密碼不一樣。",
        "password_too_weak": "這個密碼太容易猜到，請至少使用 {shortest} 個字元，例如一句話。",
        "invalid_request": "姓名至少要有一個看得見的字元。",
        "email_taken": "{email} 在另一個單位已有帳號，請對方改邀請其他地址。",
        "busy": "目前太多人同時設定密碼，請稍後再試。",
    },
}


@get("/{token:str}", opt=FOR_PEOPLE, media_type="text/html")
async def ask_for_first_password(gateway: Api, token: FromPath[str]) -> Response[str]:
    """A page with a form."""
    return _form(await _behind(gateway, LinkPurpose.JOIN, token))


@post("/{token:str}", opt=FOR_PEOPLE, status_code=200, media_type="text/html")
async def set_first_password(request: Request[Any, Any, Any], gateway: Api, token: FromPath[str]) -> Response[str]:
    """Let the reader of the invitation in."""
    return await _set(request, gateway, LinkPurpose.JOIN, token)


@get("/{token:str}", opt=FOR_PEOPLE, media_type="text/html")
async def ask_for_new_password(gateway: Api, token: FromPath[str]) -> Response[str]:
    """A page with a form."""
    return _form(await _behind(gateway, LinkPurpose.RESET, token))


@post("/{token:str}", opt=FOR_PEOPLE, status_code=200, media_type="text/html")
async def set_new_password(request: Request[Any, Any, Any], gateway: Api, token: FromPath[str]) -> Response[str]:
    """Give the reader of the e-mail another password."""
    return await _set(request, gateway, LinkPurpose.RESET, token)


async def _set(request: Request[Any, Any, Any], gateway: Gateway, purpose: LinkPurpose, token: str) -> Response[str]:
    if is_foreign(request.headers):
        raise Problem(403, "cross_site", "This is for the page behind the link; another site has sent it.")
    link = await _behind(gateway, purpose, token)
    given = await _given(request)
    if given.get("password") != given.get("again"):
        return _form(link, wrong="different", name=given.get("name"))
    try:
        await gateway.links.use(link, given.get("password", ""), given.get("name") if purpose is LinkPurpose.JOIN else None)
    except Problem as problem:
        if problem.code not in _WORDS["en"]:
            raise
        return _form(link, wrong=problem.code, name=given.get("name"), status=problem.status)
    return answer(link.language, f"<p>{_say(link, 'done')}</p>")


async def _behind(gateway: Gateway, purpose: LinkPurpose, token: str) -> AccountLink:
    """What a link leads to; from here on the request is of its tenant. Raises `Problem` 404."""
    with tenancy.as_system():
        link = await gateway.links.find(purpose, token)
    tenancy.enter(link.tenant_id)
    return link


async def _given(request: Request[Any, Any, Any]) -> dict[str, str]:
    """What was typed. Raises `Problem`: 415, 413, 400."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise Problem(415, "unsupported_media_type", f"Send the form as {_FORM}.")
    data = await Body(cast("Receive", request.receive), request.headers, limit=LARGEST_FORM, stall=_STALL_SECONDS).read()
    try:
        fields = parse_qs(data.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=10)
    except ValueError:
        raise Problem(400, "invalid_form", "The form cannot be read.") from None
    return {name: values[0] for name, values in fields.items()}


def _form(link: AccountLink, *, wrong: str | None = None, name: str | None = None, status: int = 422) -> Response[str]:
    said = "" if wrong is None else f'<p role="alert"><strong>{_say(link, wrong)}</strong></p>'
    asks_name = (
        f'<label>{_say(link, "name")}<input name="name" value="{escape(name or link.name)}" maxlength="100" '
        'autocomplete="name" required></label>'
        if link.purpose is LinkPurpose.JOIN
        else ""
    )
    fields = "".join(
        f'<label>{_say(link, field)}<input type="password" name="{field}" minlength="{SHORTEST}" maxlength="{LONGEST}" '
        'autocomplete="new-password" required></label>'
        for field in ("password", "again")
    )
    username = f'<input type="text" name="email" value="{escape(link.email)}" autocomplete="username" readonly hidden>'
    page = answer(
        link.language,
        f'<p>{_say(link, link.purpose)}</p>{said}<form method="post">{username}{asks_name}{fields}'
        f"<button>{_say(link, 'button')}</button></form>",
    )
    page.status_code = 200 if wrong is None else status
    return page


def _say(link: AccountLink, what: str) -> str:
    about = {"email": f"<strong>{escape(link.email)}</strong>", "organisation": escape(link.organisation), "shortest": SHORTEST}
    return _WORDS[link.language][what].format(**about)
