"""What a language model is asked for a report: requests, bytes and tokens by the hour, and the CPU time to work them out."""

from __future__ import annotations

import time
from itertools import cycle

import msgspec

from services.reporter.analysis.claims import Brief, Draft
from services.reporter.analysis.evidence import Verifier, verify
from services.reporter.analysis.llm import write
from services.reporter.chat_wire import Dialect, request_body
from services.reporter.chats import Fate, Prompt, Reply, Terms
from shared.schemas.jobs import LlmAllowance, ReportLanguage
from shared.schemas.transcripts import Segment, Transcript
from shared.solutions import load_solutions
from tests.bench.figures import Aim, Cell, Table, at_most
from tests.bench.ground import Ground
from tests.fakes.chat import Asked
from tests.fakes.models import honest
from tests.meetings import CHINESE, ENGLISH, load
from tests.speech import transcript

HOUR_MS = 3_600_000
CONTEXTS = (32_768, 131_072)
SCENARIO = "meeting_minutes"
NOTE = """\
Real meetings (`tests/data/meetings`), one after the other until the time is full, reported on after `meeting_minutes`, by a
model that quotes what it is shown. A context of 32k is the default, 128k what most rented models have. Bytes are the bodies of
the requests; prompt tokens our estimate. "Beside the text" compares the bytes with those of the words alone, read once. CPU is
that of working out the prompts, reading the answers and checking every statement, each round from the beginning, as render
processes do."""


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What one report took."""

    requests: int
    sent: int
    tokens: int
    cpu_seconds: float
    complete: bool


async def measure(ground: Ground) -> list[Table]:
    """Every length, language and context."""
    del ground
    rows: list[tuple[Cell, ...]] = []
    aims: list[Aim] = []
    for language, names in (("English", ENGLISH), ("Chinese", CHINESE)):
        for hours in (1, 8):
            heard = _hours(names, hours)
            text = sum(len(segment.text.encode()) for segment in heard.segments)
            for context in CONTEXTS:
                taken = _report(heard, "zh-Hant" if language == "Chinese" else "en", context)
                ratio = taken.sent / text
                per_hour = (taken.requests / hours, taken.sent / 1e3 / hours, taken.tokens / hours)
                rows.append((f"{hours} h {language}, {context // 1024}k", taken.requests, *per_hour, ratio, taken.cpu_seconds))
                aims.append(at_most(f"bytes sent, {hours} h {language}, {context // 1024}k", ratio, 2.5, "of the text's"))
                assert taken.complete, "a segment was not read"
    columns = ("recording, context", "requests", "requests/h", "kB sent/h", "prompt tokens/h", "beside the text", "CPU s")
    return [Table(title="What a language model is asked", columns=columns, rows=tuple(rows), note=NOTE, aims=tuple(aims))]


def _hours(names: tuple[str, ...], hours: int) -> Transcript:
    """So many hours of meetings, the speakers of all of them among each other."""
    sources = [load(name).transcript() for name in names]
    segments: list[Segment] = []
    start = 0
    for number, source in enumerate(cycle(sources)):
        for segment in source.segments:
            if start + segment.end_ms > hours * HOUR_MS:
                return transcript(segments, language=source.language)
            moved = {"start_ms": start + segment.start_ms, "end_ms": start + segment.end_ms, "id": f"{number:03d}.{segment.id}"}
            segments.append(msgspec.structs.replace(segment, **moved))
        start += source.media.duration_ms
    raise AssertionError("the meetings never end")


def _report(heard: Transcript, language: ReportLanguage, context: int) -> Taken:
    encoded, replies = msgspec.json.encode(heard), dict[str, Reply]()
    terms = _terms(context)
    requests, sent, tokens, cpu = 0, 0, 0, 0.0
    while True:
        began = time.process_time()
        brief = Brief(
            solution=load_solutions()[SCENARIO], transcript=msgspec.json.decode(encoded, type=Transcript), language=language
        )
        verifier = Verifier(brief)
        result = write(brief, terms, replies, verifier.doubts)
        if isinstance(result, Draft):
            verify(result, brief, verifier)
            cpu += time.process_time() - began
            return Taken(requests=requests, sent=sent, tokens=tokens, cpu_seconds=cpu, complete=not result.unread)
        cpu += time.process_time() - began
        requests += len(result)
        sent += sum(len(request_body(prompt, terms, Dialect())) for prompt in result)
        tokens += sum(prompt.tokens for prompt in result)
        replies |= {prompt.key: _reply(prompt) for prompt in result}


def _reply(prompt: Prompt) -> Reply:
    messages = [{"role": message.role, "content": message.content} for message in prompt.messages]
    text = honest(Asked(authorization=None, body={"messages": messages}, size=0))
    return Reply(fate=Fate.ANSWERED, text=text, prompt_tokens=prompt.tokens, completion_tokens=len(text) // 4)


def _terms(context: int) -> Terms:
    return Terms(
        model="quoting",
        host="bench",
        context_tokens=context,
        max_output_tokens=6_000,
        temperature=0.2,
        prompt_price=None,
        completion_price=None,
        allowance=LlmAllowance(tokens=100_000_000),
    )
