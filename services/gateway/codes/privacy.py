"""Codes about what is erased."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from services.gateway.codes.meaning import Meaning

PrivacyCode: TypeAlias = Literal[
    "erasure_not_found", "export_not_found", "export_not_ready", "export_running", "nothing_to_erase", "speaker_not_found"
]

PRIVACY: Mapping[str, Meaning] = {
    "export_not_found": Meaning(404, "There is no export with this id; it may have expired.", "Ask for another one."),
    "export_not_ready": Meaning(409, "The export has no file (yet).", "Wait until its `state` is `ready`."),
    "export_running": Meaning(409, "Another export is being made.", "Wait for its end."),
    "erasure_not_found": Meaning(404, "There is no erasure with this id.", "That of a deleted job has the job's id."),
    "nothing_to_erase": Meaning(409, "Nothing of what this person said is left in the transcript.", "Nothing is to be done."),
    "speaker_not_found": Meaning(422, "Nobody in the transcript has this id.", "`detail` names those there are."),
}
