"""What people read where a page that they were led to cannot be shown; programs get the problem document."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from litestar import Response

from services.gateway.admission import PUBLIC
from services.gateway.problems import ProblemDocument
from services.gateway.routes.pages import answer
from shared.schemas.jobs import ReportLanguage

PAGE = "page"
"""Set in the `opt` of routes that people are led to by a link."""
FOR_PEOPLE: Mapping[str, object] = {PUBLIC: True, PAGE: True}
"""The `opt` of the pages behind links in e-mails."""

_CHINESE: Mapping[str, str] = {
    "not_found": "這個連結已經失效，可能用過了或過期了。如有需要，請再索取一個。",
    "cross_site": "這個要求來自其他網站，無法受理。",
    "sign_in_failed": "登入沒有完成，請重新登入。",
    "no_account": "登入服務已確認您的身分，但這裡沒有您可以使用的帳號，請洽管理員。",
    "no_single_sign_on": "這裡沒有單一登入，請使用電子郵件和密碼登入。",
    "oidc_unavailable": "目前無法連線到登入服務，請稍後再試。",
    "unavailable": "服務暫時無法使用，請稍後再試。",
}


def wants_page(opt: Mapping[str, object], headers: Mapping[str, str]) -> bool:
    """Whether it is a browser with somebody before it who was led here."""
    return bool(opt.get(PAGE)) and "text/html" in headers.get("accept", "")


def regret(document: ProblemDocument, headers: Mapping[str, str]) -> Response[str]:
    """The problem as a page, in the language that the browser asks for."""
    language: ReportLanguage = "zh-Hant" if headers.get("accept-language", "").strip().lower().startswith("zh") else "en"
    told = document.detail if language == "en" else _CHINESE.get(document.code, document.detail)
    named = f"<small>{escape(document.request_id)}</small>" if document.request_id else ""
    page = answer(language, f"<p>{escape(told)}</p>{named}")
    page.status_code = document.status
    return page
