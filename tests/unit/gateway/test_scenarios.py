"""What a scenario asks of a job, and what its wishes add to one."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from services.gateway.problems import Problem
from services.gateway.scenarios import check_findings, check_mode, checked_inputs, solution_of, with_wishes
from services.gateway.store.engines import Choice
from shared.schemas.engines import Capabilities, EngineOffer, EngineRules, Feature, VocabularyLimits
from shared.schemas.jobs import Analysis, ArtifactFormat, JobOptions, ReportMode, Script, SpeakerRange
from shared.schemas.solutions import Input, InputType, LocalisedTitle, Section, Solution, TranscriptionWishes
from shared.solutions import load_solutions

BOTH: LocalisedTitle = {"zh-Hant": "名稱", "en": "Name"}
VISIT = Solution(
    id="site_visit",
    version=1,
    title=BOTH,
    description=BOTH,
    inputs=(
        Input(id="site", label=BOTH, required=True, max=12),
        Input(id="day", label=BOTH, type=InputType.DATE),
        Input(id="area", label=BOTH, type=InputType.NUMBER),
    ),
    transcription=TranscriptionWishes(
        language="en", speakers=(2, 4), vocabulary={"zh-Hant": ("鋼筋",), "en": ("rebar", "formwork")}, script=Script.TAIWAN
    ),
    sections=(Section(id="defects", title=BOTH),),
    modes=(ReportMode.LLM, ReportMode.EXTRACTIVE, ReportMode.PROVIDER),
    artifacts=(ArtifactFormat.PDF,),
)
PLAIN = EngineOffer(name="plain", rented=False, is_default=True, capabilities=Capabilities(languages=frozenset({"en"})))
ABLE = EngineOffer(
    name="able",
    rented=True,
    capabilities=Capabilities(
        features=frozenset(Feature),
        analyses=frozenset({Analysis.CHAPTERS, Analysis.SUMMARY, Analysis.TOPICS}),
        vocabulary=VocabularyLimits(terms=3),
    ),
)


def wished(*offers: EngineOffer, solution: Solution = VISIT, rules: EngineRules | None = None, **options: Any) -> JobOptions:
    """The options of a job after the solution's wishes."""
    choice = Choice(offers=offers, rules=rules or EngineRules())
    return with_wishes(JobOptions(**options), solution, choice, size=None)


def refused(problem: pytest.ExceptionInfo[Problem]) -> tuple[int, str, str]:
    """Status, code and pointer."""
    return problem.value.status, problem.value.code, problem.value.errors[0].pointer


def test_wishes_fill_what_the_job_leaves_open() -> None:
    """Language, speakers, key terms and script of the scenario go to an engine that takes them."""
    options = wished(ABLE, engine="able")
    assert (options.language, options.speakers) == ("en", SpeakerRange(min=2, max=4))
    assert (options.vocabulary, options.script) == (("rebar", "formwork"), Script.TAIWAN)


def test_the_job_has_the_last_word() -> None:
    """What it says itself stays, and its own key terms come first."""
    options = wished(
        ABLE,
        engine="able",
        language="zh-Hant",
        speakers=SpeakerRange(min=1, max=1),
        vocabulary=("Chen",),
        script=Script.HONG_KONG,
    )
    assert (options.language, options.speakers) == ("zh-Hant", SpeakerRange(min=1, max=1))
    assert (options.vocabulary, options.script) == (("Chen", "鋼筋"), Script.HONG_KONG)


def test_a_wish_that_the_engine_cannot_meet_is_left_out() -> None:
    """A scenario never makes an engine refuse a job, nor the job go to another engine."""
    options = wished(PLAIN, ABLE)
    assert (options.language, options.speakers, options.vocabulary) == ("en", None, ())
    chinese = msgspec.structs.replace(VISIT, transcription=TranscriptionWishes(language="zh-Hant", speakers=(2, 2)))
    assert wished(PLAIN, ABLE, solution=chinese).language == "auto"


def test_key_terms_leave_room_for_the_tenants() -> None:
    """As many as the engine takes: the job's, then the tenant's, then the scenario's."""
    assert wished(ABLE, engine="able", vocabulary=("a", "b"), rules=EngineRules(vocabulary=("t",))).vocabulary == ("a", "b")
    assert wished(ABLE, engine="able", vocabulary=("a",), rules=EngineRules(vocabulary=("t",))).vocabulary == ("a", "rebar")


def test_key_terms_of_a_language_wait_for_the_language() -> None:
    """Chinese terms would mislead an engine that hears English, so nothing is given while nobody knows."""
    detected = msgspec.structs.replace(
        VISIT, transcription=msgspec.structs.replace(VISIT.transcription, language=None, vocabulary={"en": ("rebar",)})
    )
    assert wished(ABLE, engine="able", solution=detected).vocabulary == ()
    assert wished(ABLE, engine="able", solution=detected, language="en-GB").vocabulary == ("rebar",)
    any_language = msgspec.structs.replace(VISIT, transcription=TranscriptionWishes(vocabulary=("BIM",)))
    assert wished(ABLE, engine="able", solution=any_language).vocabulary == ("BIM",)


def test_channels_speak_for_themselves() -> None:
    """Where each channel is a speaker, the scenario's number of speakers is of no use."""
    assert wished(ABLE, engine="able", channels=True).speakers is None


def test_before_engines_are_known_only_the_script_is_filled_in() -> None:
    """The engine that will do the job may not take the rest."""
    assert wished() == JobOptions(script=Script.TAIWAN)


def test_an_engine_that_is_to_write_the_report_is_asked_for_its_findings() -> None:
    """Those that it has; with none, the job is refused at once and told who could."""
    options = wished(ABLE, engine="able", report_mode=ReportMode.PROVIDER, analyses=(Analysis.TOPICS,))
    assert options.analyses == (Analysis.TOPICS, Analysis.CHAPTERS, Analysis.SUMMARY)
    check_findings(options, Choice(offers=(PLAIN, ABLE)))
    with pytest.raises(Problem, match="choose one of these engines: able") as problem:
        check_findings(wished(PLAIN, ABLE, report_mode=ReportMode.PROVIDER), Choice(offers=(PLAIN, ABLE)))
    assert refused(problem) == (422, "mode_not_available", "/report_mode")
    assert wished(ABLE, engine="able").analyses == ()


@pytest.mark.parametrize(
    ("given", "code", "at", "message"),
    [
        ({}, "input_missing", "site", r"needs the input 'site' \(Name\)"),
        ({"site": " \u200b "}, "input_missing", "site", "needs the input"),
        ({"site": "Harbour", "sight": "x"}, "unknown_input", "sight", "has no input 'sight'; it takes: area, day, site"),
        ({"site": "Harbour", "a/b": "x"}, "unknown_input", "a~1b", "has no input"),
        ({"site": "x" * 13}, "input_too_long", "site", "has 13 characters; 12 are allowed"),
        ({"site": "Harbour", "day": "28 Nov"}, "input_not_valid", "day", "a date such as 2026-11-28, not '28 Nov'"),
        ({"site": "Harbour", "day": "2026-02-30"}, "input_not_valid", "day", "a date"),
        ({"site": "Harbour", "day": "20261128"}, "input_not_valid", "day", "a date"),
        ({"site": "Harbour", "area": "1,250"}, "input_not_valid", "area", "a number such as 1250.5"),
        ({"site": "Harbour", "area": "nan"}, "input_not_valid", "area", "a number"),
    ],
)
def test_an_input_that_does_not_fit_is_pointed_at(given: dict[str, str], code: str, at: str, message: str) -> None:
    """Unknown, missing, too long, of another type."""
    with pytest.raises(Problem, match=message) as problem:
        checked_inputs(VISIT, given)
    assert refused(problem) == (422, code, f"/inputs/{at}")


def test_inputs_are_cleaned_and_ordered() -> None:
    """As lines without anything invisible, in the scenario's order; blank ones are not there."""
    given = {"day": "2026-11-28", "site": " Har\u202ebour\n 3 ", "area": ""}
    assert list(checked_inputs(VISIT, given).items()) == [("site", "Harbour 3"), ("day", "2026-11-28")]


def test_a_mode_that_the_scenario_does_not_have_is_refused() -> None:
    """With the modes there are, or that there is no report at all."""
    solutions = load_solutions()
    check_mode(solutions["legal_consultation"], ReportMode.EXTRACTIVE)
    with pytest.raises(Problem, match="legal_consultation cannot be written by provider: its reports are written by llm, extr"):
        check_mode(solutions["legal_consultation"], ReportMode.PROVIDER)
    with pytest.raises(Problem, match="verbatim cannot be written by llm: it is a transcript without a report"):
        check_mode(solutions["verbatim"], ReportMode.LLM)


def test_a_scenario_is_found_by_an_old_name() -> None:
    """And an unknown one is never replaced by another."""
    solutions = load_solutions()
    assert solution_of(solutions, "executive_meeting").id == "executive_decisions"
    with pytest.raises(Problem) as problem:
        solution_of(solutions, "poetry")
    assert refused(problem) == (422, "unknown_solution", "/solution")
