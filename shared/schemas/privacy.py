"""What is kept of a job, in parts, and for how many days."""

from __future__ import annotations

import enum
from typing import Annotated, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

Days: TypeAlias = Annotated[
    int,
    Meta(ge=0, le=36_500, description="Days after the job's end; 0 removes it as soon as the job has ended.", examples=[30]),
]


class Part(enum.StrEnum):
    """Of what is kept of a job, what can be removed by itself."""

    AUDIO = "audio"
    """The recording, and the one in which something cannot be heard."""
    RAW = "raw"
    """The engine's answer, byte for byte."""
    TRANSCRIPT = "transcript"
    """The transcript in all its revisions."""
    REPORT = "report"
    """The report, its files, and what language models answered for it."""


class RetentionDays(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """For how long things are kept; null keeps for ever, what is left out is decided elsewhere."""

    audio: Days | UnsetType | None = UNSET
    raw: Days | UnsetType | None = UNSET
    transcript: Days | UnsetType | None = UNSET
    report: Days | UnsetType | None = UNSET
    record: Days | UnsetType | None = UNSET
    """The job itself, and with it everything that is left of it, here and in the log of deliveries."""

    def of(self, part: Part) -> int | UnsetType | None:
        """What is decided about a part."""
        match part:
            case Part.AUDIO:
                return self.audio
            case Part.RAW:
                return self.raw
            case Part.TRANSCRIPT:
                return self.transcript
            case Part.REPORT:
                return self.report


class TenantRetention(RetentionDays, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The same for all of a tenant's jobs, and for its log of deliveries."""

    deliveries: Days | UnsetType | None = UNSET
    """The log: what was sent where, its bodies included, by when it ended."""


class RetentionRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a tenant has decided."""

    tenant: TenantRetention = TenantRetention()
    solutions: Annotated[
        dict[str, RetentionDays],
        Meta(
            max_length=200,
            description="By the id of a scenario: what counts for its jobs instead.",
            examples=[{"legal_consultation": {"audio": 7}}],
        ),
    ] = {}
