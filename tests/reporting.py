"""A whole reporter with real blobs, a real bus and real render processes, for tests of what comes out of it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from services.reporter.consumers import subscriptions
from services.reporter.language_model import LanguageModel
from services.reporter.reporting import Reporter
from services.reporter.settings import LlmSettings
from services.reporter.workers import RenderProcess, Workers
from shared.blobs import BlobStore, open_blobs, transcript_key
from shared.bus import Envelope, subscription
from shared.bus.memory import MemoryBus
from shared.schemas.events import ReportProgressed, ReportReady, TranscriptReady
from shared.schemas.jobs import ArtifactFormat, JobOptions, LlmAllowance
from shared.schemas.reports import Doubt, Item, Report
from shared.schemas.solutions import Column, ColumnType, LocalisedText, Section, SectionFormat, SectionKind, Solution
from shared.schemas.transcripts import Transcript
from shared.solutions import load_solutions
from tests.fakes.chat import FakeChat
from tests.messaging import Reader
from tests.speech import JOB, TENANT, conversation, said, transcript

PLENTY = LlmAllowance(tokens=10_000_000)

MEETING = transcript(
    conversation(
        ("A", "Good morning everybody, let us talk about the budget for the new office in Taipei."),
        ("B", "We have spent 3.2 million dollars so far, and 1.8 million is left."),
        ("A", "Anna will call the supplier before Friday and ask for a firm date."),
        ("B", "We decided not to renew the lease of the old office."),
        ("A", "What happens if they do not deliver on October 15th?"),
        ("B", "Then we take a look at the penalty clause in the contract."),
        ("A", "I will send the figures to the auditors on Monday."),
        ("B", "All right, thank you all very much for coming today."),
    ),
    names={"A": "Alice Chen", "B": "Bob Lee"},
)


def scenario(**changes: Any) -> Solution:
    """A scenario with a section of each kind that lies matter in."""
    sections = (
        Section(id="points", title=both("Points"), format=SectionFormat.BULLETS),
        Section(
            id="actions",
            title=both("Actions"),
            kind=SectionKind.ACTIONS,
            format=SectionFormat.TABLE,
            columns=(
                Column(id="task", title=both("Task")),
                Column(id="owner", title=both("Owner"), type=ColumnType.SPEAKER),
                Column(id="due", title=both("Due"), type=ColumnType.DATE),
            ),
        ),
        Section(id="quotes", title=both("Quotes"), kind=SectionKind.QUOTES, format=SectionFormat.QUOTES),
    )
    chosen: dict[str, Any] = {"id": "trial", "version": 1, "sections": sections, "artifacts": (ArtifactFormat.MARKDOWN,)}
    return Solution(**{**chosen, "title": both("Trial"), "description": both("A trial"), **changes})


def both(text: str) -> LocalisedText:
    """The same text in both languages."""
    return {"en": text, "zh-Hant": text}


@dataclass(kw_only=True)
class Newsroom:
    """The reporter and what is around it."""

    blobs: BlobStore
    bus: MemoryBus
    solutions: dict[str, Solution]
    ready: Reader = field(default_factory=Reader)
    progress: Reader = field(default_factory=Reader)

    async def keep(self, heard: Transcript, *, tenant_id: UUID = TENANT, job_id: UUID = JOB) -> None:
        """Store a transcript as the transcriber does."""
        await self.blobs.put(transcript_key(tenant_id, job_id, 1), msgspec.json.encode(heard))

    async def deliver(self, *, tenant_id: UUID = TENANT, job_id: UUID = JOB, **options: Any) -> ReportReady:
        """Deliver `transcript.ready` once; what the reporter says to it. Raises what its handler raises."""
        event = transcript_ready(tenant_id, job_id, JobOptions(**{"llm": PLENTY, "formats": ("md",), **options}))
        before = len(self.ready.events)
        await self.bus.publish(Envelope.of(event))
        mine = [one for one in self.ready.events[before:] if isinstance(one, ReportReady) and one.job_id == job_id]
        return mine[-1]

    async def report(self, heard: Transcript, **options: Any) -> Written:
        """Store a transcript, have it reported on, and read the report."""
        await self.keep(heard)
        return await self.written(await self.deliver(**options))

    async def written(self, ready: ReportReady) -> Written:
        """What was written for an event."""
        files = {one.name: await self.blobs.get(one.key) for one in ready.artifacts if one.key is not None}
        report = msgspec.json.decode(await self.blobs.get(ready.report_key), type=Report)
        return Written(ready=ready, report=report, files=files)

    async def answers(self) -> list[str]:
        """The keys of what was kept of the language model's answers, and notes of what it was asked."""
        return [info.key async for info in self.blobs.list("t/") if "/report/answers/" in info.key]


@dataclass(frozen=True, kw_only=True)
class Written:
    """A report and its files."""

    ready: ReportReady
    report: Report
    files: dict[str, bytes]

    @property
    def items(self) -> list[Item]:
        """Every statement that stands under its heading."""
        return [item for section in self.report.sections for item in section.items]

    @property
    def doubted(self) -> list[tuple[str, tuple[Doubt, ...]]]:
        """Every statement that is shown apart, and why."""
        return [(item.text, item.doubts) for section in self.report.sections for item in section.unverified]

    def text(self, name: str) -> str:
        """A file's text."""
        return self.files[name].decode()


def transcript_ready(tenant_id: UUID, job_id: UUID, options: JobOptions) -> TranscriptReady:
    """The event that a report begins with."""
    return TranscriptReady(
        tenant_id=tenant_id,
        job_id=job_id,
        options=options,
        transcript_key=transcript_key(tenant_id, job_id, 1),
        raw_key="raw",
        engine="scripted",
        model="s1",
        language="en",
        duration_ms=8000,
    )


@asynccontextmanager
async def newsroom(
    folder: Path, settings: LlmSettings | None = None, *, solutions: Sequence[Solution] = ()
) -> AsyncIterator[Newsroom]:
    """A reporter for the length of a block; `solutions` stand beside those that come with the platform."""
    blobs = await open_blobs("file://", data_dir=folder, credentials={})
    bus = MemoryBus()
    workers = Workers(start=RenderProcess.start, count=1, seconds=60, idle_seconds=60)
    model = LanguageModel(settings=settings or LlmSettings(), blobs=blobs)
    known = {**load_solutions(), **{solution.id: solution for solution in solutions}}
    room = Newsroom(blobs=blobs, bus=bus, solutions=known)
    reporter = Reporter(blobs=blobs, bus=bus, workers=workers, solutions=known, model=model)
    running = asyncio.create_task(model.run())
    told = [subscription("gateway", ReportReady, room.ready), subscription("gateway", ReportProgressed, room.progress)]
    await bus.start([*subscriptions(reporter), *told])
    try:
        yield room
    finally:
        await bus.stop_consuming(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await model.close()
        await workers.close()
        await blobs.close()


def language_model(url: str, **settings: Any) -> LlmSettings:
    """Settings for a fake server."""
    return LlmSettings(llm_url=url, llm_model="fake-1", **settings)


@asynccontextmanager
async def before(server: FakeChat, folder: Path, **settings: object) -> AsyncIterator[Newsroom]:
    """A reporter before a chat server, with the trial scenario."""
    async with server.serving() as url, newsroom(folder, language_model(url, **settings), solutions=[scenario()]) as room:
        yield room


ENGLISH = """
budget supplier contract delivery warehouse invoice customer engineer schedule prototype battery license auditor
marketing campaign training hospital railway bridge tunnel harbour turbine laboratory professor chapter lecture
mortgage tenant heating insurance vaccine orchard vineyard pottery violin theatre museum passport airline luggage
"""
CHINESE = """
預算 供應商 合約 交貨 倉庫 發票 客戶 工程師 時程 原型 電池 授權 會計師 行銷 活動 訓練 醫院 鐵路 橋樑 隧道
港口 渦輪 實驗室 教授 章節 講座 房貸 房客 暖氣 保險 疫苗 果園 葡萄園 陶器 小提琴 劇院 博物館 護照 航空 行李
"""


def long_meeting(hours: float, *, chinese: bool = False) -> Transcript:
    """A meeting in which something else is said every five seconds."""
    chance = random.Random(1)
    words = (CHINESE if chinese else ENGLISH).split()

    def sentence() -> str:
        chosen = chance.sample(words, 8)
        return "、".join(chosen) + "都談到了。" if chinese else f"They talked about {', '.join(chosen)}."

    segments = [
        said(sentence(), by="AB"[n // 7 % 2], start=n * 5.0, seconds=5.0, words=not chinese) for n in range(int(hours * 720))
    ]
    return transcript(segments, language="zh-Hant" if chinese else "en")
