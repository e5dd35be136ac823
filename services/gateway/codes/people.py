"""Codes about people: users, how they sign in, and what they sign in with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from services.gateway.codes.meaning import Meaning

PeopleCode: TypeAlias = Literal[
    "busy",
    "cross_site",
    "email_taken",
    "csrf_failed",
    "last_owner",
    "no_session",
    "no_user",
    "not_invited",
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
    "user_exists": Meaning(
        409, "The tenant has a user with this e-mail already.", "Change that one's role, or invite them again."
    ),
    "too_many_users": Meaning(409, "The tenant has as many users as it may have.", "Remove one first."),
    "not_invited": Meaning(409, "The user has joined, or is kept out.", "Only who is invited is invited again."),
    "email_taken": Meaning(422, "The e-mail has an account in another organisation.", "Use another address here."),
    "too_many_mails": Meaning(
        429, "E-mails of this kind were asked for often enough.", "Try again after Retry-After.", ("Retry-After",)
    ),
}
