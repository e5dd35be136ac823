"""What a scenario template says about a job: which inputs and modes it takes, and what it wishes of the engine."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, assert_never

import msgspec

from services.gateway.codes import Code
from services.gateway.problems import Problem, invalid, refused
from services.gateway.store.engines import Choice
from services.gateway.texts import clean_line
from shared.engines import EngineRefused, choose, may_use
from shared.errors import JobError
from shared.languages import AUTO, canonical
from shared.schemas.engines import EngineOffer, base_language
from shared.schemas.jobs import Analysis, JobOptions, ReportMode, SpeakerRange
from shared.schemas.solutions import Input, InputType, Solution
from shared.solutions import Solutions, find

PROVIDER_ANALYSES = (Analysis.CHAPTERS, Analysis.SUMMARY, Analysis.HIGHLIGHTS)
"""What a speech engine is asked for when it is to write the report."""

_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,15})?")


def solution_of(solutions: Solutions, name: str) -> Solution:
    """By id or alias; raises `Problem` 422."""
    try:
        return find(solutions, name)
    except JobError as error:
        raise refused("/solution", error.failure) from None


def check_mode(solution: Solution, mode: ReportMode | None) -> None:
    """Raises `Problem` 422 for a mode that the solution does not have."""
    if mode is None or mode in solution.writers:
        return
    modes = ", ".join(solution.writers)
    able = f"its reports are written by {modes}" if modes else "it is a transcript without a report"
    raise invalid("/report_mode", "mode_not_available", f"The solution {solution.id} cannot be written by {mode}: {able}.")


def checked_inputs(solution: Solution, given: Mapping[str, str]) -> dict[str, str]:
    """The inputs, cleaned and in the solution's order; blank ones count as not given. Raises `Problem` 422."""
    known = {one.id for one in solution.inputs}
    for name in given:
        if name not in known:
            there = f"it takes: {', '.join(sorted(known))}" if known else "it takes none"
            raise _wrong(name, "unknown_input", f"The solution {solution.id} has no input {name!r}; {there}.")
    values = {one.id: _value(one, given.get(one.id, "")) for one in solution.inputs}
    return {name: value for name, value in values.items() if value is not None}


def with_wishes(options: JobOptions, solution: Solution, choice: Choice, *, size: int | None) -> JobOptions:
    """The options with what the solution wishes and the job leaves open, as far as the engine that the job gets can do it.

    A wish never changes which engine that is, and never makes it refuse the job. While no engine is known, only the script,
    which no engine needs to know of, is filled in.
    """
    wishes = solution.transcription
    options = msgspec.structs.replace(options, script=options.script or wishes.script)
    try:
        engine = choose(options, choice.rules, choice.offers, size=size)
    except EngineRefused:
        return options
    fitting = _Fitting(choice=choice, engine=engine, size=size)
    if options.language == AUTO and wishes.language is not None:
        options = fitting.with_change(options, language=canonical(wishes.language) or AUTO)
    if options.speakers is None and wishes.speakers is not None and not options.channels:
        least, most = wishes.speakers
        options = fitting.with_change(options, speakers=SpeakerRange(min=least, max=most))
    if terms := fitting.terms(options, solution):
        options = fitting.with_change(options, vocabulary=terms)
    if options.report_mode is ReportMode.PROVIDER:
        for analysis in PROVIDER_ANALYSES:
            options = fitting.with_change(options, analyses=tuple(dict.fromkeys((*options.analyses, analysis))))
    return options


def check_findings(options: JobOptions, choice: Choice) -> None:
    """Raises `Problem` 422 when the engine is to write the report, and finds out nothing that a report can be made of."""
    if options.report_mode is not ReportMode.PROVIDER or not choice.offers or set(options.analyses) & set(PROVIDER_ANALYSES):
        return
    usable = [offer for offer in choice.offers if may_use(choice.rules, offer)]
    able = [offer.name for offer in usable if offer.capabilities.analyses & set(PROVIDER_ANALYSES)]
    advice = f"choose one of these engines: {', '.join(sorted(able))}" if able else "ask for report_mode extractive"
    detail = f"The speech engine finds out nothing about this recording that a report can be made of; {advice}."
    raise invalid("/report_mode", "mode_not_available", detail, engines=sorted(able))


@dataclass(frozen=True, kw_only=True)
class _Fitting:
    """Tries wishes on the engine that a job gets without them."""

    choice: Choice
    engine: EngineOffer
    size: int | None

    def with_change(self, options: JobOptions, **change: Any) -> JobOptions:
        """The options with the change, if the engine can do that too; else without."""
        changed = msgspec.structs.replace(options, **change)
        try:
            engine = choose(changed, self.choice.rules, self.choice.offers, size=self.size)
        except EngineRefused:
            return options
        return changed if engine.name == self.engine.name else options

    def terms(self, options: JobOptions, solution: Solution) -> tuple[str, ...]:
        """The job's key terms and as many of the solution's as leave room for the tenant's."""
        own = solution.transcription.vocabulary
        if isinstance(own, dict):
            spoken = {"zh": "zh-Hant", "yue": "zh-Hant", "en": "en"}.get(base_language(options.language))
            own = next((terms for language, terms in own.items() if language == spoken), ())
        limits = self.engine.capabilities.vocabulary
        if limits is not None:
            own = tuple(term for term in own if len(term.split()) <= limits.words)
            own = own[: max(0, limits.most(options.language) - len(options.vocabulary) - len(self.choice.rules.vocabulary))]
        return tuple(dict.fromkeys((*options.vocabulary, *own)))


def _value(wanted: Input, given: str) -> str | None:
    value = clean_line(given)
    if value is None:
        if wanted.required:
            raise _wrong(wanted.id, "input_missing", f"The solution needs the input {wanted.id!r} ({wanted.label['en']}).")
        return None
    if len(value) > wanted.max:
        detail = f"The input {wanted.id!r} has {len(value)} characters; {wanted.max} are allowed."
        raise _wrong(wanted.id, "input_too_long", detail)
    if not _has_type(value, wanted.type):
        kind = "a number such as 1250.5" if wanted.type is InputType.NUMBER else "a date such as 2026-11-28"
        raise _wrong(wanted.id, "input_not_valid", f"The input {wanted.id!r} must be {kind}, not {value[:40]!r}.")
    return value


def _has_type(value: str, kind: InputType) -> bool:
    match kind:
        case InputType.STRING:
            return True
        case InputType.NUMBER:
            return _NUMBER.fullmatch(value) is not None
        case InputType.DATE:
            return _is_date(value)
        case _:
            assert_never(kind)


def _is_date(value: str) -> bool:
    try:
        return dt.date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _wrong(name: str, code: Code, detail: str) -> Problem:
    pointer = name.replace("~", "~0").replace("/", "~1")
    return invalid(f"/inputs/{pointer}", code, detail)
