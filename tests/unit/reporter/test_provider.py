from __future__ import annotations

import msgspec
import pytest

from services.reporter.analysis.evidence import verify
from services.reporter.analysis.provider import take_over
from services.reporter.blocks import Findings
from shared.schemas.reports import Doubt, Item
from shared.schemas.solutions import Section, SectionFormat, SectionKind
from shared.schemas.transcripts import Chapter, Entity, Highlight, Insights, Moment
from tests.evidencing import ACTION_COLUMNS, MEETING, brief, reported, section

OVERVIEW = section("overview", kind=SectionKind.OVERVIEW, form=SectionFormat.PARAGRAPH)
OUTLINE = section("outline", kind=SectionKind.OUTLINE, form=SectionFormat.TIMELINE)
KEYWORDS = section("keywords", kind=SectionKind.KEYWORDS, form=SectionFormat.TERMS)
POINTS = section()

INSIGHTS = Insights(
    summary="The budget of 3.5 million dollars is spent, so they will not ship. The supplier wants to be paid in advance. "
    "They agreed to fire Mallory.",
    chapters=(
        Chapter(start_ms=0, end_ms=20_000, headline="The budget", summary="It is spent: three and a half million dollars."),
        Chapter(start_ms=20_000, end_ms=50_000, headline="Revenue grew twenty-five percent"),
    ),
    highlights=(
        Highlight(text="contract", count=1, moments=(Moment(start_ms=10_000, end_ms=12_000),)),
        Highlight(text="revenue", count=1, moments=(Moment(start_ms=24_000, end_ms=25_000),)),
        Highlight(text="world peace", count=1, moments=(Moment(start_ms=24_000, end_ms=25_000),)),
    ),
    entities=(
        Entity(type="person_name", text="John Miller", start_ms=13_000, end_ms=14_000),
        Entity(type="location", text="Taichung", start_ms=41_000, end_ms=42_000),
        Entity(type="money_amount", text="three and a half million dollars", start_ms=5_000, end_ms=8_000),
    ),
)


def _items(template: Section, insights: Insights = INSIGHTS) -> tuple[tuple[Item, ...], tuple[Item, ...]]:
    about = brief(msgspec.structs.replace(MEETING, insights=insights), template)
    draft = take_over(about)
    assert draft is not None
    [part] = verify(draft, about).sections
    return part.items, part.unverified


def test_the_engines_summary_is_the_overview_as_far_as_it_is_true() -> None:
    """Each of its sentences leads to what bears it out; one that nothing bears out is set apart."""
    items, unverified = _items(OVERVIEW)
    assert [item.text for item in items] == [
        "The budget of 3.5 million dollars is spent, so they will not ship.",
        "The supplier wants to be paid in advance.",
    ]
    assert [item.refs[0].segment_id for item in items] == [MEETING.segments[0].id, MEETING.segments[4].id]
    assert [item.text for item in unverified] == ["They agreed to fire Mallory."]
    assert Doubt.UNKNOWN_SPEAKER in unverified[0].doubts


def test_without_a_summary_the_chapters_tell_what_it_is_about() -> None:
    """What they say, or else their headlines."""
    items, _ = _items(OVERVIEW, msgspec.structs.replace(INSIGHTS, summary=None))
    assert [item.text for item in items] == [
        "It is spent: three and a half million dollars.",
        "Revenue grew twenty-five percent",
    ]


def test_chapters_are_the_course_of_the_recording() -> None:
    """With the moment in the chapter that the words come from."""
    items, _ = _items(OUTLINE)
    assert [(item.label, item.text, item.refs[0].segment_id) for item in items] == [
        ("The budget", "It is spent: three and a half million dollars.", MEETING.segments[0].id),
        (None, "Revenue grew twenty-five percent", MEETING.segments[2].id),
    ]


def test_highlights_and_names_are_the_keywords() -> None:
    """Amounts and dates are no terms; what was not said at that moment rests on nothing."""
    items, unverified = _items(KEYWORDS)
    assert [item.text for item in items] == ["contract", "revenue", "John Miller", "Taichung"]
    assert [(item.text, item.doubts) for item in unverified] == [("world peace", (Doubt.NO_REFERENCE,))]


@pytest.mark.parametrize(
    ("cues", "texts"),
    [
        (
            (),
            [
                "Um, I'll send the contract to John Miller by November thirtieth.",
                "Revenue grew twenty-five percent in the third quarter.",
            ],
        ),
        (("percent",), ["Revenue grew twenty-five percent in the third quarter."]),
        (("lawsuit",), []),
    ],
)
def test_highlighted_sentences_are_points_of_their_subject(cues: tuple[str, ...], texts: list[str]) -> None:
    """Word for word, and only where they hold a cue of the section."""
    template = section(cues=cues)
    about = brief(msgspec.structs.replace(MEETING, insights=INSIGHTS), template, OUTLINE)
    draft = take_over(about)
    assert draft is not None
    assert [claim.text for claim in draft.claims["points"]] == texts


@pytest.mark.parametrize(
    "template",
    [
        section("actions", kind=SectionKind.ACTIONS, form=SectionFormat.TABLE, columns=ACTION_COLUMNS),
        section("decisions", kind=SectionKind.DECISIONS),
        section(roles=("lawyer",)),
    ],
)
def test_what_the_engine_does_not_know_stays_empty(template: Section) -> None:
    """It tells neither who undertook what nor who plays which part; nothing is made up for it."""
    assert take_over(brief(msgspec.structs.replace(MEETING, insights=INSIGHTS), template)) is None


@pytest.mark.parametrize("insights", [None, Insights(), Insights(sentiments=(), summary="")])
def test_an_engine_that_found_nothing_writes_no_report(insights: Insights | None) -> None:
    """Whoever is next in line does."""
    about = brief(msgspec.structs.replace(MEETING, insights=insights), OVERVIEW, OUTLINE, KEYWORDS, POINTS)
    assert take_over(about) is None


def test_what_was_taken_over_is_not_told_twice() -> None:
    """The engine's own chapters are the sections already; its other findings stand where they always do."""
    about = brief(msgspec.structs.replace(MEETING, insights=INSIGHTS), OVERVIEW)
    draft = take_over(about)
    assert draft is not None
    _, document = reported(about, draft)
    assert [block.label for block in document.blocks if isinstance(block, Findings)] == ["Names and figures"]
