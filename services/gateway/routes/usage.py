"""`/v1/usage`: what the tenant has used, and what it cost."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, get
from litestar.params import QueryParameter
from litestar.response import Stream
from msgspec import Meta

from services.gateway.openapi import Answer, Operation
from services.gateway.permissions import Permission
from services.gateway.routes.context import Api, ApiRequest, Gateway
from services.gateway.routes.paging import cursor_of, cut, page
from services.gateway.statements import Statement, rendered
from services.gateway.store.usage import Kind, UsageRecord
from services.gateway.usage.months import Month, Totals, UsageSum, by, month_named, total
from services.gateway.usage.sheets import sheet
from services.gateway.views import Id, Page, Time
from shared.schemas.jobs import ReportLanguage

CSV = "text/csv"
PDF = "application/pdf"
TAG = "Usage"
_PDF = {"type": "string", "format": "binary"}

MonthName = Annotated[str | None, QueryParameter(name="month", description="As in 2026-11 (UTC); the present one if left out.")]
_BAD_MONTH = {400: "The month is none, or a parameter is not valid."}


class MoneyView(msgspec.Struct, frozen=True, kw_only=True):
    """An amount of money."""

    amount: Annotated[str, Meta(description="A decimal number.", examples=["12.3450"])]
    currency: Annotated[str, Meta(examples=["USD"])]


class UsageTotalsView(msgspec.Struct, frozen=True, kw_only=True):
    """What several records come to."""

    transcriptions: Annotated[int, Meta(ge=0, description="Runs that were transcribed.", examples=[12])]
    reports: Annotated[int, Meta(ge=0, description="Reports that language models were asked for.", examples=[4])]
    audio_seconds: Annotated[float, Meta(ge=0, description="Audio that was transcribed.", examples=[5421.5])]
    stored_bytes: Annotated[int, Meta(ge=0, description="Of the recordings.", examples=[48211200])]
    tokens: Annotated[int, Meta(ge=0, description="Of language models.", examples=[48211])]
    costs: Annotated[tuple[MoneyView, ...], Meta(description="By currency.")]
    unpriced: Annotated[int, Meta(ge=0, description="Records of which no price is known; they are not in `costs`.")]


class EngineUsageView(msgspec.Struct, frozen=True, kw_only=True):
    """What one engine, or one language model, was used for."""

    kind: Kind
    engine: Annotated[str | None, Meta(description="The speech engine; null for language models.", examples=["assemblyai"])]
    model: Annotated[str, Meta(examples=["universal-3-pro"])]
    totals: UsageTotalsView


class SolutionUsageView(msgspec.Struct, frozen=True, kw_only=True):
    """What was used for the reports of one scenario."""

    solution: Annotated[str, Meta(examples=["meeting_minutes"])]
    totals: UsageTotalsView


class DayUsageView(msgspec.Struct, frozen=True, kw_only=True):
    """What was used on one day (UTC)."""

    day: dt.date
    totals: UsageTotalsView


class UsageMonthView(msgspec.Struct, frozen=True, kw_only=True):
    """A calendar month (UTC)."""

    month: Annotated[str, Meta(examples=["2026-11"])]
    since: Time
    until: Time
    totals: UsageTotalsView
    engines: tuple[EngineUsageView, ...]
    solutions: tuple[SolutionUsageView, ...]
    days: Annotated[tuple[DayUsageView, ...], Meta(description="Those on which something was used.")]


class UsageRecordView(msgspec.Struct, frozen=True, kw_only=True):
    """One run that was transcribed, or one report that a language model was asked for."""

    id: Id
    at: Time
    job_id: Annotated[UUID, Meta(description="The job, which may be deleted by now.")]
    kind: Kind
    run: Annotated[int, Meta(ge=1)]
    attempt: Annotated[int, Meta(ge=1, description="Of the job's reports.")]
    solution: str
    engine: Annotated[str | None, Meta(description="The speech engine; null for reports.")]
    model: str
    audio_seconds: Annotated[float, Meta(ge=0)]
    stored_bytes: Annotated[int, Meta(ge=0, description="Of the recording.")]
    tokens: Annotated[int, Meta(ge=0)]
    cost: Annotated[MoneyView | None, Meta(description="Null where no price is known.")]


@get(
    "/usage",
    opt=Operation(
        needs=Permission.USAGE_READ,
        summary="Show a month's usage",
        tag=TAG,
        answers={200: Answer(description="The month.", content=UsageMonthView)},
        problems=_BAD_MONTH,
    ).opt,
)
async def get_usage(request: ApiRequest, gateway: Api, month: MonthName = None) -> Response[UsageMonthView]:
    """What the tenant has used in a calendar month, by engine and model, by scenario and by day. It is counted when it is
    known: the transcript is there, or the report. Deleted jobs stay in it."""
    wanted = month_named(month)
    parts = await _parts(request, gateway, wanted)
    view = UsageMonthView(
        month=wanted.name,
        since=wanted.since,
        until=wanted.until,
        totals=_totals(total(parts)),
        engines=tuple(
            EngineUsageView(kind=kind, engine=engine, model=model, totals=_totals(totals))
            for (kind, engine, model), totals in by(lambda part: (part.kind, part.engine, part.model), parts).items()
        ),
        solutions=tuple(
            SolutionUsageView(solution=solution, totals=_totals(totals))
            for solution, totals in sorted(by(lambda part: part.solution, parts).items())
        ),
        days=tuple(DayUsageView(day=day, totals=_totals(totals)) for day, totals in by(lambda part: part.day, parts).items()),
    )
    return Response(view)


@get(
    "/usage/records",
    opt=Operation(
        needs=Permission.USAGE_READ,
        summary="List a month's usage",
        tag=TAG,
        answers={
            200: Answer(description="Newest first.", content=Page[UsageRecordView], headers={"Link": "The next page."}),
        },
        problems=_BAD_MONTH,
        codes=("invalid_cursor",),
    ).opt,
)
async def list_usage(
    request: ApiRequest,
    gateway: Api,
    month: MonthName = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100, description="Records on a page.")] = 20,
    after: Annotated[str | None, QueryParameter(description="`next_cursor` of the page before.")] = None,
) -> Response[Page[UsageRecordView]]:
    """Everything that was used in a calendar month, one by one. Records are only ever added, and hold no names, titles or
    words."""
    wanted = month_named(month)
    rows = await gateway.ledger.page(
        request.user.tenant_id, since=wanted.since, until=wanted.until, after=cursor_of(after), limit=limit + 1
    )
    shown, following = cut(rows, limit)
    return page(gateway.views.url("/usage/records"), list(map(_record, shown)), following, limit=limit, month=month)


@get(
    "/usage/records.csv",
    opt=Operation(
        needs=Permission.USAGE_READ,
        summary="Export a month's usage",
        tag=TAG,
        answers={200: Answer(description="A record a line.", content={"type": "string"}, media_type=CSV)},
        kept=False,
        problems=_BAD_MONTH,
    ).opt,
)
async def export_usage(request: ApiRequest, gateway: Api, month: MonthName = None) -> Stream:
    """All records of a calendar month as a table (RFC 4180, UTF-8), newest first. No cell begins as a formula does."""
    wanted = month_named(month)
    records = gateway.ledger.walk(request.user.tenant_id, since=wanted.since, until=wanted.until)
    headers = {"Content-Disposition": f"attachment; filename=usage-{wanted.name}.csv"}
    return Stream(sheet(records), media_type=CSV, headers=headers)


@get(
    "/usage/statement.pdf",
    opt=Operation(
        needs=Permission.USAGE_READ,
        summary="Fetch a month's statement",
        tag=TAG,
        answers={200: Answer(description="The statement.", content=_PDF, media_type=PDF)},
        problems=_BAD_MONTH,
    ).opt,
)
async def get_statement(
    request: ApiRequest,
    gateway: Api,
    month: MonthName = None,
    language: Annotated[ReportLanguage, QueryParameter(description="Of the statement.")] = "en",
) -> Response[bytes]:
    """A calendar month on paper: the tenant, the sums by engine and model, by scenario and by day. They are those of the
    table."""
    wanted = month_named(month)
    statement = Statement(
        tenant_id=request.user.tenant_id,
        tenant_name=request.user.tenant_name,
        month=wanted,
        parts=await _parts(request, gateway, wanted),
        made_at=dt.datetime.now(dt.UTC),
        language=language,
    )
    headers = {"Content-Disposition": f"inline; filename=statement-{wanted.name}.pdf"}
    return Response(await asyncio.to_thread(rendered, statement), media_type=PDF, headers=headers)


async def _parts(request: ApiRequest, gateway: Gateway, month: Month) -> list[UsageSum]:
    rows = await gateway.ledger.sums(request.user.tenant_id, since=month.since, until=month.until)
    return msgspec.convert(rows, list[UsageSum])


def _totals(totals: Totals) -> UsageTotalsView:
    return UsageTotalsView(
        transcriptions=totals.transcriptions,
        reports=totals.reports,
        audio_seconds=totals.audio_ms / 1000,
        stored_bytes=totals.stored_bytes,
        tokens=totals.tokens,
        costs=tuple(MoneyView(amount=f"{amount:f}", currency=currency) for currency, amount in sorted(totals.costs.items())),
        unpriced=totals.unpriced,
    )


def _record(record: UsageRecord) -> UsageRecordView:
    priced = record.amount is not None and record.currency is not None
    return UsageRecordView(
        id=record.id,
        at=record.at,
        job_id=record.job_id,
        kind=record.kind,
        run=record.run,
        attempt=record.attempt,
        solution=record.solution,
        engine=record.engine,
        model=record.model,
        audio_seconds=record.audio_ms / 1000,
        stored_bytes=record.stored_bytes,
        tokens=record.tokens,
        cost=MoneyView(amount=f"{record.amount:f}", currency=record.currency or "") if priced else None,
    )
