"""`/v1/solutions`: the scenarios that a job can be reported after."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from litestar import Response, get
from litestar.params import FromPath
from msgspec import Meta

from services.gateway.openapi import Answer, Operation
from services.gateway.permissions import Permission
from services.gateway.problems import Problem, code_of
from services.gateway.routes.context import Api
from shared.errors import JobError
from shared.schemas.jobs import ArtifactFormat, ReportMode
from shared.schemas.solutions import (
    ColumnType,
    EvidencePolicy,
    InputType,
    LocalisedText,
    LocalisedTitle,
    Section,
    SectionFormat,
    SectionKind,
    Solution,
)
from shared.solutions import find


class ColumnView(msgspec.Struct, frozen=True, kw_only=True):
    """One column of a section that is a table, or one of its fields."""

    id: str
    title: LocalisedTitle
    type: ColumnType


class SectionView(msgspec.Struct, frozen=True, kw_only=True):
    """One heading of the report."""

    id: Annotated[str, Meta(description="Names it in the report document.", examples=["decisions"])]
    title: LocalisedTitle
    kind: Annotated[SectionKind, Meta(description="What it is about.")]
    format: Annotated[SectionFormat, Meta(description="How it is set.")]
    columns: Annotated[tuple[ColumnView, ...], Meta(description="Of a table or of fields.")]
    evidence: Annotated[
        EvidencePolicy,
        Meta(
            description="What becomes of statements that could not be verified: shown apart (`required`), left out and counted "
            "(`drop`), marked (`preferred`), or not even checked (`none`)."
        ),
    ]


class InputView(msgspec.Struct, frozen=True, kw_only=True):
    """A value that a job may give, or must."""

    id: Annotated[str, Meta(description="Its name in the job's `inputs`.", examples=["matter_no"])]
    label: LocalisedTitle
    type: Annotated[InputType, Meta(description="`string`, `number` such as `1250.5`, or `date` such as `2026-11-28`.")]
    max: Annotated[int, Meta(description="Characters at most.", examples=[40])]
    required: Annotated[bool, Meta(description="Whether jobs without it are refused.")]


class SolutionView(msgspec.Struct, frozen=True, kw_only=True):
    """One scenario."""

    id: Annotated[str, Meta(description="What jobs name it by.", examples=["legal_consultation"])]
    version: Annotated[int, Meta(description="Grows with every change; stands in each report.", examples=[1])]
    aliases: Annotated[tuple[str, ...], Meta(description="Other names that jobs may use.", examples=[["executive_meeting"]])]
    category: Annotated[str, Meta(description="For sorting.", examples=["legal"])]
    audience: Annotated[tuple[str, ...], Meta(description="Whom the report is for.", examples=[["lawyer", "client"]])]
    title: LocalisedTitle
    description: LocalisedText
    output_language: Annotated[
        Literal["transcript", "zh-Hant", "en"],
        Meta(description="Language of reports where the job names none; `transcript` follows the recording."),
    ]
    modes: Annotated[
        tuple[ReportMode, ...],
        Meta(description="Who may write the report, the preferred first; none for a transcript without a report."),
    ]
    inputs: tuple[InputView, ...]
    sections: tuple[SectionView, ...]
    artifacts: Annotated[tuple[ArtifactFormat, ...], Meta(description="Files made where the job names no formats.")]
    allow_cloud_llm: Annotated[bool, Meta(description="Whether a language model outside may read the transcript.")]


class SolutionList(msgspec.Struct, frozen=True, kw_only=True):
    """The scenarios of this installation."""

    data: tuple[SolutionView, ...]


@get(
    "/solutions",
    opt=Operation(
        needs=Permission.SOLUTIONS_READ,
        summary="List the solutions",
        tag="Solutions",
        answers={200: Answer(description="All of them.", content=SolutionList)},
    ).opt,
)
async def list_solutions(gateway: Api) -> Response[SolutionList]:
    """The scenarios a job can be reported after: what each report has in it, what it asks for, which files it makes. Every
    text is there in each language (`zh-Hant`, `en`)."""
    return Response(SolutionList(data=tuple(map(_view, gateway.solutions.values()))))


@get(
    "/solutions/{solution:str}",
    opt=Operation(
        needs=Permission.SOLUTIONS_READ,
        summary="Show a solution",
        tag="Solutions",
        answers={200: Answer(description="The solution.", content=SolutionView)},
        problems={404: "There is no such solution; the answer names those there are."},
        codes=("unknown_solution",),
    ).opt,
)
async def get_solution(gateway: Api, solution: FromPath[str]) -> Response[SolutionView]:
    """One scenario, by its id or an alias."""
    try:
        return Response(_view(find(gateway.solutions, solution)))
    except JobError as error:
        raise Problem(404, code_of(error.failure), error.failure.message) from None


def _view(solution: Solution) -> SolutionView:
    return SolutionView(
        id=solution.id,
        version=solution.version,
        aliases=solution.aliases,
        category=solution.category,
        audience=solution.audience,
        title=solution.title,
        description=solution.description,
        output_language=solution.output_language,
        modes=solution.writers,
        inputs=msgspec.convert(solution.inputs, tuple[InputView, ...], from_attributes=True),
        sections=tuple(_section(section, solution.evidence) for section in solution.sections),
        artifacts=solution.artifacts,
        allow_cloud_llm=solution.privacy.allow_cloud_llm,
    )


def _section(section: Section, usual: EvidencePolicy) -> SectionView:
    return SectionView(
        id=section.id,
        title=section.title,
        kind=section.kind,
        format=section.format,
        columns=msgspec.convert(section.columns, tuple[ColumnView, ...], from_attributes=True),
        evidence=section.evidence or usual,
    )
