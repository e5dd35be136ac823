"""Decides what language models may be asked for a report: by the installation's limits, the tenant's rules, the scenario."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import msgspec

from services.gateway.codes import Code
from services.gateway.jobs import Job
from services.gateway.problems import invalid
from services.gateway.settings import GatewaySettings
from services.gateway.store.allowances import AllowanceStore, Amount, Ceiling, amount_of
from shared.errors import ConfigurationError
from shared.schemas.engines import EngineRules
from shared.schemas.jobs import JobOptions, LlmAllowance, ReportMode
from shared.schemas.reports import Usage
from shared.schemas.solutions import Solution

_TRIED = (ReportMode.LLM, ReportMode.EXTRACTIVE)
"""Code can always write, and leaves nothing to those after it."""


@dataclass(frozen=True, kw_only=True)
class Granted:
    """An allowance that was taken."""

    id: UUID
    allowance: LlmAllowance


@dataclass(frozen=True, kw_only=True)
class Allowances:
    """The tenants' months, and the limits of this installation."""

    store: AllowanceStore
    report: Ceiling
    """Of one report."""
    month: Ceiling
    """Of one tenant's month."""

    @classmethod
    def of(cls, settings: GatewaySettings, store: AllowanceStore) -> Allowances:
        """By an operator's settings; raises `ConfigurationError`."""
        if settings.llm_month_usd is not None and settings.llm_job_usd is None:
            raise ConfigurationError(
                "AUDIO2TXT_LLM_MONTH_USD needs AUDIO2TXT_LLM_JOB_USD, or else one report would be allowed the whole month."
            )
        return cls(
            store=store,
            report=Ceiling(tokens=settings.llm_job_tokens, cost_usd=_usd(settings.llm_job_usd)),
            month=Ceiling(tokens=settings.llm_month_tokens, cost_usd=_usd(settings.llm_month_usd)),
        )

    async def grant(self, job: Job, solution: Solution, rules: EngineRules) -> Granted | None:
        """An allowance out of the tenant's month; whoever makes no job of it gives it back. Null: no language model is asked.

        Raises `Problem` 422 where there is none and the job insists on a language model.
        """
        if not may_be_written_by_model(job.options, solution):
            return None
        insists = job.options.report_mode is ReportMode.LLM
        if not self.report.tokens:
            _insist(insists, "llm_not_offered", "No language model writes reports here")
            return None
        month = month_of(dt.datetime.now(dt.UTC))
        taken = await self.store.take(
            job.tenant_id, month, job_id=job.id, attempt=job.options.attempt, wanted=self.report, limit=self.month
        )
        if taken is None:
            spent = f"What your reports may use of language models in {month:%B %Y} is used up"
            _insist(insists, "llm_budget_spent", spent)
            return None
        allowance = LlmAllowance(
            tokens=taken.tokens,
            cost_usd=None if taken.cost_usd is None else f"{taken.cost_usd:f}",
            outside=rules.allow_rented and solution.privacy.allow_cloud_llm,
        )
        return Granted(id=taken.id, allowance=allowance)

    async def give_back(self, granted: Granted | None) -> None:
        """Nothing came of the job."""
        if granted is not None:
            await self.store.give_back(granted.id)

    async def used(self, job: Job, usage: Usage | None) -> None:
        """The report that the job asks for now is there, although nobody waited for it any more."""
        await self.store.settle(job.id, job.options.attempt, amount_of(usage))

    async def this_month(self, tenant_id: UUID) -> Amount:
        """What a tenant's reports have used or may yet use."""
        return await self.store.month(tenant_id, month_of(dt.datetime.now(dt.UTC)))


def with_allowance(job: Job, granted: Granted | None) -> Job:
    """The job as it may ask language models."""
    return msgspec.structs.replace(
        job, options=msgspec.structs.replace(job.options, llm=None if granted is None else granted.allowance)
    )


def may_be_written_by_model(options: JobOptions, solution: Solution) -> bool:
    """Whether a language model is to write the report, or at least the first to be tried."""
    if options.report_mode is not None:
        return options.report_mode is ReportMode.LLM
    return next((mode for mode in solution.writers if mode in _TRIED), None) is ReportMode.LLM


def month_of(moment: dt.datetime) -> dt.date:
    """The first day of its calendar month."""
    return moment.date().replace(day=1)


def _insist(insists: bool, code: Code, reason: str) -> None:
    """There is no allowance, which is a problem for a job that insists."""
    if insists:
        raise invalid("/report_mode", code, f"{reason}; ask for report_mode extractive, or leave report_mode out.")


def _usd(amount: str | None) -> Decimal | None:
    return None if amount is None else Decimal(amount)
