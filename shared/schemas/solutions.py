"""Solutions `audio2txt.solutions/1`: the scenario templates a report is written after."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from shared.schemas.jobs import ArtifactFormat

LocalisedText = dict[Literal["zh-Hant", "en"], str]
SolutionId = Annotated[str, Meta(pattern=r"^[a-z0-9_]{3,40}$")]


class Solution(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One scenario: what it is called and what it produces."""

    id: SolutionId
    version: Annotated[int, Meta(ge=1)]
    title: LocalisedText
    description: LocalisedText
    artifacts: tuple[ArtifactFormat, ...]


class SolutionFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A `solutions.yaml`."""

    schema: Literal["audio2txt.solutions/1"]
    solutions: tuple[Solution, ...]
