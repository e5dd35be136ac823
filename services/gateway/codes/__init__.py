"""The problem codes: what can be wrong with a request, each with its status, its meaning and its remedy.

Whoever raises a problem names one of these; a new one is added to its subject's table here, which is also what the API's
description, the pages below `/problems/` and docs/problems.md are made of. Codes are added, never renamed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from services.gateway.codes.account import ACCOUNT, AccountCode
from services.gateway.codes.endpoints import ENDPOINTS, EndpointCode
from services.gateway.codes.general import GENERAL, GeneralCode
from services.gateway.codes.jobs import JOBS, JobCode
from services.gateway.codes.meaning import Meaning
from services.gateway.codes.people import PEOPLE, PeopleCode
from services.gateway.codes.plans import PLANS, PlanCode
from services.gateway.codes.privacy import PRIVACY, PrivacyCode
from services.gateway.codes.uploads import UPLOADS, UploadCode
from services.gateway.codes.vocabularies import VOCABULARIES, VocabularyCode

__all__ = ["MEANINGS", "SUBJECTS", "Code", "Meaning"]

Code: TypeAlias = (
    GeneralCode | AccountCode | PeopleCode | PlanCode | UploadCode | JobCode | EndpointCode | VocabularyCode | PrivacyCode
)

SUBJECTS: Mapping[str, Mapping[str, Meaning]] = {
    "Every route": GENERAL,
    "Keys": ACCOUNT,
    "People": PEOPLE,
    "Plans": PLANS,
    "Uploads": UPLOADS,
    "Jobs and their results": JOBS,
    "Endpoints": ENDPOINTS,
    "Vocabularies": VOCABULARIES,
    "Privacy": PRIVACY,
}
"""By what they are about, in the order of the documentation."""

MEANINGS: Mapping[str, Meaning] = {code: meaning for table in SUBJECTS.values() for code, meaning in table.items()}
