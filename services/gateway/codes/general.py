"""Codes that have nothing to do with one subject of the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from services.gateway.codes.meaning import Meaning

GeneralCode: TypeAlias = Literal[
    "client_closed_request",
    "content_encoding_refused",
    "forbidden",
    "internal_error",
    "invalid_cursor",
    "invalid_form",
    "invalid_header",
    "invalid_json",
    "invalid_query",
    "invalid_request",
    "method_not_allowed",
    "not_found",
    "precondition_required",
    "precondition_failed",
    "precondition_refused",
    "range_not_satisfiable",
    "rate_limited",
    "refused",
    "too_large",
    "too_many_streams",
    "unauthorized",
    "unavailable",
    "unsupported_media_type",
    "upload_stalled",
]

GENERAL: Mapping[str, Meaning] = {
    "unauthorized": Meaning(
        401,
        "The API key is missing, mistyped, expired or revoked.",
        "Send a valid key as `Authorization: Bearer …` or `X-API-Key`.",
        ("WWW-Authenticate",),
    ),
    "forbidden": Meaning(
        403,
        "The key is valid and may not do this; `permission` names what it lacks.",
        "Use a key whose role has that permission, or have one made by whoever may.",
    ),
    "not_found": Meaning(
        404, "There is nothing at this path, or its id is not spelled as ids are.", "Check the path against `/v1/openapi.json`."
    ),
    "method_not_allowed": Meaning(
        405, "The path does not take this method.", "Use one of those in the `Allow` header.", ("Allow",)
    ),
    "invalid_query": Meaning(
        400,
        "A query parameter is unknown, or its value is outside what it takes.",
        "Correct the parameter that `errors` names; none is ignored.",
    ),
    "invalid_cursor": Meaning(
        400, "The cursor in `after` is none that a list gave out.", "Use `next_cursor` of the page before, or begin anew."
    ),
    "invalid_header": Meaning(
        400, "A request header has a value that it does not take.", "Correct the header that `errors` names, or leave it out."
    ),
    "invalid_json": Meaning(400, "The body is not JSON.", "Send UTF-8 JSON; `detail` says where it breaks."),
    "invalid_form": Meaning(
        400, "The multipart form cannot be read.", "Let an HTTP library build the form, or send JSON instead."
    ),
    "invalid_request": Meaning(
        422,
        "A value of the body is missing, unknown, of the wrong type, or outside its limits.",
        "Correct the values that `errors` points to.",
    ),
    "unsupported_media_type": Meaning(
        415, "The body's Content-Type is none that this route reads.", "Send one of those listed for the route."
    ),
    "content_encoding_refused": Meaning(415, "The body is compressed.", "Send it as it is, without Content-Encoding."),
    "too_large": Meaning(413, "The body is larger than this route takes.", "Send less; `detail` names the limit."),
    "upload_stalled": Meaning(
        408, "No byte of the body arrived for a while.", "Send it again, or use a resumable upload on weak connections."
    ),
    "precondition_required": Meaning(
        428,
        "The change needs If-Match, so that nobody's work is overwritten.",
        "Fetch the thing, and send its ETag as If-Match (`*` for any).",
    ),
    "precondition_failed": Meaning(
        412,
        "It is another by now than If-Match names, or the tag that it names is a weak one.",
        "Fetch it again, and repeat your change with its ETag.",
    ),
    "precondition_refused": Meaning(
        400, "The route does not look at If-Match, which was sent.", "Send the request without it; nothing was changed."
    ),
    "range_not_satisfiable": Meaning(
        416,
        "The range lies beyond the end of the file.",
        "Ask for a range inside the size that Content-Range tells.",
        ("Content-Range",),
    ),
    "too_many_streams": Meaning(
        429,
        "The tenant holds as many event streams and waits open as it may.",
        "Close some, or try again after Retry-After.",
        ("Retry-After",),
    ),
    "rate_limited": Meaning(
        429,
        "The tenant, or whoever is refused, makes more requests than may be made.",
        "Wait for Retry-After, and spread requests out; `RateLimit` says what is left.",
        ("Retry-After",),
    ),
    "unavailable": Meaning(
        503,
        "The database, the store or the process cannot answer just now.",
        "Try the same request again after Retry-After.",
        ("Retry-After",),
    ),
    "internal_error": Meaning(
        500, "Something went wrong on our side.", "Try again; if it stays, tell the operator the `request_id`."
    ),
    "client_closed_request": Meaning(
        499, "The connection ended before the body did.", "Nobody reads this answer; send the request again."
    ),
    "refused": Meaning(
        (400, 413, 414, 431), "The web server does not take the request as it is sent.", "Do what `detail` says."
    ),
}
