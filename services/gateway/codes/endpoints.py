"""Codes about endpoints, their addresses and what was sent to them; and about URLs that we are to call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from services.gateway.codes.meaning import Meaning

EndpointCode: TypeAlias = Literal[
    "address_invalid",
    "address_refused",
    "address_suppressed",
    "address_unconfirmed",
    "asked_lately",
    "chat_invalid",
    "confirmation_unanswered",
    "delivery_not_found",
    "endpoint_changed",
    "endpoint_deleted",
    "endpoint_disabled",
    "endpoint_not_found",
    "header_invalid",
    "header_reserved",
    "headers_too_long",
    "host_not_accepted",
    "not_of_this_kind",
    "nothing_to_confirm",
    "nothing_to_rotate",
    "public_url_missing",
    "suppression_not_found",
    "token_invalid",
    "too_many_confirmations",
    "too_many_endpoints",
    "too_many_secrets",
    "url_invalid",
    "url_port",
    "url_scheme",
]

ENDPOINTS: Mapping[str, Meaning] = {
    "endpoint_not_found": Meaning(
        404, "There is no endpoint with this id; it may have been deleted.", "`GET /v1/endpoints` lists them."
    ),
    "endpoint_changed": Meaning(409, "Others are changing the endpoint.", "Look at it, and ask again."),
    "endpoint_deleted": Meaning(
        409,
        "The delivery's endpoint was deleted, or was a job's `callback_url`.",
        "Retry the job to have its `callback_url` called again.",
    ),
    "endpoint_disabled": Meaning(
        409, "The endpoint is disabled for its failures.", 'Mend the receiver, and PATCH the endpoint with `{"paused": false}`.'
    ),
    "too_many_endpoints": Meaning(409, "The tenant has as many endpoints as it may have.", "Delete one first."),
    "too_many_secrets": Meaning(
        409, "As many secrets are in use as may be.", "Wait until one expires, or rotate with `overlap_hours` 0."
    ),
    "nothing_to_rotate": Meaning(409, "Endpoints of this kind are not signed for.", "Only webhooks have secrets."),
    "not_of_this_kind": Meaning(422, "Endpoints of this kind do not have this field.", "Leave it out."),
    "delivery_not_found": Meaning(
        404, "There is no delivery with this id; it may be older than the log.", "`GET /v1/deliveries` lists them."
    ),
    "suppression_not_found": Meaning(
        404, "There is no suppression with this id; it may have been lifted.", "`GET /v1/suppressions` lists them."
    ),
    "address_invalid": Meaning(422, "This is no e-mail address.", "Give one, as in chen@example.com."),
    "address_unconfirmed": Meaning(
        409, "The address has not been confirmed, so nothing is sent.", "Have its reader press the button in the e-mail."
    ),
    "address_suppressed": Meaning(
        409, "The address is suppressed, so nothing is sent.", "See `GET /v1/suppressions`; DELETE ends a suppression."
    ),
    "nothing_to_confirm": Meaning(409, "The endpoint needs no confirmation.", "Messages are sent as they come."),
    "asked_lately": Meaning(
        429, "The reader of the address was asked within three hours.", "Ask again after Retry-After.", ("Retry-After",)
    ),
    "confirmation_unanswered": Meaning(
        409, "The reader was asked as often as may be, and has not answered.", "The links in those e-mails still work."
    ),
    "too_many_confirmations": Meaning(
        429, "As many addresses were asked to confirm as may be in a day.", "Try again after Retry-After.", ("Retry-After",)
    ),
    "public_url_missing": Meaning(
        409,
        "The address would have to be confirmed by a link, and the installation does not know how it is reached.",
        "The operator sets AUDIO2TXT_PUBLIC_URL.",
    ),
    "token_invalid": Meaning(422, "This is no token of a Telegram bot.", "BotFather gives them as 123456:ABC…."),
    "chat_invalid": Meaning(422, "This names no chat.", "A chat is named by its number, or by @ and its public name."),
    "url_invalid": Meaning(422, "The URL is not one that can be called.", "Do what `detail` says."),
    "url_scheme": Meaning(422, "The URL does not begin with https://.", "Use HTTPS; the operator can allow others."),
    "url_port": Meaning(422, "The URL's port is not one that web servers use.", "Use port 443."),
    "address_refused": Meaning(
        422,
        "The URL leads to an address that this installation makes no requests to.",
        "Use a public host, or ask the operator to allow it.",
    ),
    "host_not_accepted": Meaning(422, "The URL is no webhook of this service.", "Copy it from the service's own settings."),
    "header_invalid": Meaning(422, "A header of yours cannot be sent as it is.", "Correct the one that `errors` points to."),
    "header_reserved": Meaning(422, "A header of yours is set by us or by the connection.", "Leave it out."),
    "headers_too_long": Meaning(422, "Your headers have too many characters in all.", "Shorten them."),
}
