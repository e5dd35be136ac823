"""A render process: reads requests from its standard input, answers on its standard output, and dies with its parent.

Started by `services.reporter.workers`; imports and fonts stay warm from one report to the next. What it renders was
said by strangers, so it has no secrets in its environment, and it is the first to go when memory runs out.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, assert_never

import msgspec

from services.reporter.analysis.claims import Brief, Draft
from services.reporter.analysis.evidence import Verifier, verify
from services.reporter.analysis.modes import order
from services.reporter.analysis.writing import Unwritten, Writing
from services.reporter.blocks import Document
from services.reporter.document import compose
from services.reporter.facts import Content, build_report, report_language
from services.reporter.protocol import LENGTH_BYTES, Answer, Asking, Assignment, Done, Failed, Open, Render, Request, frame
from services.reporter.renderers import render
from services.reporter.revising import revise_report
from shared.schemas.reports import Report
from shared.schemas.transcripts import Transcript

_PR_SET_PDEATHSIG = 1
_REQUESTS = msgspec.msgpack.Decoder(Request)
_TRANSCRIPTS = msgspec.json.Decoder(Transcript)
_REPORTS = msgspec.json.Decoder(Report)
_ENCODER = msgspec.json.Encoder()


class Session:
    """Answers requests, one report after the other."""

    def __init__(self) -> None:
        self._document: Document | None = None

    def answer(self, request: Request) -> Answer:
        """Do what is asked. Any exception is an answer too."""
        try:
            return self._do(request)
        except msgspec.MsgspecError as error:
            return Failed(code="transcript_unreadable", where=_place(error))
        except Exception as error:
            return Failed(code="render_failed", where=_place(error))

    def _do(self, request: Request) -> Done | Asking:
        match request:
            case Open():
                return self._open(request.assignment)
            case Render():
                assert self._document is not None, "nothing is open"
                rendering = render(self._document, request.format)
                return Done(data=rendering.data, substituted=rendering.substituted)
            case _:
                assert_never(request)

    def _open(self, assignment: Assignment) -> Done | Asking:
        self._document = None
        transcript = _TRANSCRIPTS.decode(assignment.transcript)
        report = _report(assignment, transcript)
        if isinstance(report, Asking):
            return report
        self._document = compose(report, transcript, assignment.solution)
        return Done(data=_ENCODER.encode(report))


def _report(assignment: Assignment, transcript: Transcript) -> Report | Asking:
    """The report that is there, carried over to an edited transcript; else a new one, or what must be asked for it."""
    if assignment.report is not None:
        return revise_report(_REPORTS.decode(assignment.report), assignment, _brief(assignment, transcript))
    content = _content(assignment, transcript)
    return content if isinstance(content, Asking) else build_report(assignment, transcript, content)


def _content(assignment: Assignment, transcript: Transcript) -> Content | Asking:
    """What is written under the scenario's headings and checked, or what must be asked for it."""
    modes = order(assignment.options, assignment.solution)
    if not modes:
        return Content()
    brief = _brief(assignment, transcript)
    verifier = Verifier(brief)
    written = Writing(brief, verifier, terms=assignment.llm, replies=assignment.replies).write(modes)
    match written:
        case Draft():
            verified = verify(written, brief, verifier)
            return Content(
                sections=verified.sections,
                mode=written.mode,
                model=written.model,
                usage=written.usage,
                roles=verified.roles,
                notes=verified.notes,
                excluded=verified.excluded,
                unread=written.unread,
            )
        case Unwritten():
            return Content(notes=written.notes, usage=written.usage)
        case _:
            return Asking(prompts=written)


def _brief(assignment: Assignment, transcript: Transcript) -> Brief:
    options, solution = assignment.options, assignment.solution
    return Brief(
        solution=solution,
        transcript=transcript,
        language=report_language(options, solution, transcript),
        title=options.title,
        inputs=options.inputs,
    )


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer until the requests end."""
    session = Session()
    while length := requests.read(LENGTH_BYTES):
        request = _REQUESTS.decode(requests.read(int.from_bytes(length, "big")))
        answers.write(frame(session.answer(request)))
        answers.flush()


def main() -> None:
    """Serve the parent at the other end of the pipes."""
    _die_with_parent(int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The parent finishes what runs, then closes the pipe.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # Nothing but answers may go up the pipe.
    gc.set_threshold(100_000, 20, 20)  # A transcript is tens of thousands of objects and no cycles.
    serve(sys.stdin.buffer, answers)


def _die_with_parent(parent: int) -> None:
    """Be killed when the parent is, even in the middle of a request. Elsewhere than on Linux, end at the next one."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)  # It died before we asked.


def _place(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(last.filename).name}:{last.lineno}"


if __name__ == "__main__":
    main()
