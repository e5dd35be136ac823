"""Who may write a report, and within which limits."""

from __future__ import annotations

import datetime as dt
from typing import cast

import pytest

from services.gateway.allowances import Allowances, may_be_written_by_model, month_of
from services.gateway.settings import GatewaySettings
from services.gateway.store.allowances import AllowanceStore, Ceiling
from shared.errors import ConfigurationError
from shared.schemas.jobs import ArtifactFormat, JobOptions, ReportMode
from shared.schemas.solutions import LocalisedTitle, Section, Solution
from shared.settings import load

BOTH: LocalisedTitle = {"zh-Hant": "名稱", "en": "Name"}


def solution(*modes: ReportMode, sections: int = 1) -> Solution:
    """A scenario that these may write."""
    return Solution(
        id="some_scenario",
        version=1,
        title=BOTH,
        description=BOTH,
        sections=tuple(Section(id=f"s{number}", title=BOTH) for number in range(sections)),
        modes=modes,
        artifacts=(ArtifactFormat.PDF,),
    )


@pytest.mark.parametrize(
    ("asked", "modes", "sections", "expected"),
    [
        (None, (ReportMode.LLM, ReportMode.EXTRACTIVE), 1, True),
        (None, (ReportMode.PROVIDER, ReportMode.LLM), 1, True),
        (None, (ReportMode.EXTRACTIVE, ReportMode.LLM), 1, False),
        (None, (ReportMode.EXTRACTIVE,), 1, False),
        (None, (ReportMode.LLM, ReportMode.EXTRACTIVE), 0, False),
        (ReportMode.EXTRACTIVE, (ReportMode.LLM, ReportMode.EXTRACTIVE), 1, False),
        (ReportMode.LLM, (ReportMode.EXTRACTIVE, ReportMode.LLM), 1, True),
    ],
)
def test_an_allowance_is_taken_where_a_model_may_be_asked(
    asked: ReportMode | None, modes: tuple[ReportMode, ...], sections: int, expected: bool
) -> None:
    """Nothing is set aside for a report that code writes before a model has its turn."""
    options = JobOptions(report_mode=asked)
    assert may_be_written_by_model(options, solution(*modes, sections=sections)) is expected


def test_limits_are_settings() -> None:
    """A month in money needs a report in money, or the first report would take it all."""
    environment = {"AUDIO2TXT_LLM_JOB_TOKENS": "0", "AUDIO2TXT_LLM_MONTH_TOKENS": "7", "AUDIO2TXT_LLM_MONTH_USD": "2.5"}
    store = cast("AllowanceStore", None)
    with pytest.raises(ConfigurationError, match="AUDIO2TXT_LLM_MONTH_USD needs AUDIO2TXT_LLM_JOB_USD"):
        Allowances.of(load(GatewaySettings, environment), store)
    allowances = Allowances.of(load(GatewaySettings, {**environment, "AUDIO2TXT_LLM_JOB_USD": "0.25"}), store)
    assert (allowances.report.tokens, str(allowances.report.cost_usd)) == (0, "0.25")
    assert (allowances.month.tokens, str(allowances.month.cost_usd)) == (7, "2.5")
    assert Allowances.of(load(GatewaySettings, {}), store).month == Ceiling()
    with pytest.raises(ConfigurationError, match="AUDIO2TXT_LLM_JOB_USD: '-1'"):
        load(GatewaySettings, {"AUDIO2TXT_LLM_JOB_USD": "-1"})


def test_a_month_is_a_calendar_month() -> None:
    """Of UTC, like every time of ours."""
    assert month_of(dt.datetime(2026, 11, 30, 23, 59, tzinfo=dt.UTC)) == dt.date(2026, 11, 1)
