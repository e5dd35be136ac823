"""Codes about what is erased."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from services.gateway.codes.meaning import Meaning

PrivacyCode: TypeAlias = Literal["erasure_not_found", "nothing_to_erase", "speaker_not_found"]

PRIVACY: Mapping[str, Meaning] = {
    "erasure_not_found": Meaning(404, "There is no erasure with this id.", "That of a deleted job has the job's id."),
    "nothing_to_erase": Meaning(409, "Nothing of what this person said is left in the transcript.", "Nothing is to be done."),
    "speaker_not_found": Meaning(422, "Nobody in the transcript has this id.", "`detail` names those there are."),
}
