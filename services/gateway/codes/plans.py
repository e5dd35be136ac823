"""Codes about what a tenant's plan allows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from services.gateway.codes.meaning import Meaning

PlanCode: TypeAlias = Literal["minutes_used_up", "not_in_plan", "storage_full", "too_many_waiting"]

PLANS: Mapping[str, Meaning] = {
    "minutes_used_up": Meaning(
        402,
        "The plan's minutes of this month are used, or held for jobs at work.",
        "Wait for jobs at work to end or for the next month, or ask the operator for another plan.",
    ),
    "storage_full": Meaning(
        402, "The plan has no room for this recording.", "Delete jobs or uploads, or ask the operator for another plan."
    ),
    "not_in_plan": Meaning(403, "The plan leaves this out.", "Ask for something else, or the operator for another plan."),
    "too_many_waiting": Meaning(
        429, "As many jobs wait as the plan allows.", "Create this one when some of them have begun.", ("Retry-After",)
    ),
}
