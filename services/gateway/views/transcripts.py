"""What clients see of the edits of a transcript."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from services.gateway.store.revisions import Revision
from services.gateway.views import Time


class RevisionView(msgspec.Struct, frozen=True, kw_only=True):
    """One edit of a transcript."""

    number: Annotated[int, Meta(ge=1, description="For `?revision=`.", examples=[1])]
    segments: Annotated[int, Meta(ge=0, description="How many segments are others than in the revision before.", examples=[3])]
    speakers: Annotated[int, Meta(ge=0, description="How many speakers were named, renamed or added.", examples=[1])]
    restored: Annotated[int | None, Meta(description="The revision that was gone back to; null for an edit.")]
    created_at: Time


class RevisionList(msgspec.Struct, frozen=True, kw_only=True):
    """The edits of a transcript."""

    data: tuple[RevisionView, ...]


def revision_view(revision: Revision) -> RevisionView:
    """An edit as its tenant sees it."""
    return msgspec.convert(revision, RevisionView, from_attributes=True)
