"""What clients may change in a transcript. Unknown fields are refused."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta


class SegmentEdit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change in one segment; what is left out stays."""

    id: Annotated[str, Meta(min_length=1, max_length=40, description="The segment's id.", examples=["s000012"])]
    text: (
        Annotated[
            str,
            Meta(max_length=20_000, description="What was said; null leaves it.", examples=["We sign on the third of June."]),
        ]
        | None
    ) = None
    speaker_id: Annotated[
        str | msgspec.UnsetType | None,
        Meta(description="Who said it, by id; null for nobody known.", examples=["spk_2"]),
    ] = msgspec.UNSET


class SpeakerEdit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a speaker is called. An id that the transcript does not have adds a speaker."""

    id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_]{1,40}$", description="The speaker's id.", examples=["spk_1"])]
    name: Annotated[
        Annotated[str, Meta(min_length=1, max_length=100)] | None,
        Meta(description="Printed in every file; null prints the engine's label again.", examples=["Dr. Chen"]),
    ]


class TranscriptEdits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change in a transcript: all of it, or nothing where one edit is not possible."""

    segments: Annotated[tuple[SegmentEdit, ...], Meta(max_length=2000)] = ()
    speakers: Annotated[tuple[SpeakerEdit, ...], Meta(max_length=100)] = ()


class Restoration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which revision to go back to."""

    revision: Annotated[int, Meta(ge=0, le=1_000_000, description="0 is the transcript as it was transcribed.", examples=[0])]
