# Made from _async/people.py by generate_sync.py: change that, and run `make fmt`.

"""The tenant's users, and what they sign in with."""

from __future__ import annotations

from collections.abc import Iterator
from types import NoneType
from typing import Any, Unpack
from uuid import UUID

from audio2txt_client._protocol.requests import Request, given, matching, path_of
from audio2txt_client._sync.connection import Connection
from audio2txt_client.models.lists import Page
from audio2txt_client.models.people import BrowserSession, Me, NewToken, Token, User
from audio2txt_client.wishes import OwnChange, UserChange


class Users:
    """`/v1/users`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def invite(self, email: str, *, role: str, name: str | None = None, language: str | None = None) -> User:
        """Make a user who may do no more than you. They get an e-mail, and join by choosing a password within seven days."""
        body = {"email": email, "role": role} | given(name=name, language=language)
        return self._connection.send(Request(method="POST", path=path_of("users"), kind=User, json=body))

    def invite_again(self, user_id: UUID | str) -> None:
        """Send the e-mail once more, with a new link in place of the one before."""
        path = path_of("users", user_id, "invitation")
        self._connection.send(Request(method="POST", path=path, kind=NoneType))

    def list(self, *, page_size: int | None = None) -> Iterator[User]:
        """The tenant's users, the newest first; those who are invited or disabled, too."""
        query = {"limit": page_size}
        return self._connection.pages(Request(method="GET", path=path_of("users"), kind=Page[User], query=query))

    def get(self, user_id: UUID | str) -> User:
        """Who they are, what they may do, and when they last signed in."""
        return self._connection.send(Request(method="GET", path=path_of("users", user_id), kind=User))

    def update(self, user_id: UUID | str, *, if_match: str | None = None, **change: Unpack[UserChange]) -> User:
        """Change a user's name or role, or keep them out (`disabled=True`), which signs them out everywhere. With `if_match`,
        the `etag` that you read, only while it fits; raises `PreconditionFailed` where somebody has changed the user since."""
        body: dict[str, Any] = {**change}
        path, headers = path_of("users", user_id), matching(if_match)
        return self._connection.send(Request(method="PATCH", path=path, kind=User, json=body, headers=headers))

    def remove(self, user_id: UUID | str, *, if_match: str | None = None) -> None:
        """Delete a user. Keys that they made go on."""
        path, headers = path_of("users", user_id), matching(if_match)
        self._connection.send(Request(method="DELETE", path=path, kind=NoneType, headers=headers))


class Profile:
    """`/v1/me`: the user who asks, by password or token. An API key is nobody, and told so by `NotFound`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self) -> Me:
        """Who you are, and what you may do."""
        return self._connection.send(Request(method="GET", path=path_of("me"), kind=Me))

    def update(self, *, if_match: str | None = None, **change: Unpack[OwnChange]) -> Me:
        """Change your name, or the language of e-mails to you; with `if_match`, your `etag`, only while it fits."""
        body: dict[str, Any] = {**change}
        request = Request(method="PATCH", path=path_of("me"), kind=Me, json=body, headers=matching(if_match))
        return self._connection.send(request)

    def change_password(self, *, old: str, new: str) -> None:
        """Take another password, of twelve characters or more."""
        body = {"old_password": old, "new_password": new}
        # Not repeated by itself: after it was done, the old password is a wrong one.
        request = Request(method="PUT", path=path_of("me", "password"), kind=NoneType, json=body, attempts=1)
        self._connection.send(request)


class Tokens:
    """`/v1/tokens`: what stands for a user for a while."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(self, *, name: str | None = None, expires_in: int | None = None) -> NewToken:
        """Make a token that may do what you may, for so many seconds (an hour by default). Only a client that asks by a
        `user`'s password can; give the token to another as its `api_key`."""
        body = given(name=name, expires_in=expires_in)
        return self._connection.send(Request(method="POST", path=path_of("tokens"), kind=NewToken, json=body))

    def list(self, *, page_size: int | None = None) -> Iterator[Token]:
        """Your tokens that have not ended, the newest first."""
        query = {"limit": page_size}
        return self._connection.pages(Request(method="GET", path=path_of("tokens"), kind=Page[Token], query=query))

    def end(self, token_id: UUID | str) -> None:
        """End one of your tokens, at once and everywhere."""
        self._connection.send(Request(method="DELETE", path=path_of("tokens", token_id), kind=NoneType))


class Sessions:
    """`/v1/sessions`: the browsers that a user is signed in with."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self, *, page_size: int | None = None) -> Iterator[BrowserSession]:
        """The browsers that you are signed in with, the newest first."""
        path, query = path_of("sessions"), {"limit": page_size}
        return self._connection.pages(Request(method="GET", path=path, kind=Page[BrowserSession], query=query))

    def end(self, session_id: UUID | str) -> None:
        """Sign one of your browsers out."""
        self._connection.send(Request(method="DELETE", path=path_of("sessions", session_id), kind=NoneType))
