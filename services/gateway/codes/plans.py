"""Codes about what a tenant's plan has left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from services.gateway.codes.meaning import Meaning

PlanCode: TypeAlias = Literal["minutes_used_up", "not_in_plan", "storage_full", "too_many_waiting"]

PLANS: Mapping[str, Meaning] = {
    "minutes_used_up": Meaning(
        402,
        "The month's minutes are used, or held for jobs at work; `quota` says how many there are.",
        "Wait for jobs at work to end, or until `quota.resets_at`, or ask the operator for another plan.",
    ),
    "storage_full": Meaning(
        402,
        "The tenant's storage has no room for the recording; `quota` says how much there is.",
        "Delete jobs or uploads that are no longer needed.",
    ),
    "too_many_waiting": Meaning(
        429, "As many jobs wait as the plan lets wait.", "Create this one when some have begun.", ("Retry-After",)
    ),
    "not_in_plan": Meaning(403, "The plan leaves out what was asked for.", "Leave it out, or ask for another plan."),
}
