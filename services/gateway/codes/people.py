"""Codes about people: users, how they sign in, and what they sign in with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from services.gateway.codes.meaning import Meaning

PeopleCode: TypeAlias = Literal[
    "busy",
    "cross_site",
    "csrf_failed",
    "email_taken",
    "last_owner",
    "no_account",
    "no_session",
    "no_single_sign_on",
    "no_user",
    "not_invited",
    "oidc_unavailable",
    "password_required",
    "password_too_weak",
    "session_not_found",
    "sign_in_failed",
    "token_not_found",
    "too_many_attempts",
    "too_many_mails",
    "too_many_users",
    "user_exists",
    "user_not_found",
]

PEOPLE: Mapping[str, Meaning] = {
    "sign_in_failed": Meaning(
        401,
        "The e-mail or the password is not right, or the account may not sign in.",
        "Check both, or have the password reset.",
        ("WWW-Authenticate",),
    ),
    "too_many_attempts": Meaning(
        429,
        "Too many attempts to sign in failed.",
        "Try again after Retry-After, or have the password reset.",
        ("Retry-After",),
    ),
    "busy": Meaning(503, "Too many people sign in just now.", "Try again after Retry-After.", ("Retry-After",)),
    "csrf_failed": Meaning(
        403,
        "The request is made with a session's cookie and does not prove that a page of ours has made it.",
        "Send the `csrf_token` of `GET /v1/session` as `X-CSRF-Token`.",
    ),
    "cross_site": Meaning(403, "Another site's page has sent this.", "Sign in on a page of this installation."),
    "password_required": Meaning(
        401,
        "A token is made with e-mail and password.",
        "Send them as `Authorization: Basic`.",
        ("WWW-Authenticate",),
    ),
    "password_too_weak": Meaning(422, "The password would be guessed.", "Choose a longer one; a sentence is a good one."),
    "user_not_found": Meaning(404, "There is no user with this id.", "`GET /v1/users` lists them."),
    "last_owner": Meaning(409, "This is the last owner who can sign in.", "Make somebody else an owner first."),
    "no_user": Meaning(
        404, "The request is made with an API key, behind which there is no user.", "`GET /v1/account` tells of keys."
    ),
    "no_session": Meaning(404, "The request is not made with a session's cookie.", "Sign in by `POST /v1/session`."),
    "token_not_found": Meaning(404, "You have no token with this id; it may have ended.", "`GET /v1/tokens` lists them."),
    "session_not_found": Meaning(404, "You have no session with this id; it may have ended.", "`GET /v1/sessions` lists them."),
    "too_many_users": Meaning(409, "The tenant has as many users as it may have.", "Remove one first."),
    "user_exists": Meaning(409, "The tenant has a user with this e-mail already.", "`GET /v1/users` lists them."),
    "not_invited": Meaning(409, "The user has joined already, or is disabled.", "Only who is invited is invited again."),
    "email_taken": Meaning(422, "The e-mail has an account in another organisation.", "Use another e-mail."),
    "too_many_mails": Meaning(
        429, "E-mails of this kind were asked for often enough.", "Try again after Retry-After.", ("Retry-After",)
    ),
    "no_account": Meaning(
        403, "The provider of single sign-on knows you, and this installation does not.", "Ask your administrator."
    ),
    "no_single_sign_on": Meaning(
        404, "This installation has no single sign-on.", "Sign in with e-mail and password (`POST /v1/session`)."
    ),
    "oidc_unavailable": Meaning(
        503, "The provider of single sign-on cannot be reached.", "Try again in a moment.", ("Retry-After",)
    ),
}
