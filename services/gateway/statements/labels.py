"""The words of statements, in each language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.gateway.store.usage import Kind
from shared.schemas.jobs import ReportLanguage


@dataclass(frozen=True, kw_only=True)
class Labels:
    """Braces are filled by `str.format`."""

    title: str
    tenant: str
    tenant_id: str
    period: str
    period_is: str
    made: str
    time_format: str
    by_engine: str
    by_solution: str
    by_day: str
    kinds: Mapping[Kind, str]
    kind: str
    engine: str
    model: str
    solution: str
    day: str
    count: str
    audio: str
    tokens: str
    cost: str
    total: str
    nothing: str
    unpriced: str
    notes: tuple[str, ...]
    page: str


ENGLISH = Labels(
    title="Usage statement",
    tenant="Tenant",
    tenant_id="Tenant id",
    period="Period (UTC)",
    period_is="{first} to {last}",
    made="Made on",
    time_format="%Y-%m-%d %H:%M UTC",
    by_engine="By engine and model",
    by_solution="By scenario",
    by_day="By day",
    kinds={Kind.TRANSCRIPTION: "Transcription", Kind.REPORT: "Report by a language model"},
    kind="Service",
    engine="Engine",
    model="Model",
    solution="Scenario",
    day="Day (UTC)",
    count="Count",
    audio="Audio, h:m:s",
    tokens="Tokens",
    cost="Cost",
    total="Total",
    nothing="Nothing was used in this period.",
    unpriced="Of {count} records no price is known; they are in no sum.",
    notes=(
        "Counted when the transcript or the report was there. Deleted jobs are included.",
        "Costs are those of the dated price list that held then; they are no invoice of ours.",
    ),
    page="Page {page} of {pages}",
)
CHINESE = Labels(
    title="用量明細表",
    tenant="租戶",
    tenant_id="租戶編號",
    period="期間（UTC）",
    period_is="{first} 至 {last}",
    made="製表時間",
    time_format="%Y-%m-%d %H:%M UTC",
    by_engine="依引擎與模型",
    by_solution="依報告範本",
    by_day="依日期",
    kinds={Kind.TRANSCRIPTION: "語音轉文字", Kind.REPORT: "語言模型撰寫報告"},
    kind="服務",
    engine="引擎",
    model="模型",
    solution="報告範本",
    day="日期（UTC）",
    count="次數",
    audio="錄音長度",
    tokens="Token 數",
    cost="費用",
    total="合計",
    nothing="這段期間沒有任何用量。",
    unpriced="其中 {count} 筆沒有已知價格，未計入合計。",
    notes=(
        "以逐字稿或報告完成的時間計算，已刪除的工作也包含在內。",
        "費用依當時有效的價目表計算，並非本系統開立的帳單。",
    ),
    page="第 {page} 頁，共 {pages} 頁",
)
LABELS: Mapping[ReportLanguage, Labels] = {"en": ENGLISH, "zh-Hant": CHINESE}
