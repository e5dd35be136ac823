"""What clients may ask for: one profile, and the recordings that it is for."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from services.gateway.requests import JobRequest, JobSettings, Metadata, Tags, Title

MOST_ITEMS = 500


class BatchItem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One recording, and what is its own: its title, and tags and metadata beside those of all."""

    upload_id: Annotated[UUID | None, Meta(description="An upload; the job keeps its id.")] = None
    audio_url: Annotated[
        str | None, Meta(description="Where to fetch the recording.", examples=["https://example.com/meeting.mp3"])
    ] = None
    title: Title | None = None
    tags: Tags = ()
    metadata: Metadata = {}


class NewBatch(JobSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked of all jobs, as for one, and the recordings."""

    items: Annotated[
        tuple[BatchItem, ...], Meta(min_length=1, max_length=MOST_ITEMS, description="Exactly one of its two sources in each.")
    ]


def orders_of(batch: NewBatch) -> list[JobRequest]:
    """The orders of its jobs, one by one."""
    names = [field.name for field in msgspec.structs.fields(JobSettings)]
    profile = {name: getattr(batch, name) for name in names}
    return [
        JobRequest(
            **{
                **profile,
                "upload_id": item.upload_id,
                "audio_url": item.audio_url,
                "title": item.title if item.title is not None else batch.title,
                "tags": (*batch.tags, *item.tags),
                "metadata": {**batch.metadata, **item.metadata},
            }
        )
        for item in batch.items
    ]
