"""What clients may ask for: the bodies of requests about endpoints. Unknown fields are refused."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from shared.schemas.endpoints import EventType, Payload, Signature
from shared.schemas.jobs import ReportLanguage

_SUBJECTS = ("job", "batch", "usage")
"""What somebody can ask to be told about; news of other subjects come of themselves."""
_TYPES = tuple(type_ for type_ in EventType if type_.partition(".")[0] in _SUBJECTS)
_PATTERNS = "|".join(["\\*", "job\\.\\*", *(type_.replace(".", "\\.") for type_ in _TYPES)])

Url = Annotated[str, Meta(max_length=2048, description="Where to send it.", examples=["https://example.com/hooks/audio2txt"])]
Headers = Annotated[
    dict[Annotated[str, Meta(min_length=1, max_length=100)], Annotated[str, Meta(max_length=2000)]],
    Meta(
        max_length=20,
        description="Headers of your own, sent along; kept sealed, and shown by name only.",
        examples=[{"X-Tenant": "acme"}],
    ),
]
Address = Annotated[str, Meta(min_length=3, max_length=254, description="One recipient.", examples=["chen@example.com"])]
Token = Annotated[str, Meta(min_length=1, max_length=200, description="Kept sealed, never shown again.")]
ChatId = Annotated[str, Meta(min_length=1, max_length=100, description="The chat's id.", examples=["-1001234567890"])]
Events = Annotated[
    tuple[Annotated[str, Meta(pattern=f"^({_PATTERNS})$")], ...],
    Meta(
        min_length=1,
        max_length=20,
        description="What to tell: event types, `job.*` or `*`. `job.progressed` is sent only where it is named so.",
        examples=[["job.completed", "job.failed"]],
    ),
]
Description = Annotated[str, Meta(max_length=200, description="For yourself.", examples=["The archive's importer"])]
Include = Annotated[
    Payload,
    Meta(
        description="How much a webhook tells: `thin` (ids, states, links), `text` (and the transcript's text), `segments` "
        "(and its passages). What is longer than 256 KiB is sent thin, with `reduced`."
    ),
]
Signatures = Annotated[
    tuple[Signature, ...],
    Meta(
        min_length=1,
        max_length=2,
        description="Schemes of Standard Webhooks: `v1` (a secret) and `v1a` (a key pair whose public half anybody may have).",
        examples=[["v1"]],
    ),
]
RatePerMinute = Annotated[
    int,
    Meta(
        ge=1,
        le=60_000,
        description="The most attempts a minute, evenly: at once no more than a second's worth, or one. More wait. "
        "Null: as many as it takes.",
        examples=[120],
    ),
]
Language = Annotated[ReportLanguage, Meta(description="Of messages to people.")]
Attach = Annotated[
    bool, Meta(description="Whether e-mails carry the files that the job's solution names, where the installation allows it.")
]


class _Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """What can be set for every kind."""

    events: Events = (EventType.JOB_COMPLETED, EventType.JOB_FAILED)
    description: Description | None = None
    language: Language = "en"


class NewWebhook(_Settings, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="webhook"):
    """Signed requests after Standard Webhooks."""

    url: Url
    headers: Headers = {}
    include: Include = Payload.THIN
    signatures: Signatures = (Signature.V1,)
    rate_per_minute: RatePerMinute | None = None


class NewEmail(_Settings, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="email"):
    """E-mails to one recipient."""

    address: Address
    attach: Attach = True


class NewSlack(_Settings, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="slack"):
    """An incoming webhook of Slack."""

    url: Url


class NewTeams(_Settings, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="teams"):
    """A workflow of Microsoft Teams that takes webhook requests."""

    url: Url


class NewDiscord(_Settings, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="discord"):
    """A webhook of a Discord channel."""

    url: Url


class NewTelegram(_Settings, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="telegram"):
    """A chat that a Telegram bot may write to."""

    bot_token: Token
    chat_id: ChatId


class NewNtfy(_Settings, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="ntfy"):
    """A topic of an ntfy server."""

    url: Url
    token: Token | None = None


NewEndpoint: TypeAlias = NewWebhook | NewEmail | NewSlack | NewTeams | NewDiscord | NewTelegram | NewNtfy


class EndpointChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change; what is left out stays. The kind cannot be changed, and what another kind has cannot be given."""

    url: Url | UnsetType = UNSET
    headers: Headers | UnsetType = UNSET
    address: Address | UnsetType = UNSET
    bot_token: Token | UnsetType = UNSET
    chat_id: ChatId | UnsetType = UNSET
    token: Token | UnsetType | None = UNSET
    events: Events | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    include: Include | UnsetType = UNSET
    signatures: Signatures | UnsetType = UNSET
    rate_per_minute: RatePerMinute | UnsetType | None = UNSET
    language: Language | UnsetType = UNSET
    attach: Attach | UnsetType = UNSET
    paused: (
        Annotated[
            bool,
            Meta(
                description="`true` sends nothing until `false` sends what has come meanwhile; `false` also switches on "
                "again what was disabled for its failures."
            ),
        ]
        | UnsetType
    ) = UNSET


class Rotation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long the secrets there are go on beside the new one."""

    overlap_hours: Annotated[float, Meta(ge=0, le=168, description="Hours; 0 ends them at once.", examples=[24])] = 24.0


class ReplayRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to send again."""

    since: Annotated[dt.datetime, Meta(tz=True, description="RFC 3339.", examples=["2026-11-27T00:00:00Z"])]
    until: Annotated[dt.datetime, Meta(tz=True, description="RFC 3339; null is now.")] | None = None
    missing: Annotated[
        bool,
        Meta(description="Also what the endpoint was never sent, because it was not there or did not listen to it then."),
    ] = False
    types: Annotated[
        tuple[EventType, ...], Meta(max_length=10, description="Only of these types.", examples=[["job.completed"]])
    ] = ()
