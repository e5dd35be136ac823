"""A report on a transcript that was edited since: what no longer stands is marked, and nothing else."""

from __future__ import annotations

import msgspec
import pytest

from services.commands.conversations import conversation as sample
from services.reporter.analysis.claims import Brief, Claim, Draft, Source
from services.reporter.analysis.evidence import mark_stale
from services.reporter.protocol import Assignment, Done, Open
from services.reporter.worker import Session
from shared.schemas.jobs import JobOptions, ReportLanguage, ReportMode
from shared.schemas.reports import Cell, Doubt, Evidence, Report, SpeakerRole
from shared.schemas.solutions import EvidencePolicy, SectionFormat, SectionKind, Solution
from shared.schemas.transcripts import Transcript
from shared.solutions import load_solutions
from tests.evidencing import ACTION_COLUMNS, MEETING, brief, cited, reported, section
from tests.speech import JOB, conversation, said, transcript

BUDGET = cited(MEETING, 0, "the budget of three and a half million dollars")
SUPPLIER = cited(MEETING, 4, "The supplier in Taichung wants to be paid in advance")
CONTRACT = cited(MEETING, 1, "I'll send the contract to John Miller by November thirtieth")

BUILT_IN = load_solutions(None)


def edited(number: int, old: str, new: str, *, source: Transcript = MEETING) -> Transcript:
    """The next revision: other words in one segment, by number from 0."""
    return revised(number, text=source.segments[number].text.replace(old, new), source=source)


def revised(number: int, *, source: Transcript = MEETING, **changes: object) -> Transcript:
    """The next revision, in which one segment is another."""
    segments = list(source.segments)
    changed = msgspec.structs.replace(segments[number], edited=1, **changes)
    assert changed != segments[number]
    segments[number] = changed
    return msgspec.structs.replace(source, revision=1, segments=tuple(segments))


def written(*claims: Claim, about: Brief | None = None, roles: tuple[SpeakerRole, ...] = ()) -> Report:
    """A report of one section."""
    about = about or brief()
    report, _ = reported(about, Draft(mode=ReportMode.LLM, claims={about.solution.sections[0].id: claims}, roles=roles))
    return report


def shown(report: Report) -> list[tuple[Evidence, tuple[Doubt, ...]]]:
    """What is said of each statement."""
    return [(item.evidence, item.doubts) for one in report.sections for item in (*one.items, *one.unverified)]


STANDS = (Evidence.VERIFIED, ())
STALE = (Evidence.UNVERIFIED, (Doubt.STALE,))


def test_an_edited_segment_makes_what_rests_on_it_stale() -> None:
    """Every statement whose words are gone, and no other; once they are back it stands again."""
    claims = (
        Claim(text="The supplier in Taichung demands advance payment.", sources=(SUPPLIER,)),
        Claim(text="The budget is $3.5 million.", sources=(BUDGET,)),
    )
    report = written(*claims)
    after = edited(0, "three", "four")
    assert mark_stale(report, brief()) == report
    stale = mark_stale(report, brief(after))
    assert shown(stale) == [STANDS, STALE]
    assert mark_stale(stale, brief(after)) == stale
    assert mark_stale(stale, brief()) == report


def test_punctuation_and_names_make_nothing_stale() -> None:
    """Nobody who mends a comma, or says who speaks, has to check the report again."""
    report = written(Claim(text="The budget is $3.5 million.", sources=(BUDGET,)))
    after = msgspec.structs.replace(edited(0, "Good morning. We", "Good morning, we"), speakers=())
    assert mark_stale(report, brief(after)) == report


def test_a_deleted_segment_and_an_altered_number_are_stale_too() -> None:
    """A point between two digits is not mere punctuation."""
    source = transcript([said("The rate is 1.5 percent this year."), said("Bye.", start=4)])
    claim = Claim(text="The rate is 1.5%.", sources=(cited(source, 0, "The rate is 1.5 percent this year"),))
    report = written(claim, about=brief(source))
    altered = msgspec.structs.replace(source.segments[0], text="The rate is 15 percent this year.")
    for segments in ((source.segments[1],), (altered, source.segments[1])):
        assert shown(mark_stale(report, brief(msgspec.structs.replace(source, segments=segments)))) == [STALE]


@pytest.mark.parametrize(
    ("claim", "number", "old", "new"),
    [
        (
            Claim(text="{spk_B} sends the contract.", sources=(cited(MEETING, 1, "send the contract to John Miller"),)),
            1,
            "I'll send",
            "I will not send",
        ),
        (Claim(text="{spk_B} sends the contract to John Miller.", sources=(CONTRACT,)), 1, "John Miller", "Jane Muller"),
        (
            Claim(text="Revenue grew 25% in Q3.", sources=(cited(MEETING, 2, "Revenue grew twenty-five percent"),)),
            2,
            "third",
            "second",
        ),
    ],
)
def test_words_beside_a_quotation_may_speak_against_the_statement(claim: Claim, number: int, old: str, new: str) -> None:
    """Its own words are there, and yet it is not said any more."""
    report = written(claim)
    assert shown(report) == [STANDS]
    assert shown(mark_stale(report, brief(edited(number, old, new)))) == [STALE]


def test_a_passage_that_is_given_to_another_speaker_makes_stale_what_says_who_said_it() -> None:
    """A quotation under the wrong name is no evidence."""
    report = written(
        Claim(text="The supplier in Taichung wants to be paid in advance", sources=(SUPPLIER,), speaker_id="spk_C"),
        Claim(text="The budget is $3.5 million.", sources=(BUDGET,)),
        about=brief(MEETING, section(kind=SectionKind.QUOTES, form=SectionFormat.QUOTES), section("more")),
    )
    assert shown(report)[0] == STANDS
    assert shown(mark_stale(report, brief(revised(4, speaker_id="spk_B"))))[0] == STALE


def test_the_same_words_elsewhere_are_no_evidence() -> None:
    """The moment that a statement leads to would not hold its words."""
    source = transcript(conversation(("A", "We all agree to the plan."), ("A", "We all agree to the plan.")))
    report = written(
        Claim(text="They agree to the plan.", sources=(cited(source, 0, "We all agree to the plan"),)), about=brief(source)
    )
    assert shown(mark_stale(report, brief(edited(0, "agree to", "refuse", source=source)))) == [STALE]


def test_where_nothing_is_checked_a_statement_is_not_verified_afterwards() -> None:
    """Not even when its words come back."""
    about = brief(MEETING, section(policy=EvidencePolicy.NONE))
    report = written(Claim(text="The budget is fine.", sources=(BUDGET,)), about=about)
    assert shown(report) == [(Evidence.NONE, ())]
    stale = mark_stale(report, brief(edited(0, "three", "four"), section(policy=EvidencePolicy.NONE)))
    assert shown(stale) == [STALE]
    assert mark_stale(stale, about) == report


def test_what_was_doubted_before_keeps_its_doubts() -> None:
    """An edit beside it is no further reason."""
    about = brief(MEETING, section(policy=EvidencePolicy.PREFERRED))
    claims = (
        Claim(text="The budget is $9 million.", sources=(BUDGET,)),
        Claim(text="The budget is spent.", sources=(cited(MEETING, 0, "and nobody cares about it"),)),
        Claim(text="The budget is spent."),
    )
    report = written(*claims, about=about)
    after = brief(edited(0, "Good morning", "Good evening"), section(policy=EvidencePolicy.PREFERRED))
    assert mark_stale(report, after) == report


def test_a_scenario_that_has_changed_since_keeps_no_edit_from_being_marked() -> None:
    """Operators rewrite their scenarios; the quotations are looked up all the same."""
    report = written(Claim(text="The budget is $3.5 million.", sources=(BUDGET,)))
    assert shown(mark_stale(report, brief(edited(0, "three", "four"), section("others")))) == [STALE]


def test_an_owner_who_is_no_longer_asked_makes_a_task_stale() -> None:
    """The words of the task are there, but it is said to somebody else."""
    columns = section("actions", kind=SectionKind.ACTIONS, form=SectionFormat.TABLE, columns=ACTION_COLUMNS)
    task = Claim(
        text="",
        cells=(Cell(column="task", text="Book the room"), Cell(column="owner", speaker_id="spk_B")),
        sources=(Source(segment_id=MEETING.segments[2].id, quote="book the room"),),
    )
    report = written(task, about=brief(MEETING, columns))
    assert shown(report) == [STANDS]
    assert shown(mark_stale(report, brief(edited(2, "Please book the room, Ben", "I book the room"), columns))) == [STALE]


@pytest.mark.parametrize("language", ["en", "zh-Hant"])
@pytest.mark.parametrize("solution", [one for one in BUILT_IN.values() if one.sections], ids=lambda one: one.id)
def test_a_check_that_was_passed_is_passed_again(solution: Solution, language: ReportLanguage) -> None:
    """Every statement of every scenario stands where an edit changed nothing of what was said."""
    title, source = sample(solution.category, language)
    touched = tuple(msgspec.structs.replace(one, edited=1) for one in source.segments)
    options = JobOptions(title=title, solution=solution.id, report_mode=ReportMode.EXTRACTIVE)
    assignment = Assignment(
        job_id=JOB, run=1, options=options, solution=solution, transcript_key="", transcript=msgspec.json.encode(source)
    )
    opened = Session().answer(Open(assignment=assignment))
    assert isinstance(opened, Done)
    report = msgspec.json.decode(opened.data, type=Report)
    assert any(one.items for one in report.sections)
    about = Brief(
        solution=solution,
        transcript=msgspec.structs.replace(source, segments=touched),
        language="en" if report.language == "en" else "zh-Hant",
        title=title,
    )
    assert mark_stale(report, about) == report
