"""Codes about erasures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from services.gateway.codes.meaning import Meaning

PrivacyCode: TypeAlias = Literal["erasure_not_found", "nothing_to_erase", "speaker_not_found"]

PRIVACY: Mapping[str, Meaning] = {
    "erasure_not_found": Meaning(404, "There is no erasure with this id.", "That of a deleted job has the job's id."),
    "nothing_to_erase": Meaning(409, "The transcript has no words of this person any more.", "There is nothing to do."),
    "speaker_not_found": Meaning(
        422, "The transcript has no such speaker.", "`GET /v1/jobs/{job_id}/transcript` lists its speakers."
    ),
}
