"""Deepgram's words for what it can remove from a transcript, and a refusal of everything else."""

from __future__ import annotations

from shared.errors import JobError
from shared.schemas.engines import RedactionLimits
from shared.schemas.jobs import Redaction, RedactionSubstitute

# fmt: off
NUMBER_LANGUAGES = frozenset({"da", "de", "en", "es", "fr", "it", "nl", "no", "pl", "pt", "sv"})
"""Languages in which numbers can be removed. Everything else can be in English only."""

_NUMBERS = frozenset({"numbers", "aggressive_numbers"})
_OWN = _NUMBERS | {
    "pci", "pii", "phi",
    "account_number", "age", "bank_account", "blood_type", "condition", "credit_card", "credit_card_expiration", "cvv", "date",
    "date_interval", "dob", "dose", "driver_license", "drug", "duration", "email_address", "event", "filename", "gender",
    "gender_sexuality", "healthcare_number", "injury", "ip_address", "language", "location", "location_address",
    "location_address_street", "location_city", "location_coordinate", "location_country", "location_state", "location_zip",
    "marital_status", "medical_process", "money", "name", "name_family", "name_given", "name_medical_professional",
    "numerical_pii", "occupation", "organization", "organization_medical_facility", "origin", "passport_number", "password",
    "phone_number", "physical_attribute", "political_affiliation", "religion", "routing_number", "sexuality", "ssn",
    "statistics", "time", "url", "username", "vehicle_id", "zodiac_sign",
}
"""As its documentation of entity types lists them (2026), beside its four groups."""
# fmt: on

_OTHERS = {
    "banking_information": "bank_account",
    "credit_card_cvv": "cvv",
    "credit_card_number": "credit_card",
    "date_of_birth": "dob",
    "drivers_license": "driver_license",
    "medical_condition": "condition",
    "nationality": "origin",
    "number_sequence": "numbers",
    "person_age": "age",
    "person_name": "name",
    "us_social_security_number": "ssn",
}
"""Words of other engines that mean the same."""


_KNOWN = _OWN | _OTHERS.keys()
LIMITS = RedactionLimits(
    categories=_KNOWN,
    category_languages={category: frozenset({"en"}) for category in _KNOWN if _OTHERS.get(category, category) not in _NUMBERS},
    substitutes=frozenset({RedactionSubstitute.CATEGORY}),
    detects_language=False,
)


def redacted(redaction: Redaction, language: str | None) -> list[str]:
    """What Deepgram is told to remove; `JobError` when it would not, for then nothing may be sent to it."""
    if redaction.substitute is not RedactionSubstitute.CATEGORY:
        raise _refused('Deepgram puts categories in place of what it removes; choose the substitute "category".')
    unknown = [category for category in redaction.categories if _OTHERS.get(category, category) not in _OWN]
    if unknown:
        raise _refused(f"Deepgram cannot remove {', '.join(unknown)}; choose among its own categories, such as pii or name.")
    wanted = list(dict.fromkeys(_OTHERS.get(category, category) for category in redaction.categories))
    _check_language(wanted, language)
    return wanted


def _check_language(wanted: list[str], language: str | None) -> None:
    if language is None:
        raise _refused("Deepgram removes words only where it knows the language; name the language of the recording.")
    if language != "en" and not (_NUMBERS.issuperset(wanted) and language in NUMBER_LANGUAGES):
        raise _refused(f"Deepgram cannot remove {', '.join(wanted)} from {language}, only from English; use another engine.")


def _refused(message: str) -> JobError:
    return JobError("feature_not_supported", message)
