"""Which blob belongs to which part of which job, told by its key alone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from shared.blobs import is_key
from shared.schemas.privacy import Part

_ID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_KEY = re.compile(rf"t/(?P<tenant>{_ID})/j/(?P<job>{_ID})/(?P<rest>.+)")
_DOCUMENT = re.compile(r"transcript/\d+(\.json|/revisions/[^/]+\.json)")
_EDITION = re.compile(r"(?:report|artifacts)/(?P<run>\d+)(?:-(?P<revision>\d+))?[./].+")
_ANSWERS, _FILES = "report/answers/", "artifacts/"
_FOLDERS = {"source": Part.AUDIO, "raw": Part.RAW, "report": Part.REPORT, "artifacts": Part.REPORT}


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where something of a job lies."""

    tenant_id: UUID
    job_id: UUID
    part: Part
    key: str

    @classmethod
    def of(cls, key: str) -> Place | None:
        """By a key; null for what belongs to no job, and for what is none of ours."""
        match = _KEY.fullmatch(key) if is_key(key) else None
        part = None if match is None else _part(match["rest"])
        if match is None or part is None:
            return None
        return cls(tenant_id=UUID(match["tenant"]), job_id=UUID(match["job"]), part=part, key=key)


def part_of(key: str) -> Part:
    """The part of a job that a blob of it belongs to; raises `ValueError` for a key that is no job's."""
    place = Place.of(key)
    if place is None:
        raise ValueError(f"not the key of something of a job: {key!r}")
    return place.part


def edition_of(key: str) -> tuple[int, int] | None:
    """Of which run, and of which revision of its transcript, a report or a file of one is; null for anything else."""
    match = _KEY.fullmatch(key)
    edition = None if match is None else _EDITION.fullmatch(match["rest"])
    return None if edition is None else (int(edition["run"]), int(edition["revision"] or 0))


def is_replaced(key: str, *, run: int, before: int) -> bool:
    """Whether it is a file of an older revision of the run's transcript, whose place others have taken. Reports stay: where one
    comes to nothing, the next is made of those before it."""
    match, edition = _KEY.fullmatch(key), edition_of(key)
    is_file = match is not None and match["rest"].startswith(_FILES)
    return is_file and edition is not None and edition[0] == run and edition[1] < before


def is_answer(key: str) -> bool:
    """Whether it is what a language model answered for a report, or the note that it was asked."""
    match = _KEY.fullmatch(key)
    return match is not None and match["rest"].startswith(_ANSWERS)


def keys_of(places: Iterable[Place], parts: Iterable[Part]) -> list[str]:
    """The keys of these parts."""
    wanted = set(parts)
    return [place.key for place in places if place.part in wanted]


def _part(rest: str) -> Part | None:
    folder = rest.partition("/")[0]
    if folder == "transcript":
        # What else lies there came along with the transcript: a recording in which something cannot be heard.
        return Part.TRANSCRIPT if _DOCUMENT.fullmatch(rest) else Part.AUDIO
    return _FOLDERS.get(folder)
