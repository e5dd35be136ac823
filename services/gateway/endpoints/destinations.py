"""Where endpoints lead: what is accepted as a destination, and what of it may be shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import assert_never
from urllib.parse import urlsplit

import msgspec
from msgspec import UNSET

from services.gateway.endpoints.requests import (
    EndpointChange,
    NewDiscord,
    NewEmail,
    NewEndpoint,
    NewNtfy,
    NewSlack,
    NewTeams,
    NewTelegram,
    NewWebhook,
)
from services.gateway.mailboxes import ADDRESS
from services.gateway.problems import invalid, refused
from shared.egress import EgressPolicy, EgressRefused, HeaderRefused, check_chat_url, check_headers, check_url
from shared.schemas.endpoints import (
    ChatDestination,
    Destination,
    EmailDestination,
    EndpointKind,
    NtfyDestination,
    TelegramDestination,
    WebhookDestination,
)

_BOT_TOKEN = re.compile(r"[0-9]{5,15}:[A-Za-z0-9_-]{20,100}")
_CHAT_ID = re.compile(r"-?[0-9]{1,20}|@[A-Za-z0-9_]{3,64}")


def destination_of(request: NewEndpoint, policy: EgressPolicy) -> Destination:
    """The destination of a new endpoint. Raises `Problem` 422."""
    match request:
        case NewWebhook():
            return checked(EndpointKind.WEBHOOK, WebhookDestination(url=request.url, headers=request.headers), policy)
        case NewEmail():
            return checked(EndpointKind.EMAIL, EmailDestination(address=request.address), policy)
        case NewSlack() | NewTeams() | NewDiscord():
            return checked(kind_of(request), ChatDestination(url=request.url), policy)
        case NewTelegram():
            told = TelegramDestination(bot_token=request.bot_token, chat_id=request.chat_id)
            return checked(EndpointKind.TELEGRAM, told, policy)
        case NewNtfy():
            return checked(EndpointKind.NTFY, NtfyDestination(url=request.url, token=request.token), policy)
        case _:
            assert_never(request)


def kind_of(request: NewEndpoint) -> EndpointKind:
    """By its tag."""
    return EndpointKind(str(request.__struct_config__.tag))


def changed(kind: EndpointKind, destination: Destination, change: EndpointChange, policy: EgressPolicy) -> Destination:
    """The destination with what is to be different. Raises `Problem` 422 for what this kind does not have."""
    fields = {field.name for field in msgspec.structs.fields(destination)}
    wishes = {name: getattr(change, name) for name in ("url", "headers", "address", "bot_token", "chat_id", "token")}
    given = {name: value for name, value in wishes.items() if value is not UNSET}
    if foreign := sorted(given.keys() - fields):
        raise invalid(f"/{foreign[0]}", "not_of_this_kind", f"An endpoint of the kind {kind} has no {foreign[0]}.")
    return checked(kind, msgspec.structs.replace(destination, **given), policy) if given else destination


def checked(kind: EndpointKind, destination: Destination, policy: EgressPolicy) -> Destination:
    """The destination itself, where it is one. Raises `Problem` 422."""
    match destination:
        case WebhookDestination():
            _check_url(destination.url, policy)
            _check_headers(destination.headers)
        case EmailDestination():
            _check_address(destination.address)
        case ChatDestination():
            _check_chat(kind, destination.url, policy)
        case TelegramDestination():
            _check_telegram(destination)
        case NtfyDestination():
            _check_topic(destination.url, policy)
        case _:
            assert_never(destination)
    return destination


def label_of(destination: Destination) -> str:
    """The destination without what only its owner may know."""
    match destination:
        case WebhookDestination(url=url):
            base, question, _ = url.partition("?")
            return f"{base}{question}***" if question else base
        case EmailDestination(address=address):
            return address
        case ChatDestination(url=url) | NtfyDestination(url=url):
            return f"https://{urlsplit(url).hostname}/***"
        case TelegramDestination(chat_id=chat_id):
            return f"telegram {chat_id}"
        case _:
            assert_never(destination)


def header_names(destination: Destination) -> tuple[str, ...]:
    """Of the customer's own headers."""
    return tuple(destination.headers) if isinstance(destination, WebhookDestination) else ()


def _check_url(url: str, policy: EgressPolicy) -> None:
    try:
        check_url(url, policy)
    except EgressRefused as error:
        raise refused("/url", error.failure) from None


def _check_address(address: str) -> None:
    if not ADDRESS.fullmatch(address):
        raise invalid("/address", "address_invalid", "This is no e-mail address; give one, as in chen@example.com.")


def _check_chat(kind: EndpointKind, url: str, policy: EgressPolicy) -> None:
    _check_url(url, policy)
    try:
        check_chat_url(kind, url)
    except EgressRefused as error:
        raise refused("/url", error.failure) from None


def _check_topic(url: str, policy: EgressPolicy) -> None:
    _check_url(url, policy)
    topic = urlsplit(url).path.strip("/")
    if not topic or "/" in topic:
        raise invalid("/url", "url_invalid", "The URL must name the topic, as in https://ntfy.sh/my-topic.")


def _check_headers(headers: Mapping[str, str]) -> None:
    try:
        check_headers(headers)
    except HeaderRefused as error:
        pointer = "/headers" if error.name is None else f"/headers/{error.name}"
        raise refused(pointer, error.failure) from None


def _check_telegram(destination: TelegramDestination) -> None:
    if not _BOT_TOKEN.fullmatch(destination.bot_token):
        raise invalid("/bot_token", "token_invalid", "This is no token of a Telegram bot; BotFather gives them as 123456:ABC….")
    if not _CHAT_ID.fullmatch(destination.chat_id):
        raise invalid("/chat_id", "chat_invalid", "A chat is named by its number, or by @ and its public name.")
