"""What can be asked for: the keyword arguments of methods, and the dictionaries they take.

What is left out stays with the gateway's default (or, in a change, as it is); `None` is sent as `null`. Names such as formats
are plain text, so that a client need not be renewed to ask a newer gateway for something new; `ArtifactFormat` and its like
list those that this version knows.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Literal, Required, TypedDict


class SpeakersWish(TypedDict, total=False):
    """How many people speak, as far as you are sure."""

    min: int | None
    max: int | None


class RedactionWish(TypedDict, total=False):
    """What must not appear in the transcript."""

    categories: Required[Sequence[str]]
    """In the engine's words, such as `person_name`; `engines.list()` tells which it has."""
    substitute: str
    """`category` or `hash`."""
    audio: bool
    """Also make a recording in which it cannot be heard."""


class JobWishes(TypedDict, total=False):
    """What can be asked of a job."""

    language: str
    """BCP-47 tag of the spoken language, or `auto`."""
    engine: str | None
    solution: str
    """The scenario to report after; `solutions.list()` has them."""
    formats: Sequence[str] | None
    """Files to render, such as `ArtifactFormat.PDF`; `None` takes those of the solution."""
    title: str | None
    speakers: SpeakersWish | None
    vocabulary: Sequence[str]
    """Names and terms that are likely to be said."""
    vocabularies: Sequence[str] | None
    """Sets that are kept on the server, by name or id; `None` takes the tenant's default one."""
    channels: bool
    """Each channel of the recording is one speaker."""
    redaction: RedactionWish | None
    analyses: Sequence[str]
    script: str | None
    """Chinese script of the text, such as `zh-Hant-TW`."""
    report_language: str | None
    report_mode: str | None
    inputs: Mapping[str, str]
    """Values of the solution's inputs."""
    tags: Sequence[str]
    """Your own words to find the job by."""
    callback_url: str | None
    """Where to send the signed webhook when the job ends."""
    metadata: Mapping[str, str]
    """Your own names and values; they come back unchanged."""
    priority: str
    """`low`, `normal` or `high`: which of the tenant's jobs that wait come first."""
    start_after: dt.datetime | None
    """Not to begin before this time, with its zone; `None` begins at once."""
    duplicates: str
    """`allow`, `reuse` or `refuse` a recording of which there is a job already."""


class BatchItem(TypedDict, total=False):
    """One recording of many, `upload_id` or `audio_url`, and what is its own."""

    upload_id: str | None
    audio_url: str | None
    title: str | None
    tags: Sequence[str]
    metadata: Mapping[str, str]


class JobChange(TypedDict, total=False):
    """What to change about a job: what is given takes the place of all that was there."""

    title: str | None
    tags: Sequence[str]
    metadata: Mapping[str, str]


class RetryWishes(TypedDict, total=False):
    """What to do differently this time. What is asked of the engine transcribes again; everything else makes another report."""

    engine: str | None
    language: str | None
    speakers: SpeakersWish | None
    vocabulary: Sequence[str] | None
    channels: bool | None
    analyses: Sequence[str] | None
    script: str | None
    formats: Sequence[str] | None
    solution: str | None
    report_language: str | None
    report_mode: str | None
    inputs: Mapping[str, str] | None
    vocabularies: Sequence[str] | None


class SegmentEdit(TypedDict, total=False):
    """What to change in one segment; what is left out stays."""

    id: Required[str]
    text: str | None
    speaker_id: str | None


class SpeakerEdit(TypedDict):
    """What a speaker is called. An id that the transcript does not have adds a speaker."""

    id: str
    name: str | None


class _Listening(TypedDict, total=False):
    events: Sequence[str]
    """Event types, `job.*` or `*`."""
    description: str | None
    language: str


class NewWebhook(_Listening, total=False):
    """Signed requests after Standard Webhooks."""

    kind: Required[Literal["webhook"]]
    url: Required[str]
    headers: Mapping[str, str]
    include: str
    """`thin`, `text` or `segments`."""
    signatures: Sequence[str]
    """`v1`, `v1a` or both."""
    rate_per_minute: int | None


class NewEmail(_Listening, total=False):
    """E-mails to one recipient."""

    kind: Required[Literal["email"]]
    address: Required[str]
    attach: bool


class NewSlack(_Listening, total=False):
    """An incoming webhook of Slack."""

    kind: Required[Literal["slack"]]
    url: Required[str]


class NewTeams(_Listening, total=False):
    """A workflow of Microsoft Teams."""

    kind: Required[Literal["teams"]]
    url: Required[str]


class NewDiscord(_Listening, total=False):
    """A webhook of a Discord channel."""

    kind: Required[Literal["discord"]]
    url: Required[str]


class NewTelegram(_Listening, total=False):
    """A chat that a Telegram bot may write to."""

    kind: Required[Literal["telegram"]]
    bot_token: Required[str]
    chat_id: Required[str]


class NewNtfy(_Listening, total=False):
    """A topic of an ntfy server."""

    kind: Required[Literal["ntfy"]]
    url: Required[str]
    token: str | None


NewEndpoint = NewWebhook | NewEmail | NewSlack | NewTeams | NewDiscord | NewTelegram | NewNtfy


class EndpointChange(TypedDict, total=False):
    """What to change in an endpoint; its kind stays."""

    url: str
    headers: Mapping[str, str]
    address: str
    bot_token: str
    chat_id: str
    token: str | None
    events: Sequence[str]
    description: str | None
    include: str
    signatures: Sequence[str]
    rate_per_minute: int | None
    language: str
    attach: bool
    paused: bool
    """`False` also switches on again what was disabled for its failures."""


class UserChange(TypedDict, total=False):
    """What to change about a user."""

    name: str
    role: str
    """At most as mighty as whoever gives it."""
    disabled: bool
    """Whether they are kept out."""


class OwnChange(TypedDict, total=False):
    """What users change about themselves."""

    name: str
    language: str
    """Of e-mails to them."""
