"""A sample report after a scenario, written by code: the very code of the reporter, without the platform around it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import assert_never

import msgspec

from services.commands.conversations import conversation, particulars
from services.reporter.protocol import Answer, Assignment, Done, Failed, Open, Render, Request
from services.reporter.worker import Session
from shared.errors import Audio2txtError, ConfigurationError
from shared.schemas.jobs import ArtifactFormat, JobOptions, ReportLanguage, ReportMode
from shared.schemas.solutions import Input, InputType, Solution
from shared.schemas.transcripts import Transcript

_EXAMPLES: dict[ReportLanguage, str] = {"zh-Hant": "範例", "en": "Example"}


def preview(
    solution: Solution,
    file_format: ArtifactFormat,
    *,
    language: ReportLanguage | None,
    transcript: Path | None,
    inputs: Mapping[str, str],
) -> bytes:
    """The file: of a small conversation that suits the scenario's category, or of a transcript. Inputs that are not given get
    what suits the conversation, or an example.

    Raises `ConfigurationError` for a transcript that cannot be read, and `Audio2txtError` when the scenario cannot be rendered.
    """
    session = Session()
    _answer(session, Open(assignment=assigned(solution, language=language, transcript=transcript, inputs=inputs)))
    return _answer(session, Render(format=file_format)).data


def assigned(
    solution: Solution, *, language: ReportLanguage | None, transcript: Path | None, inputs: Mapping[str, str]
) -> Assignment:
    """What the report is a function of. Raises `ConfigurationError` for a transcript that cannot be read."""
    if transcript is None:
        title, heard = conversation(solution.category, language or "en")
        inputs = {**particulars(solution.category, language or "en"), **inputs}
    else:
        title, heard = transcript.stem, _read(transcript)
    options = JobOptions(
        title=title,
        solution=solution.id,
        report_language=language,
        report_mode=ReportMode.EXTRACTIVE if solution.sections else None,
        inputs={one.id: inputs.get(one.id) or _example(one, language or "en") for one in solution.inputs},
    )
    return Assignment(
        job_id=heard.job_id,
        run=heard.version,
        options=options,
        solution=solution,
        transcript_key="",
        transcript=msgspec.json.encode(heard),
    )


def _example(wanted: Input, language: ReportLanguage) -> str:
    match wanted.type:
        case InputType.STRING:
            return _EXAMPLES[language]
        case InputType.DATE:
            return "2026-11-28"
        case InputType.NUMBER:
            return "1250.5"
        case _:
            assert_never(wanted.type)


def _read(path: Path) -> Transcript:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Transcript)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror or error}.") from None
    except msgspec.DecodeError as error:
        raise ConfigurationError(f"{path} is no transcript: {error}.") from None


def _answer(session: Session, request: Request) -> Done:
    answer: Answer = session.answer(request)
    match answer:
        case Done():
            return answer
        case Failed():
            raise Audio2txtError(f"The sample cannot be rendered: {answer.code} ({answer.where}).")
        case _:
            raise Audio2txtError("The sample is to be written by code, and a language model was to be asked.")
